package main_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"scalar/bsp/job"
)

// cluster is a running bsp dev.
type cluster struct {
	t     *testing.T
	dir   string
	env   []string
	cmd   *exec.Cmd
	stdin io.Reader     // of commands, nil: none
	line  string        // what it said when it was ready
	wait  chan struct{} // closed when it has ended
}

// startDev runs bsp dev with the arguments until the end of the test.
func startDev(t *testing.T, args ...string) *cluster {
	t.Helper()
	return startDevIn(t, t.TempDir(), args...)
}

// startDevIn is startDev on a folder that may hold a cluster.
func startDevIn(t *testing.T, dir string, args ...string) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: dir, wait: make(chan struct{})}
	c.env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CONFIG_HOME=", "BSP_ADDR=", "BSP_TOKEN=", "BSP_DATA="+c.dir)
	if cache, err := os.UserCacheDir(); err == nil && os.Getenv("GOCACHE") == "" { // programs are built in it: HOME is another one
		c.env = append(c.env, "GOCACHE="+filepath.Join(cache, "go-build"))
	}
	c.cmd = exec.CommandContext(t.Context(), "bsp", append([]string{"dev", "--data", c.dir}, args...)...)
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) } // at the test's end
	c.cmd.Env = c.env
	var log bytes.Buffer
	c.cmd.Stderr = &log
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		defer close(c.wait)
		r := bufio.NewReader(out)
		line, _ := r.ReadString('\n')
		ready <- line
		io.Copy(io.Discard, r)
		c.cmd.Wait()
	}()
	t.Cleanup(func() {
		<-c.wait
		if t.Failed() {
			t.Logf("bsp dev said:\n%s", &log)
			c.dumpLogs()
		}
	})
	select {
	case c.line = <-ready:
	case <-time.After(patience):
		t.Fatalf("not ready after %s", patience)
	}
	if !strings.HasPrefix(c.line, "ready: ") {
		t.Fatalf("said %q", c.line)
	}
	t.Logf("ready after %s", time.Since(start).Round(time.Millisecond))
	return c
}

func (c *cluster) dumpLogs() {
	paths, _ := filepath.Glob(filepath.Join(c.dir, "log", "*.log"))
	for _, p := range paths {
		b, _ := os.ReadFile(p)
		c.t.Logf("%s:\n%s", p, b[max(0, len(b)-3000):])
	}
}

// bsp runs a command against the cluster and returns its exit code.
func (c *cluster) bsp(args ...string) (stdout, stderr string, code int) {
	c.t.Helper()
	var out, err bytes.Buffer
	cmd := exec.CommandContext(c.t.Context(), "bsp", args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.env, c.stdin, &out, &err
	if e := cmd.Run(); e != nil {
		ended, ok := errors.AsType[*exec.ExitError](e)
		if !ok {
			c.t.Fatal(e)
		}
		code = ended.ExitCode()
	}
	return out.String(), err.String(), code
}

// must runs a command that has to succeed.
func (c *cluster) must(args ...string) string {
	c.t.Helper()
	out, err, code := c.bsp(args...)
	if code != 0 {
		c.t.Fatalf("bsp %s: exit %d\n%s%s", strings.Join(args, " "), code, out, err)
	}
	return out
}

// daemons returns the processes of the cluster: pid by the daemon's name.
func (c *cluster) daemons() map[string]int {
	c.t.Helper()
	found := map[string]int{}
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		b, err := os.ReadFile(p)
		if err != nil || !bytes.Contains(b, []byte(c.dir)) {
			continue
		}
		args := strings.Split(string(b), "\x00")
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(p)))
		if pid == c.cmd.Process.Pid {
			continue
		}
		found[strings.TrimSuffix(filepath.Base(args[len(args)-2]), ".yaml")] = pid
	}
	return found
}

// patience is far beyond what a busy machine takes; that the promised times hold is
// measured in e2e.
const patience = time.Minute

