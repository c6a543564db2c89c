package bsp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/wire"
)

var errCut = errors.New("cut off by the test")

// chain is a job whose attempts are cut off at any superstep, each beginning with the
// last checkpoint that all tasks had written.
type chain struct {
	ranges []job.Range
	dir    string
	input  string
	every  int           // supersteps between checkpoints, 0: every
	each   time.Duration //
	epoch  job.Epoch

	mu   sync.Mutex // guards last
	last *wire.Checkpoint
}

// from is the superstep that the next attempt begins with.
func (c *chain) from() int {
	if k := c.committed(); k != nil {
		return k.Superstep
	}
	return 0
}

func (c *chain) committed() *wire.Checkpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// attempt runs one epoch. It is cut off by the first peer to enter superstep at, -1:
// never; which peer then waits for this epoch's next checkpoint for so long.
func (c *chain) attempt(ctx context.Context, at int, patience time.Duration) ([]wire.TaskDone, error) {
	c.epoch++
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	var once sync.Once
	if at >= 0 {
		ctx = context.WithValue(ctx, visitor{}, func(superstep int) {
			if superstep < at {
				return
			}
			once.Do(func() {
				for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
					if k := c.committed(); k != nil && k.Epoch == c.epoch {
						break
					}
				}
				cut(errCut)
			})
		})
	}
	n, from := len(c.ranges), c.committed()
	conns := make([][]net.Conn, n)
	for i := range n {
		conns[i] = make([]net.Conn, n)
		for j := range i {
			conns[i][j], conns[j][i] = net.Pipe()
		}
	}
	dones, errs := make([]wire.TaskDone, n), make([]error, n)
	report := c.collect()
	var tasks sync.WaitGroup
	for i := range n {
		tasks.Go(func() {
			dones[i], errs[i] = bsp.RunTask(ctx, bsp.TaskConfig{
				Runner: bsp.NewRunner(storm), Conns: conns[i], Report: report, Stderr: io.Discard, CheckpointInterval: c.each,
				Start: wire.TaskStart{
					Key: wire.TaskKey{Job: "storm-1", Epoch: c.epoch, Task: i}, Ranges: c.ranges, Input: c.input, Restore: from,
					OutputTmp: fmt.Sprintf("%s/out.tmp-%d", c.dir, c.epoch), CheckpointDir: c.dir + "/checkpoints", CheckpointEvery: c.every,
				},
			})
		})
	}
	tasks.Wait()
	return dones, errors.Join(errs...)
}

// collect returns a Report that commits checkpoints.
func (c *chain) collect() func(wire.FromTask) {
	files, epoch := map[int][]wire.Part{}, c.epoch
	return func(m wire.FromTask) {
		if m.Checkpoint == nil {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		at := m.Checkpoint.Superstep
		if files[at] = append(files[at], m.Checkpoint.Files...); len(files[at]) == c.ranges[len(c.ranges)-1].Hi {
			slices.SortFunc(files[at], func(a, b wire.Part) int { return a.Peer - b.Peer })
			c.last = &wire.Checkpoint{Superstep: at, Epoch: epoch, Files: files[at]}
		}
	}
}

// outcome is all that must not depend on how a job ran.
func outcome(t *testing.T, dones []wire.TaskDone) string {
	t.Helper()
	var out strings.Builder
	counters, supersteps := map[string]int64{}, 0
	for _, d := range dones {
		supersteps = max(supersteps, d.Supersteps)
		for name, n := range d.Counters {
			counters[name] += n
		}
		for _, p := range d.Parts {
			b, err := os.ReadFile(strings.TrimPrefix(p.Path, "file://"))
			if err != nil || int64(len(b)) != p.Size {
				t.Fatalf("%d bytes of %+v: %v", len(b), p, err)
			}
			out.Write(b)
		}
	}
	delete(counters, job.CounterWireBytes)
	delete(counters, job.CounterCheckpoints)
	delete(counters, job.CounterCheckpointBytes)
	delete(counters, job.CounterCheckpointPause)
	return fmt.Sprint(supersteps, counters, "\n", out.String())
}

// Attempts cut off at any superstep, one after another, cost nothing but time: a restart
// of a restart, from a checkpoint of any epoch, with output and input in between.
func TestRestartChain(t *testing.T) {
	input := t.TempDir() + "/in"
	if err := os.WriteFile(input, []byte(strings.Repeat("a line\nand another one\n", 30)), 0o600); err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	want, again := map[int]string{}, 0
	for range 60 {
		peers := 2 + rng.IntN(4)
		if want[peers] == "" {
			c := &chain{ranges: []job.Range{{Hi: peers}}, dir: t.TempDir(), input: input}
			dones, err := c.attempt(t.Context(), -1, 0)
			if err != nil {
				t.Fatal(err)
			}
			want[peers] = outcome(t, dones)
		}
		c := &chain{dir: t.TempDir(), input: input, every: rng.IntN(9), each: time.Duration(1+rng.IntN(3000)) * time.Microsecond}
		tasks := 1 + rng.IntN(peers)
		for i := range tasks {
			c.ranges = append(c.ranges, job.Range{Lo: i * peers / tasks, Hi: (i + 1) * peers / tasks})
		}
		for {
			at := -1
			if c.epoch < 8 {
				at = min(c.from()+rng.IntN(20), 39)
			}
			if k := c.committed(); k != nil && k.Epoch < c.epoch {
				again++
			}
			dones, err := c.attempt(t.Context(), at, time.Duration(rng.IntN(10))*time.Millisecond)
			if err == nil {
				if got := outcome(t, dones); got != want[peers] {
					t.Fatalf("seed %d: %d peers in %d tasks, every %d, epoch %d: %s\nundisturbed: %s", seed, peers, tasks, c.every, c.epoch, got, want[peers])
				}
				break
			}
			if !errors.Is(err, errCut) {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
	}
	if again == 0 {
		t.Errorf("seed %d: no attempt began with a checkpoint of an epoch before the last", seed)
	}
}
