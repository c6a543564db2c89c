package groom_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/groom"
	"scalar/internal/pack"

	"go.uber.org/goleak"
)

const (
	roleEnv  = "GROOM_TEST_ROLE"   // of a task
	groomEnv = "GROOM_TEST_CONFIG" // file with the Config of a groom to run
)

// TestMain makes the test binary its own task and its own groom process.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("BSP_TASK") != "":
		os.Exit(task(os.Getenv(roleEnv)))
	case os.Getenv(groomEnv) != "":
		os.Exit(daemon(os.Getenv(groomEnv)))
	}
	// memberlist does not wait for a probe that is under way when it is shut down.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probeNode"))
}

func daemon(file string) int {
	b, err := os.ReadFile(file)
	var cfg groom.Config
	if err == nil {
		err = json.Unmarshal(b, &cfg)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var g *groom.Groom
	if err == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
		g, err = groom.New(cfg)
	}
	if err == nil {
		err = g.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// owner is the task's side of descriptor 3.
type owner struct{ net.Conn }

func (o owner) say(m wire.FromTask) {
	if err := pack.WriteFrame(o, m); err != nil {
		os.Exit(91)
	}
}

func (o owner) hear() (m wire.ToTask) {
	if err := pack.ReadFrame(o, pack.MaxOrders, &m); err != nil {
		os.Exit(0) // the groom has died
	}
	return m
}

// task plays one of several parts.
func task(role string) int {
	fd := os.NewFile(3, "groom")
	conn, err := net.FileConn(fd)
	if err != nil {
		return 90
	}
	syscall.CloseOnExec(3)
	o := owner{conn}
	start := o.hear().Start
	if start == nil {
		return 92
	}
	if role == "mute" {
		time.Sleep(time.Hour)
	}
	if role == "describe" {
		describe(start)
	}
	addr := "0.0.0.0:4711"
	if role == "nowhere" {
		addr = strings.Repeat("x", 17<<20/2)
	}
	o.say(wire.FromTask{Address: &wire.Address{Addr: addr}})
	addrs := o.hear().Connect.Addrs
	fmt.Println("connected to", addrs)
	o.say(wire.FromTask{Progress: &wire.Progress{Superstep: 3, Counters: map[string]int64{"messages": 7}, Note: "3 of 9"}})
	if code := o.act(role, start); code >= 0 {
		return code
	}
	fmt.Println("last line")
	o.say(wire.FromTask{Done: &wire.TaskDone{Supersteps: 9, Parts: []wire.Part{{Peer: 0, Path: "file:///x", Size: 1}}}})
	if role == "linger" {
		time.Sleep(time.Hour)
	}
	return 0
}

// act does what a part is about; it returns -1 if the task goes on to its good end.
func (o owner) act(role string, start *wire.TaskStart) int {
	switch role {
	case "stay":
		o.hear()
	case "obedient": // it is asked once, and stops
		return o.obey()
	case "stubborn", "ghost": // a ghost does not even hear that its groom died
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
		fmt.Println(role, "here")
		time.Sleep(time.Hour)
	case "exit3":
		fmt.Fprintln(os.Stderr, "cannot go on")
		return 3
	case "panic":
		go panic("boom")
		time.Sleep(time.Hour)
	case "suicide":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Hour)
	case "failed":
		o.say(wire.FromTask{Failed: &job.Failure{Kind: job.FaultInput, Code: 1, Message: "line 7: no number", Task: -1, Peer: 2}})
		return 1
	case "nonsense", "boaster", "rogue", "dreamer", "gossip":
		o.lie(role)
	case "greedy":
		o.most(start)
		o.hear()
	case "linklost":
		o.say(wire.FromTask{LinkLost: job.Fail(job.FaultLink, "the link to task 1 broke")})
		return 1
	case "hog":
		hog()
	case "forkhog":
		return forkHog()
	case "sharehog":
		shareHog()
	case "forkbomb":
		forkBomb()
	case "chain":
		chain(start.Args[0])
	case "flood":
		flood(200 << 20)
	case "escape":
		escape(start.Args)
	case "parent":
		escape(start.Args)
		o.hear()
	case "holder":
		o.hold()
	case "teller": // at most the last of these is kept: what cannot be is not
		o.say(wire.FromTask{Trace: &job.Trace{Task: start.Key.Task, Peers: job.Range{Lo: 0, Hi: 9}, Width: 1, TrackWidth: 1}})
		o.say(wire.FromTask{Trace: &job.Trace{Task: start.Key.Task, Peers: start.Ranges[start.Key.Task], First: 5, Width: 1, TrackWidth: 1}})
		o.say(wire.FromTask{Trace: &job.Trace{Task: start.Key.Task, Peers: start.Ranges[start.Key.Task], First: 6, Width: 1, TrackWidth: 1}})
	case "checkpoint":
		for s := range 20 {
			o.say(wire.FromTask{Checkpoint: &wire.CheckpointPart{Superstep: s, Task: start.Key.Task}})
		}
		o.hear()
	}
	return -1
}

// obey stops when it is asked to.
func (o owner) obey() int {
	if !o.hear().Barrier {
		return 93
	}
	fmt.Println("stopped as asked")
	o.say(wire.FromTask{Done: &wire.TaskDone{Stopped: true, Supersteps: 11, Counters: map[string]int64{"messages": 8}}})
	return 0
}

// lie says what no task can say, and waits for its end.
func (o owner) lie(role string) {
	switch role {
	case "nonsense":
		_, _ = o.Write([]byte{0, 0, 0, 2, 0xc1, 0xc1})
	case "boaster":
		o.say(wire.FromTask{Checkpoint: &wire.CheckpointPart{Superstep: 1, Files: make([]wire.Part, 1000)}})
	case "rogue":
		o.say(wire.FromTask{Checkpoint: &wire.CheckpointPart{Superstep: 1, Files: []wire.Part{{Path: strings.Repeat("x", 4097)}}}})
	case "dreamer": // names a peer that is another task's
		o.say(wire.FromTask{Progress: &wire.Progress{Times: &wire.Times{Compute: wire.PhaseTimes{Peer: 1, Longest: 1, Spread: []int64{1}}}}})
	case "gossip": // moves a terminal's cursor
		o.say(wire.FromTask{Progress: &wire.Progress{Note: "\x1b[2J"}})
	}
	time.Sleep(time.Hour)
}

// most says as much as a groom takes, for every peer.
func (o owner) most(start *wire.TaskStart) {
	counters := map[string]int64{}
	for i := range 1000 {
		counters[fmt.Sprintf("%0256d", i)] = math.MaxInt64
	}
	o.say(wire.FromTask{Progress: &wire.Progress{Counters: counters, Note: strings.Repeat("n", job.MaxNote)}})
	files := make([]wire.Part, start.Ranges[start.Key.Task].N())
	for i := range files {
		files[i] = wire.Part{Peer: math.MaxInt64, Path: strings.Repeat("p", 1900), Size: math.MaxInt64, CRC: math.MaxUint32}
	}
	for s := range 40 {
		o.say(wire.FromTask{Checkpoint: &wire.CheckpointPart{Superstep: s, Files: files}})
	}
}

// hold leaves a process in a session of its own that has the socket too, and says a lot.
func (o owner) hold() {
	socket, err := o.Conn.(*net.UnixConn).File()
	if err != nil {
		panic(err)
	}
	cmd := exec.CommandContext(context.Background(), "setsid", "sleep", "1000")
	cmd.ExtraFiles = []*os.File{socket}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	for n := range 1000 {
		o.say(wire.FromTask{Progress: &wire.Progress{Superstep: n}})
	}
}

// describe prints what a task finds, as NAME=VALUE lines.
func describe(start *wire.TaskStart) {
	for _, e := range os.Environ() {
		fmt.Println("env", e)
	}
	wd, _ := os.Getwd()
	fmt.Println("wd", wd)
	fmt.Println("listen", start.Listen)
	b, _ := os.ReadFile("input.txt")
	fmt.Printf("file %s\n", b)
	var lim syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_CORE, &lim)
	fmt.Println("core", lim.Cur, lim.Max)
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "NoNewPrivs") || strings.HasPrefix(line, "Uid") {
			fmt.Print(line)
		}
	}
	stat, _ := os.ReadFile("/proc/self/stat")
	_, rest, _ := strings.Cut(string(stat), ") ")
	fmt.Println("nice", strings.Fields(rest)[16])
}

