package testcluster_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"scalar/bsp/client"
	"scalar/bsp/job"
	"scalar/testcluster"
)

func TestMain(m *testing.M) { testcluster.Main(m) }

func builtinSpec(name string, peers, tasks int, args ...string) job.Spec {
	return job.Spec{Program: job.Program{Name: name, Builtin: name}, Peers: peers, Tasks: tasks, Args: args}
}

// randomGraph writes an edge list and returns its path.
func randomGraph(t *testing.T, vertices, edges int) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for range edges {
		fmt.Fprintf(&b, "%d %d\n", rng.IntN(vertices), rng.IntN(vertices))
	}
	path := filepath.Join(t.TempDir(), "graph.txt")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func parts(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no parts in %s: %v", dir, err)
	}
	var all strings.Builder
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s\n%s", filepath.Base(name), b)
	}
	return all.String()
}

// TestPlacement runs one graph job in one process and in two, on two grooms: the
// bits are equal, the tasks speak TLS, and nothing is left afterwards but the output.
func TestPlacement(t *testing.T) {
	c := testcluster.Start(t, testcluster.Config{Grooms: 2, Slots: 4})
	graph := randomGraph(t, 500, 4000)
	outs := make([]string, 2)
	for i, tasks := range []int{1, 2} {
		spec := builtinSpec("pagerank", 4, tasks, "--iterations", "20")
		spec.Input, spec.Output = graph, filepath.Join(t.TempDir(), "out")
		info := c.Run(t.Context(), spec)
		if info.State != job.Succeeded || info.Tasks != tasks || info.Peers != 4 || info.Attempts != 1 {
			t.Fatalf("%d tasks: %+v, %v", tasks, info, info.Error)
		}
		if tasks == 2 && info.DataPlane != "tcp+tls" {
			t.Errorf("data plane %q, want tcp+tls", info.DataPlane)
		}
		if a, b := info.Placement[0].Groom, info.Placement[tasks-1].Groom; (a != b) != (tasks == 2) {
			t.Errorf("%d tasks are on %s and %s", tasks, a, b)
		}
		outs[i] = parts(t, spec.Output)
		c.Eventually("nothing but the output is left", func() bool {
			beside, err := os.ReadDir(filepath.Dir(spec.Output))
			kept, _ := os.ReadDir(filepath.Join(c.Dir, "store", "checkpoints"))
			return err == nil && len(beside) == 1 && len(kept) == 0
		})
	}
	if outs[0] != outs[1] {
		t.Error("one task and two tasks give different bits")
	}
}