// eventually waits until what is true.
func (c *cluster) eventually(say string, what func() bool) time.Duration {
	c.t.Helper()
	start := time.Now()
	for !what() {
		if time.Since(start) > patience {
			c.t.Fatalf("%s: not within %s", say, patience)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(start)
}

func TestDevRunsJobsAndRestartsDaemons(t *testing.T) {
	c := startDev(t, "--masters", "3", "--grooms", "2", "--slots", "2")
	if len(c.daemons()) != 6 { // the prediction server too
		t.Fatalf("daemons: %v", c.daemons())
	}
	// The default of --peers takes all slots.
	var info job.Info
	start := time.Now()
	if err := json.Unmarshal([]byte(c.must("job", "submit", "-o", "json", "pi", "--", "--samples", "1000")), &info); err != nil {
		t.Fatal(err)
	}
	t.Logf("submit took %s", time.Since(start).Round(time.Millisecond))
	if info.State != job.Succeeded || info.Peers != 4 || !strings.HasPrefix(info.Result, "3.") && !strings.Contains(info.Result, "\t3.") {
		t.Errorf("info %+v", info)
	}
	if again := c.must("job", "wait", string(info.ID)); again != info.Result {
		t.Errorf("wait printed %q, submit %q", again, info.Result)
	}
	// A second dev in the same folder is refused.
	if _, stderr, code := c.bsp("dev", "--data", c.dir); code != 2 || !strings.Contains(stderr, "a bsp dev runs in") {
		t.Errorf("second dev: exit %d, %s", code, stderr)
	}
	// A killed daemon is back within a second, under the same address.
	for _, name := range []string{"g1", "m2", "serve"} {
		old := c.daemons()[name]
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		d := c.eventually(name+" is started again", func() bool {
			pid, ok := c.daemons()[name]
			return ok && pid != old
		})
		t.Logf("%s was started again after %s", name, d.Round(time.Millisecond))
	}
	page := filepath.Join(t.TempDir(), "page.html")
	c.must("job", "submit", "--peers", "4", "--tasks", "2", "--report", page, "pi", "--", "--samples", "1000")
	if b, err := os.ReadFile(page); err != nil || !strings.Contains(string(b), "peer 3: computes") || strings.Contains(string(b), "tasks told") {
		t.Errorf("the report of a job on the cluster: %v, %.3000s", err, b)
	}
	c.eventually("all nodes are listed", func() bool {
		var nodes []job.Node
		out, _, _ := c.bsp("node", "list", "-o", "json")
		return json.Unmarshal([]byte(out), &nodes) == nil && len(nodes) == 5
	})
}

// TestCommands calls what speaks to a cluster.
func TestCommands(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "1", "--slots", "2")
	id := strings.TrimSpace(c.must("job", "submit", "-d", "--name", "long", "randcomm", "--", "--size", "8", "--messages", "1", "--supersteps", "1000000000"))
	second := strings.TrimSpace(c.must("job", "submit", "-d", "pi"))
	half := filepath.Join(t.TempDir(), "part-00000")
	put(t, half, "1 2\n")
	viewer := strings.TrimSpace(c.must("acl", "token", "create", "bob", "--role", "viewer"))
	for _, row := range []struct {
		args string
		code int
		want string // in stdout, or in stderr of what fails
	}{
		{"job list", 0, "long-1  default    randcomm"},
		{"job list --running -o json", 0, `"id":"pi-2"`},
		{"job status " + id, 0, "randcomm"},
		{"job status -o json " + id, 0, `"exit_code":0`},
		{"job inspect " + id, 0, "namespace"},
		{"job why " + second, 0, "slots"},
		{"job why -o json " + second, 0, `"constraint":"slots"`},
		{"job why -o json " + id, 0, `"reasons":[]`},
		{"job plan -o json " + id, 0, `"groom":"g1"`},
		{"job plan " + id, 0, "TASK  PEERS   GROOM  STATE  SUPERSTEP\n0     0 to 1  g1"},
		{"job plan " + second, 0, "pi-2 is not placed: see `bsp job why pi-2`\n"},
		{"job plan -o json " + second, 0, "[]\n"},
		{"job logs " + id, 0, ""},
		{"job inspect nope-7", 3, "no such job"},
		{"node list", 0, "g1"},
		{"node status g1 -o json", 0, `"role":"groom"`},
		{"node status nope", 3, "no node"},
		{"node drain g1", 0, ""},
		{"node status g1", 0, "draining"},
		{"node undrain g1", 0, ""},
		{"node drain nope", 3, "nope"},
		{"acl token list", 0, "bob"},
		{"acl token create eve --role king", 2, "viewer, submitter, operator or admin"},
		{"job list --token " + viewer, 0, id},
		{"job stop --token " + viewer + " " + id, 4, ""},
		{"job list --token wrong", 4, "token"},
		{"job stop --now --grace 1s " + id, 2, "--now gives no grace time"},
		{"job stop " + id, 0, ""},
		{"job wait " + id, 7, "long-1 stopped"},
		{"job wait " + second, 0, "pi\t3"},
		{"job submit --input /none.e --output /tmp/none pagerank", 3, "/none.e"},
		{"job submit --timeout 200ms randcomm -- --size 8 --messages 1 --supersteps 1000000000", 6, "timed out: --timeout was 200ms\n"},
		{"job submit --input " + filepath.Dir(half) + " inlinks", 1, "has part-00000 and no _SUCCESS: the job that writes it has not ended\n"},
		{"job submit --input s3://b/x inlinks", 2, "s3:// comes later"},
		{"job list --context c --addr h:1", 2, "--addr and --context name a cluster each"},
		{"__complete job status long", 0, "long-1\tstopped"},
	} {
		stdout, stderr, code := c.bsp(strings.Fields(row.args)...)
		said := stdout
		if row.code != 0 {
			said = stderr
		}
		if code != row.code || !strings.Contains(said, row.want) {
			t.Errorf("bsp %s: exit %d, want %d and %q\n%s%s", row.args, code, row.code, row.want, stdout, stderr)
		}
	}
	c.listsInPart()
	c.whyInALine()
}

// whyInALine: what a program says in several lines, and to a terminal, is one line of bsp job why.
func (c *cluster) whyInALine() {
	c.t.Helper()
	file := filepath.Join(c.t.TempDir(), "a\x1b[31mb\nc")
	if err := os.WriteFile(file, []byte("1 2 3 4 5\n"), 0o600); err != nil {
		c.t.Fatal(err)
	}
	id := strings.TrimSpace(c.must("job", "submit", "-d", "--name", "loud", "--input", file, "inlinks"))
	if _, stderr, code := c.bsp("job", "wait", id); code != 1 {
		c.t.Errorf("job wait %s: exit %d, %q", id, code, stderr)
	}
	if why := c.must("job", "why", id); strings.Count(why, "\n") != 1 || strings.Contains(why, "\x1b") || !strings.Contains(why, "a [31mb; c:1 ") {
		c.t.Errorf("job why %s: %q", id, why)
	}
}

// listsInPart lists one of several jobs, and all: what is left out is said.
func (c *cluster) listsInPart() {
	c.t.Helper()
	if _, stderr, code := c.bsp("job", "list", "--limit", "-1"); code != job.ExitUsage || !strings.Contains(stderr, "--limit -1: want a number of jobs") {
		c.t.Errorf("job list --limit -1: exit %d, %q", code, stderr)
	}
	if yaml := c.must("job", "list", "-o", "yaml"); !strings.Contains(yaml, "- id: pi-2") {
		c.t.Errorf("job list -o yaml: %s", yaml)
	}
	for _, limit := range []string{"1", "0"} {
		stdout, stderr, _ := c.bsp("job", "list", "--limit", limit, "-o", "json")
		var jobs []job.Info
		if err := json.Unmarshal([]byte(stdout), &jobs); err != nil {
			c.t.Fatal(err)
		}
		if more := strings.Contains(stderr, " more: bsp job list"); more != (limit == "1") || more != (len(jobs) == 1) {
			c.t.Errorf("job list --limit %s: %d jobs, said %q", limit, len(jobs), stderr)
		}
	}
}

// TestFailover kills a groom and the leader under a job: whoever waits for it sees
// its attempts and its result, each once.
func TestFailover(t *testing.T) {
	c := startDev(t, "--masters", "3", "--grooms", "2", "--slots", "1")
	reference := c.must("job", "submit", "--local", "--peers", "2", "randcomm", "--", "--size", "8", "--messages", "1", "--supersteps", "60000")
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "bsp", "job", "submit", "--name", "long", "--peers", "2", "--checkpoint-every", "5000",
		"randcomm", "--", "--size", "8", "--messages", "1", "--supersteps", "60000")
	cmd.Env, cmd.Stdout, cmd.Stderr = c.env, &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.eventually("a checkpoint", func() bool {
		var info job.Info
		out, _, _ := c.bsp("job", "inspect", "-o", "json", "long-1")
		return json.Unmarshal([]byte(out), &info) == nil && info.Checkpoint > 0
	})
	var nodes []job.Node
	if err := json.Unmarshal([]byte(c.must("node", "list", "-o", "json")), &nodes); err != nil {
		t.Fatal(err)
	}
	victims := []string{"g1"}
	for _, n := range nodes {
		if n.State == "leader" {
			victims = append(victims, strings.Split(n.ID, "-")[0])
		}
	}
	for _, name := range victims {
		if err := syscall.Kill(c.daemons()[name], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil || stdout.String() != reference {
		t.Errorf("killed %v: %v, result %q, want %q, said\n%s", victims, err, stdout.String(), reference, &stderr)
	}
	if n := strings.Count(stderr.String(), "attempt 1 failed, it goes on from superstep"); n != 1 {
		t.Errorf("told of the failed attempt %d times:\n%s", n, &stderr)
	}
}

// TestDrain empties a groom under a job: it moves at its next checkpoint, and ends with
// the undisturbed result.
func TestDrain(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "3", "--slots", "1")
	args := []string{"--peers", "2", "randcomm", "--", "--size", "8", "--messages", "1", "--supersteps", "100000"}
	reference := c.must(append([]string{"job", "submit", "--local"}, args...)...)
	id := strings.TrimSpace(c.must(append([]string{"job", "submit", "-d", "--checkpoint-every", "2000"}, args...)...))
	inspect := func() (info job.Info) {
		out, _, _ := c.bsp("job", "inspect", "-o", "json", id)
		if err := json.Unmarshal([]byte(out), &info); err != nil {
			t.Fatalf("inspect printed %q", out)
		}
		return info
	}
	var before job.Info
	c.eventually("a checkpoint", func() bool { before = inspect(); return before.Checkpoint > 0 })
	drained := before.Placement[0].Groom
	c.must("node", "drain", drained)
	c.eventually("the job has moved", func() bool {
		now := inspect()
		return now.Attempts > before.Attempts && !slices.ContainsFunc(now.Placement, func(p job.Placed) bool { return p.Groom == drained })
	})
	stdout, stderr, code := c.bsp("job", "wait", id)
	if info := inspect(); code != 0 || stdout != reference || info.Attempts != 2 {
		t.Errorf("exit %d after %d attempts, result %q, want %q\n%s", code, info.Attempts, stdout, reference, stderr)
	}
}

// TestOperator saves and restores the masters' state under a job, which goes on to the
// undisturbed result.
func TestOperator(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "1", "--slots", "2")
	args := []string{"--peers", "2", "randcomm", "--", "--size", "8", "--messages", "1", "--supersteps", "100000"}
	reference := c.must(append([]string{"job", "submit", "--local"}, args...)...)
	id := strings.TrimSpace(c.must(append([]string{"job", "submit", "-d", "--checkpoint-every", "2000"}, args...)...))
	c.eventually("a checkpoint", func() bool {
		var info job.Info
		out, _, _ := c.bsp("job", "inspect", "-o", "json", id)
		return json.Unmarshal([]byte(out), &info) == nil && info.Checkpoint > 0
	})
	file := filepath.Join(t.TempDir(), "snapshot")
	c.must("operator", "snapshot", "save", file)
	c.must("operator", "snapshot", "restore", file)
	stdout, stderr, code := c.bsp("job", "wait", id)
	var info job.Info
	if err := json.Unmarshal([]byte(c.must("job", "inspect", "-o", "json", id)), &info); err != nil {
		t.Fatal(err)
	}
	if code != 0 || stdout != reference || info.Attempts < 2 {
		t.Errorf("exit %d after %d attempts, result %q, want %q\n%s", code, info.Attempts, stdout, reference, stderr)
	}
	for _, row := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"snapshot", "save", file}, 2, "exists"},
		{[]string{"snapshot", "save", "/no/folder/x"}, 3, "a snapshot in /no/folder: no such file or directory\n"},
		{[]string{"snapshot", "restore", file + "-not"}, 3, "no such file"},
		{[]string{"snapshot", "restore", filepath.Join(c.dir, "ca.pem")}, 2, "ca.pem: this is no snapshot"},
		{[]string{"raft", "list"}, 0, "leader"},
		{[]string{"raft", "remove", "nobody"}, 3, "no such master"},
	} {
		stdout, stderr, code := c.bsp(append([]string{"operator"}, row.args...)...)
		if code != row.code || !strings.Contains(stdout+stderr, row.want) {
			t.Errorf("bsp operator %s: exit %d, want %d and %q\n%s%s", row.args, code, row.code, row.want, stdout, stderr)
		}
	}
}