// touch makes the process own n more bytes.
func touch(n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		b[i] = 1
	}
	return b
}

func hog() {
	var all [][]byte
	for {
		all = append(all, touch(8<<20))
		time.Sleep(5 * time.Millisecond)
		if len(all) > 1000 {
			panic("nobody minds")
		}
	}
}

// forkHog has a child process use the memory.
func forkHog() int {
	cmd := exec.CommandContext(context.Background(), "sh", "-c", "x=$(head -c 100000000 /dev/zero | tr '\\0' y); sleep 1000")
	if err := cmd.Run(); err != nil {
		fmt.Println(err)
	}
	return 5
}

// forkBomb starts processes until it may not, 100 at most, and prints how many.
func forkBomb() {
	n := 0
	for ; n < 100; n++ {
		if err := exec.CommandContext(context.Background(), "sleep", "100").Start(); err != nil {
			fmt.Println(err)
			break
		}
	}
	fmt.Println("started", n)
}

// chain starts a chain of processes in sessions of their own, 3000 at most, each of
// which ends when it has started the next and written to the file.
func chain(file string) {
	const script = `echo x >> "$1"; if [ $2 -gt 0 ]; then setsid sh -c "$0" "$0" "$1" $(($2 - 1)) & fi`
	if err := exec.CommandContext(context.Background(), "sh", "-c", script, script, file, "3000").Run(); err != nil {
		panic(err)
	}
}