// TestErrors checks that what a user gets wrong is told as one line and a code.
func TestErrors(t *testing.T) {
	c := testcluster.Start(t, testcluster.Config{})
	bad := filepath.Join(t.TempDir(), "bad.txt")
	if err := os.WriteFile(bad, []byte("1 2\n2 x3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	spec := builtinSpec("pagerank", 2, 2)
	spec.Input, spec.Output = bad, filepath.Join(t.TempDir(), "out")
	info := c.Run(t.Context(), spec)
	if info.State != job.Failed || info.ExitCode != job.ExitFailed || info.Error == nil || !strings.Contains(info.Error.Message, "bad.txt:2") {
		t.Errorf("malformed input: %+v, %v", info.State, info.Error)
	}
	if info.Attempts != 1 {
		t.Errorf("malformed input was tried %d times", info.Attempts)
	}
	if left, err := filepath.Glob(spec.Output + "*"); err != nil || len(left) > 0 {
		c.Eventually("the failed job's folders are gone", func() bool {
			left, _ := filepath.Glob(spec.Output + "*")
			return len(left) == 0
		})
	}

	cl := c.Client()
	spec.Input = filepath.Join(t.TempDir(), "none.txt")
	if _, err := cl.Submit(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "none.txt") {
		t.Errorf("missing input: %v", err)
	}
	spec.Input, spec.Output = bad, t.TempDir()
	if _, err := cl.Submit(t.Context(), spec); err == nil || !strings.Contains(err.Error(), spec.Output) {
		t.Errorf("existing output: %v", err)
	}
}

// TestQueue checks that a job that does not fit waits, says why, and starts when it can.
func TestQueue(t *testing.T) {
	c := testcluster.Start(t, testcluster.Config{Grooms: 1, Slots: 2})
	cl := c.Client()
	long, err := cl.Submit(t.Context(), builtinSpec("randcomm", 2, 1, "--messages", "10", "--supersteps", "1000000000"))
	if err != nil {
		t.Fatal(err)
	}
	c.Eventually("the long job computes", func() bool {
		info, err := cl.Job(t.Context(), long.ID)
		return err == nil && info.Supersteps > 0
	})
	short, err := cl.Submit(t.Context(), builtinSpec("pi", 2, 1, "--samples", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	why, err := cl.Why(t.Context(), short.ID)
	if err != nil || len(why.Reasons) == 0 || why.State != job.Queued {
		t.Errorf("why: %+v, %v", why, err)
	}
	if err := cl.Stop(t.Context(), long.ID); err != nil {
		t.Fatal(err)
	}
	info, err := cl.Watch(t.Context(), short.ID, func(job.Info) error { return nil })
	if err != nil || info.State != job.Succeeded || !strings.HasPrefix(info.Result, "pi\t3.") {
		t.Errorf("the short job: %+v, %v", info, err)
	}
	stopped, err := cl.Job(t.Context(), long.ID)
	if err != nil || stopped.State != job.Stopped || stopped.ExitCode != job.ExitStopped {
		t.Errorf("the stopped job: %+v, %v", stopped, err)
	}
}

// TestFaults ends a groom, and then the leader, in the middle of a job.
func TestFaults(t *testing.T) {
	c := testcluster.Start(t, testcluster.Config{Masters: 3, Grooms: 3, Slots: 2})
	cl := c.Client()
	args := []string{"--size", "16", "--messages", "1000", "--supersteps", "2000"}
	calm := builtinSpec("randcomm", 4, 2, args...)
	calm.CheckpointEvery = 20
	want := c.Run(t.Context(), calm)
	if want.State != job.Succeeded || want.Result == "" {
		t.Fatalf("undisturbed: %+v, %v", want, want.Error)
	}

	for _, what := range []string{"groom", "leader"} {
		info, err := cl.Submit(t.Context(), calm)
		if err != nil {
			t.Fatal(err)
		}
		c.Eventually("the job has a checkpoint", func() bool {
			now, err := cl.Job(t.Context(), info.ID)
			if err == nil {
				info = now
			}
			return err == nil && (now.Checkpoint > 0 || now.State.Final())
		})
		before := leader(t, cl)
		back := c.Disturb(what, info)
		over := time.Now()
		got, err := cl.Watch(t.Context(), info.ID, func(job.Info) error { return nil })
		if err != nil || got.State != job.Succeeded {
			t.Fatalf("%s: %+v, %v, %v", what, got, got.Error, err)
		}
		if got.Result != want.Result {
			t.Errorf("%s: result %q, want %q", what, got.Result, want.Result)
		}
		// The fault must have hit the job, else this shows nothing.
		switch {
		case what == "groom" && got.Attempts < 2:
			t.Errorf("the job ran on, in %d attempt", got.Attempts)
		case what == "leader" && (leader(t, cl) == before || got.Finished.Before(over)):
			t.Errorf("the job ended at %v under %s, which ended at %v", got.Finished, before, over)
		}
		t.Logf("%s: %d attempts, %v", what, got.Attempts, time.Duration(got.Seconds.Total*float64(time.Second)))
		back()
		c.WaitReady()
	}
}

// leader returns the id of the master that leads.
func leader(t *testing.T, cl *client.Client) string {
	t.Helper()
	nodes, err := cl.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(nodes, func(n job.Node) bool { return n.State == "leader" })
	if i < 0 {
		t.Fatalf("no leader among %+v", nodes)
	}
	return nodes[i].ID
}