// TestRenewedCertificates: daemons take a renewed certificate while they run.
func TestRenewedCertificates(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "1", "--slots", "2")
	var plan []struct{ API string }
	if b, err := os.ReadFile(filepath.Join(c.dir, "dev.json")); err != nil || json.Unmarshal(b, &plan) != nil {
		t.Fatalf("dev.json: %q, %v", b, err)
	}
	served := func() []byte {
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // the certificate is what is looked at
		conn, err := dialer.DialContext(t.Context(), "tcp", plan[0].API)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw
	}
	before := served()
	c.must("tls", "renew", "--dir", c.dir, "m1", "g1", "serve")
	for name, pid := range c.daemons() {
		syscall.Kill(pid, syscall.SIGHUP)
		c.eventually(name+" takes its new certificate", func() bool {
			b, _ := os.ReadFile(filepath.Join(c.dir, "log", name+".log"))
			return bytes.Contains(b, []byte("the certificate was renewed"))
		})
	}
	b, err := os.ReadFile(filepath.Join(c.dir, "m1.pem"))
	block, _ := pem.Decode(b)
	if now := served(); err != nil || block == nil || !bytes.Equal(now, block.Bytes) || bytes.Equal(now, before) {
		t.Errorf("the API does not serve the new certificate (%v)", err)
	}
	c.must("job", "submit", "--peers", "2", "pi", "--", "--samples", "1000")
}