// shareHog has a shell with 40 MB and four of its children, which share them, for as
// long as the watchdog needs to look twice.
func shareHog() {
	const script = "x=$(head -c 40000000 /dev/zero | tr '\\0' y); for i in 1 2 3 4; do (sleep 2.5; :) & done; wait"
	if out, err := exec.CommandContext(context.Background(), "sh", "-c", script).CombinedOutput(); err != nil {
		panic(fmt.Sprint(err, string(out)))
	}
}

func flood(n int) {
	w := bufio.NewWriterSize(os.Stdout, 1<<20)
	line := []byte(strings.Repeat("x", 99) + "\n")
	for range n / len(line) {
		_, _ = w.Write(line)
	}
	_ = w.Flush()
}

// escape leaves children that try to get away: args[0] says how, args[1] is a
// duration for sleep that no one else uses.
func escape(args []string) {
	script := map[string]string{
		"setsid":     `setsid sleep ` + args[1] + ` & exit 0`,
		"doublefork": `(setsid sh -c 'sleep ` + args[1] + ` & exit 0' &) ; exit 0`,
		"cleanenv":   `env -i setsid sleep ` + args[1] + ` & exit 0`,
	}[args[0]]
	cmd := exec.CommandContext(context.Background(), "sh", "-c", script)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		panic(err)
	}
	for len(sleepers(args[1])) == 0 {
		time.Sleep(time.Millisecond)
	}
}

// uniqueSleep returns a long time that no other test sleeps for.
func uniqueSleep() string { return strconv.FormatInt(100_000+time.Now().UnixNano()%900_000, 10) }

// sleepers returns the processes "sleep <arg>".
func sleepers(arg string) []string {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		panic(err)
	}
	var out []string
	for _, e := range entries {
		b, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if err == nil && slices.Equal(strings.Split(string(b), "\x00"), []string{"sleep", arg, ""}) {
			out = append(out, e.Name())
		}
	}
	return out
}
