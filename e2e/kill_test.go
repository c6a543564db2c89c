//go:build e2e

package e2e_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"scalar/bsp/job"
)

var (
	trials = flag.Int("trials", 10, "random kills that must be survived")
	seed   = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the kills")
)

// deck is what ten trials kill: the roles whose death the job or the masters
// must react to, and a follower, whose death nobody may notice.
var deck = []string{"task", "task", "task", "groom", "groom", "groom", "leader", "leader", "leader", "follower"}

// TestRandomKills runs a job whose state changes in every superstep, kills -9 a
// random process of a random role at a random moment of it, and wants the bits of
// the undisturbed run. A trial counts only if the killed process was alive and the
// job unfinished; at least 8 of 10 must show a new attempt or a new leader.
func TestRandomKills(t *testing.T) {
	c := startCluster(t, 3, 3)
	c.randomKills(t, *trials, c.submit, readParts)
}

// TestTrainingKills is TestRandomKills of a job that trains a net, and ends with a model.
func TestTrainingKills(t *testing.T) {
	digits, err := filepath.Abs("../examples/digits/train.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	c := startCluster(t, 3, 3)
	learn := func(t *testing.T, out string) job.ID {
		t.Helper()
		return c.submitted(t, "--peers", "3", "--tasks", "3", "--checkpoint-every", "3", "--input", digits, "--output", out,
			"mlp", "--", "--hidden", "64", "--epochs", "250", "--optimizer", "adam", "--decay", "1e-4", "--validation", "0.1")
	}
	c.randomKills(t, (*trials+1)/2, learn, readModel)
}

// randomKills is TestRandomKills of any job; read gives what its output is.
func (c *cluster) randomKills(t *testing.T, trials int, submit func(t *testing.T, out string) job.ID, read func(t *testing.T, out string) string) {
	t.Helper()
	t.Logf("seed %d (repeat with -args -seed %d)", *seed, *seed)
	rng := rand.New(rand.NewPCG(*seed, 1))
	scratch := t.TempDir()

	calm := filepath.Join(scratch, "calm")
	start := time.Now()
	info := c.wait(t, submit(t, calm))
	length := time.Since(start)
	if info.State != job.Succeeded {
		t.Fatalf("undisturbed run: %+v", info)
	}
	t.Logf("undisturbed: %v, %d supersteps, data plane %s", length, info.Supersteps, info.DataPlane)
	want := read(t, calm)

	roles := append([]string(nil), deck...)
	counted, noticed := 0, 0
	for tries := 0; counted < trials; tries++ {
		if tries > 3*trials {
			t.Fatalf("only %d of %d trials counted after %d tries", counted, trials, tries)
		}
		if counted%len(roles) == 0 {
			rng.Shuffle(len(roles), func(i, j int) { roles[i], roles[j] = roles[j], roles[i] })
		}
		out := filepath.Join(scratch, fmt.Sprintf("out-%d", tries))
		moment := time.Duration(rng.Float64() * 0.8 * float64(length))
		res := c.trial(t, trial{role: roles[counted%len(roles)], moment: moment, pick: rng.IntN(1 << 20), out: out, submit: submit})
		if !res.counted {
			t.Logf("try %d does not count: %s", tries, res.what)
			continue
		}
		counted++
		if res.noticed {
			noticed++
		}
		if got := read(t, out); got != want {
			t.Errorf("trial %d (%s): the result differs from the undisturbed run's", counted, res.what)
		}
		t.Logf("trial %d: %s; %d attempts, %.2f s, noticed %v", counted, res.what, res.info.Attempts, res.info.Seconds.Total, res.noticed)
		c.settle(t)
	}
	if counted >= len(deck) && noticed*10 < counted*8 {
		t.Errorf("%d of %d trials showed a new attempt or leader, want 8 of 10", noticed, counted)
	}
}

type trial struct {
	role   string
	moment time.Duration // after the first superstep
	pick   int
	out    string
	submit func(t *testing.T, out string) job.ID
}

type outcome struct {
	counted, noticed bool
	what             string
	info             job.Info
}

// trial runs the job once and kills one process of the role.
func (c *cluster) trial(t *testing.T, tr trial) outcome {
	t.Helper()
	term := c.term(t)
	id := tr.submit(t, tr.out)
	c.until(t, "the job computes", func() bool {
		info := c.inspect(t, id)
		return info.Supersteps > 0 || info.State.Final()
	})
	select {
	case <-time.After(tr.moment):
	case <-t.Context().Done():
	}
	before := c.inspect(t, id)
	pid, name := c.victim(t, tr.role, before, tr.pick)
	what := fmt.Sprintf("%s %s (pid %d) at superstep %d", tr.role, name, pid, before.Supersteps)
	moment := time.Now()
	killed := alive(pid) && syscall.Kill(pid, syscall.SIGKILL) == nil
	after := c.wait(t, id)
	if after.State != job.Succeeded {
		t.Errorf("%s: the job %s: %v", what, after.State, after.Error)
	}
	if !killed || after.Finished.Before(moment) {
		return outcome{what: what + ": the process was gone or the job had ended", info: after}
	}
	c.settle(t)
	return outcome{counted: true, what: what, info: after, noticed: after.Attempts > before.Attempts || c.term(t) > term}
}

func (c *cluster) victim(t *testing.T, role string, info job.Info, pick int) (int, string) {
	t.Helper()
	if role == "task" || role == "groom" {
		if len(info.Placement) == 0 {
			return 0, ""
		}
		p := info.Placement[pick%len(info.Placement)]
		if role == "task" {
			return p.PID, fmt.Sprintf("%d on %s", p.Task, p.Groom)
		}
		return c.pid(p.Groom), p.Groom
	}
	var names []string
	for _, n := range c.nodes(t) {
		if n.Role == "master" && n.State == role {
			names = append(names, n.ID)
		}
	}
	if len(names) == 0 {
		return 0, ""
	}
	name := names[pick%len(names)]
	return c.pid(name), name
}

func readParts(t *testing.T, dir string) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "_SUCCESS")); err != nil {
		t.Errorf("no _SUCCESS: %v", err)
	}
	parts, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, p := range parts {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(filepath.Base(p) + "\n" + string(b))
	}
	return all.String()
}

// readModel returns the files of a model.
func readModel(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	all.WriteString(readParts(t, dir)) // none, and _SUCCESS
	for _, name := range []string{"model.json", "weights.safetensors"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(name + "\n" + string(b))
	}
	return all.String()
}