func TestDevEndsWithinTwoSeconds(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "1")
	start := time.Now()
	c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.wait:
	case <-time.After(patience):
		t.Fatal("still there after", patience)
	}
	t.Logf("ended after %s", time.Since(start).Round(time.Millisecond))
	if left := c.daemons(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, stderr, code := c.bsp("node", "list"); code != job.ExitUnreachable || !strings.Contains(stderr, "no cluster is up") {
		t.Errorf("afterwards: exit %d, %s", code, stderr)
	}
}

func TestDevKilledLeavesNothing(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "1", "--slots", "2")
	out := c.must("job", "submit", "-d", "--peers", "2", "randcomm", "--", "--size", "8", "--messages", "1", "--supersteps", "1000000000")
	id := strings.TrimSpace(out)
	var tasks []int
	c.eventually("the task runs", func() bool {
		var info job.Info
		out, _, _ := c.bsp("job", "inspect", "-o", "json", id)
		if json.Unmarshal([]byte(out), &info) != nil || info.Supersteps == 0 {
			return false
		}
		for _, p := range info.Placement {
			tasks = append(tasks, p.PID)
		}
		return true
	})
	c.cmd.Process.Kill()
	<-c.wait
	d := c.eventually("no process is left", func() bool {
		for _, pid := range tasks {
			if pid > 0 && syscall.Kill(pid, 0) == nil {
				return false
			}
		}
		return len(c.daemons()) == 0
	})
	t.Logf("all gone after %s", d.Round(time.Millisecond))
}

