//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"scalar/bsp/client"
	"scalar/bsp/job"
)

// cluster is a real `bsp dev`, driven by the command line.
type cluster struct {
	bsp, data       string
	enter           []string // before bsp on command lines: where they run
	masters, grooms int
	log             *bytes.Buffer
	env             []string       // of its daemons, beside what all have
	client          *client.Client // made by term
}

func startCluster(t *testing.T, masters, grooms int) *cluster {
	t.Helper()
	c, dev := launch(t, masters, grooms)
	t.Cleanup(func() { c.end(t, dev) })
	c.settle(t)
	return c
}

// end ends bsp dev in order.
func (c *cluster) end(t *testing.T, dev *exec.Cmd) {
	t.Helper()
	_ = dev.Process.Signal(syscall.SIGTERM)
	if err := dev.Wait(); err != nil {
		t.Errorf("bsp dev: %v", err)
	}
	if t.Failed() {
		t.Logf("bsp dev's log:\n%s", tail(c.log.String(), 16<<10))
	}
	noneLeft(t, c.data)
}

// launch starts a bsp dev that the caller ends.
func launch(t *testing.T, masters, grooms int) (*cluster, *exec.Cmd) {
	t.Helper()
	bin := os.Getenv("BSP")
	if bin == "" {
		t.Fatal("BSP does not name the binary: run make e2e")
	}
	c := &cluster{bsp: bin, data: filepath.Join(t.TempDir(), "cluster"), masters: masters, grooms: grooms}
	return c, c.start(t)
}

// start starts the cluster's bsp dev, not for the first time perhaps.
func (c *cluster) start(t *testing.T) *exec.Cmd {
	t.Helper()
	c.log = &bytes.Buffer{}
	_ = os.Remove(filepath.Join(c.data, "context.yaml")) // of a dev that was killed: commands would wait for its masters
	dev := exec.CommandContext(context.WithoutCancel(t.Context()), c.bsp, "dev", "--data", c.data, "--masters", strconv.Itoa(c.masters), "--grooms", strconv.Itoa(c.grooms), "--slots", "2")
	dev.Env, dev.Stderr = append(c.environ(), c.env...), c.log
	if err := dev.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dev.Process.Kill() }) // where nobody has ended it
	return dev
}

// noneLeft checks that no process of the cluster outlives it.
func noneLeft(t *testing.T, data string) {
	t.Helper()
	for _, p := range processes(data) {
		t.Errorf("left over: %s", p)
	}
}

// processes returns the processes whose command line or environment names text.
func processes(text string) (found []string) {
	procs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is right
	for _, p := range procs {
		cmdline, _ := os.ReadFile(filepath.Join(p, "cmdline"))
		environ, _ := os.ReadFile(filepath.Join(p, "environ"))
		if filepath.Base(p) != strconv.Itoa(os.Getpid()) && (strings.Contains(string(cmdline), text) || strings.Contains(string(environ), text)) {
			found = append(found, p+": "+strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	return found
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// cmd prepares a run of bsp where the cluster's commands run.
func (c *cluster) cmd(ctx context.Context, args []string) *exec.Cmd {
	line := slices.Concat(c.enter, []string{c.bsp}, args)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env = c.environ()
	return cmd
}

// environ returns the environment of the cluster's commands.
func (c *cluster) environ() []string { return append(plainEnv(), "BSP_DATA="+c.data) }

// plainEnv is the environment without what the person at this machine has set for
// a cluster of their own.
func plainEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "BSP_") })
}

func (c *cluster) run(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := c.cmd(ctx, args)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("bsp %s: %w: %s", strings.Join(args, " "), err, tail(errs.String(), 500))
	}
	return out, err
}

// submit starts the job of the trials: four peers in two tasks send random
// messages and fold what they read, so every superstep changes every state.
func (c *cluster) submit(t *testing.T, out string) job.ID {
	t.Helper()
	return c.submitted(t, "--peers", "4", "--tasks", "2", "--checkpoint-every", "50", "--output", out,
		"randcomm", "--", "--size", "16", "--messages", "2000", "--supersteps", "2000")
}

// submitted starts a job with its own arguments, which survives up to 10 attempts.
func (c *cluster) submitted(t *testing.T, args ...string) job.ID {
	t.Helper()
	b, err := c.run(t, slices.Concat([]string{"job", "submit", "-d", "-o", "json", "--max-attempts", "10"}, args)...)
	if err != nil {
		t.Fatalf("submit: %v", err)
	}
	var info job.Info
	if err := json.Unmarshal(b, &info); err != nil {
		t.Fatalf("submit printed %q: %v", b, err)
	}
	return info.ID
}

func (c *cluster) inspect(t *testing.T, id job.ID) job.Info {
	t.Helper()
	var info job.Info
	c.until(t, "inspect answers", func() bool {
		b, err := c.run(t, "job", "inspect", string(id), "-o", "json")
		return err == nil && json.Unmarshal(b, &info) == nil
	})
	return info
}

func (c *cluster) wait(t *testing.T, id job.ID) job.Info {
	t.Helper()
	var info job.Info
	b, failed := c.run(t, "job", "wait", string(id), "-o", "json") // its exit code is the job's
	if err := json.Unmarshal(b, &info); err != nil {
		t.Fatalf("wait printed %q: %v", b, failed)
	}
	return info
}

func (c *cluster) nodes(t *testing.T) []job.Node {
	t.Helper()
	var nodes []job.Node
	if b, err := c.run(t, "node", "list", "-o", "json"); err == nil {
		_ = json.Unmarshal(b, &nodes)
	}
	return nodes
}

// term returns Raft's term: it grows with every election, also if the restarted
// leader wins it.
func (c *cluster) term(t *testing.T) uint64 {
	t.Helper()
	if c.client == nil {
		c.client = c.connect(t)
	}
	status, err := c.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return status.Term
}

func (c *cluster) connect(t *testing.T) *client.Client {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(c.data, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	cfg := client.Config{Addrs: c.apis(t), Token: strings.TrimSpace(string(read("admin.token"))), CA: read("ca.pem"), Patience: patience}
	cl, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// apis returns the addresses of the masters' APIs.
func (c *cluster) apis(t *testing.T) (addrs []string) {
	t.Helper()
	var masters []struct{ API string }
	if err := json.Unmarshal([]byte(c.file(t, "dev.json")), &masters); err != nil {
		t.Fatal(err)
	}
	for _, m := range masters {
		addrs = append(addrs, m.API)
	}
	return addrs
}

// settle waits until all masters and grooms are back.
func (c *cluster) settle(t *testing.T) {
	t.Helper()
	c.until(t, "all nodes are up", func() bool {
		masters, grooms, leader := 0, 0, false
		for _, n := range c.nodes(t) {
			switch {
			case n.Role == "groom" && n.State == "ready":
				grooms++
			case n.Role == "master" && (n.State == "leader" || n.State == "follower"):
				masters++
				leader = leader || n.State == "leader"
			}
		}
		return leader && masters == c.masters && grooms == c.grooms
	})
}

// patience is how long what comes within seconds as a rule may take on a machine that stands still meanwhile.
const patience = time.Minute

func (c *cluster) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s\n%s", patience, what, tail(c.log.String(), 16<<10))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// pid reads the process id that bsp dev leaves for each of its daemons. A
// master's id is its name and a suffix.
func (c *cluster) pid(id string) int {
	name, _, _ := strings.Cut(id, "-")
	b, err := os.ReadFile(filepath.Join(c.data, "run", name+".pid"))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return pid
}