// TestInterruptTheLogs ends job logs -f, which says nothing and leaves the job.
func TestInterruptTheLogs(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "1", "--slots", "2")
	id := strings.TrimSpace(c.must("job", "submit", "-d", "--peers", "1", talker(t, "1_000_000")))
	cmd := exec.CommandContext(t.Context(), "bsp", "job", "logs", "-f", id)
	var stderr bytes.Buffer
	cmd.Env, cmd.Stderr = c.env, &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); !strings.Contains(line, "half of line 0") {
		t.Errorf("the first line %q, %v", line, err)
	}
	cmd.Process.Signal(syscall.SIGINT)
	err = cmd.Wait()
	if ended, ok := errors.AsType[*exec.ExitError](err); !ok || ended.ExitCode() != job.ExitStopped || stderr.Len() > 0 {
		t.Errorf("ended with %v and %q", err, &stderr)
	}
	if out := c.must("job", "status", "-o", "json", id); !strings.Contains(out, `"state":"running"`) {
		t.Errorf("the job: %s", out)
	}
}

func TestInterruptStopsTheJob(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "1", "--slots", "2")
	cmd := exec.CommandContext(t.Context(), "bsp", "job", "submit", "--name", "long", "randcomm", "--", "--size", "8", "--messages", "1", "--supersteps", "1000000000")
	var stderr bytes.Buffer
	cmd.Env, cmd.Stderr = c.env, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.eventually("the job runs", func() bool {
		out, _, _ := c.bsp("job", "list", "-o", "json")
		return strings.Contains(out, `"state":"running"`)
	})
	cmd.Process.Signal(syscall.SIGINT)
	err := cmd.Wait()
	if ended, ok := errors.AsType[*exec.ExitError](err); !ok || ended.ExitCode() != job.ExitStopped {
		t.Errorf("ended with %v", err)
	}
	if !strings.Contains(stderr.String(), "stopping long-1") || !strings.Contains(stderr.String(), "bsp: long-1 stopped") {
		t.Errorf("said:\n%s", stderr.String())
	}
}
