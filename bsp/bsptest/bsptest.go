package bsptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/storage"
)

// Config says how a program is run. The zero value is one peer.
type Config struct {
	Peers     int       // 0: 1
	Tasks     int       // 0: 1. The peers are shared out evenly
	Args      []string  // the program's
	Input     string    // absolute path of a file or folder; empty: none
	Arena     int64     // bytes of memory before a task's arena takes a file; 0: half of Go's memory limit
	RestartAt int       // superstep ≥ 1: take a checkpoint there, end the attempt, start from it; 0: undisturbed
	Log       io.Writer // of Peer.Log; nil: dropped
}

// errEnded is why the first attempt of a run with a restart ends.
var errEnded = errors.New("bsptest: the attempt is ended for a restart")

// Run runs a program and fails the test if it fails.
func Run(tb testing.TB, cfg Config, r bsp.Runner) bsp.Result {
	tb.Helper()
	result, err := Try(tb, cfg, r)
	if err != nil {
		tb.Fatal(err)
	}
	return result
}

// Try is Run that returns the program's error, a *job.Failure. Of several tasks'
// errors it is the real cause.
func Try(tb testing.TB, cfg Config, r bsp.Runner) (bsp.Result, error) {
	tb.Helper()
	a := newAttempt(tb, cfg, r)
	if cfg.RestartAt > 0 {
		k, err := a.untilCheckpoint(tb.Context(), cfg.RestartAt)
		if err != nil {
			return bsp.Result{}, err
		}
		a.restore, a.epoch = k, 2
	}
	return a.run(tb.Context(), nil)
}

// SameBits runs a program undisturbed in one task, and as cfg says, and fails the
// test if output, supersteps or the program's counters differ.
func SameBits(tb testing.TB, cfg Config, r bsp.Runner) {
	tb.Helper()
	plain := cfg
	plain.Tasks, plain.RestartAt = 1, 0
	want, got := Run(tb, plain, r), Run(tb, cfg, r)
	if !bytes.Equal(want.Output, got.Output) {
		tb.Errorf("with %d tasks and a restart at superstep %d the output differs: %s", max(cfg.Tasks, 1), cfg.RestartAt, difference(want.Output, got.Output))
	}
	for name := range want.Files {
		if !bytes.Equal(want.Files[name], got.Files[name]) {
			tb.Errorf("with %d tasks and a restart at superstep %d the file %s differs", max(cfg.Tasks, 1), cfg.RestartAt, name)
		}
	}
	if len(want.Files) != len(got.Files) {
		tb.Errorf("%d files, undisturbed %d", len(got.Files), len(want.Files))
	}
	if want.Supersteps != got.Supersteps {
		tb.Errorf("%d supersteps, undisturbed %d", got.Supersteps, want.Supersteps)
	}
	differs := []string{ // from run to run
		job.CounterWireBytes, job.CounterSpilledBytes, job.CounterCheckpoints, job.CounterCheckpointBytes, job.CounterCheckpointPause,
	}
	for name, n := range want.Counters {
		if !slices.Contains(differs, name) && got.Counters[name] != n {
			tb.Errorf("counter %s is %d, undisturbed %d", name, got.Counters[name], n)
		}
	}
}

// difference says where two outputs part.
func difference(want, got []byte) string {
	a, b := strings.SplitAfter(string(want), "\n"), strings.SplitAfter(string(got), "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d is %q, undisturbed %q", i+1, b[i], a[i])
		}
	}
	return fmt.Sprintf("%d lines, undisturbed %d", len(b)-1, len(a)-1)
}

// attempt is a gang of tasks in this process.
type attempt struct {
	cfg     Config
	runner  bsp.Runner
	ranges  []job.Range
	dir     string
	epoch   job.Epoch
	every   int
	restore *wire.Checkpoint
}

func newAttempt(tb testing.TB, cfg Config, r bsp.Runner) *attempt {
	tb.Helper()
	n, tasks := max(cfg.Peers, 1), max(cfg.Tasks, 1)
	if tasks > n {
		tb.Fatalf("bsptest: %d tasks for %d peers", tasks, n)
	}
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	a := &attempt{cfg: cfg, runner: r, dir: tb.TempDir(), epoch: 1}
	for i := range tasks {
		a.ranges = append(a.ranges, job.Range{Lo: i * n / tasks, Hi: (i + 1) * n / tasks})
	}
	return a
}

// untilCheckpoint runs until all tasks have written the checkpoint of a superstep,
// and ends them.
func (a *attempt) untilCheckpoint(ctx context.Context, at int) (*wire.Checkpoint, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	k := &wire.Checkpoint{Superstep: at, Epoch: a.epoch}
	var mu sync.Mutex // guards k.Files
	a.every = at
	_, err := a.run(ctx, func(m wire.FromTask) {
		if m.Checkpoint == nil || m.Checkpoint.Superstep != at {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if k.Files = append(k.Files, m.Checkpoint.Files...); len(k.Files) == a.peers() {
			end(errEnded)
		}
	})
	if err != nil && !errors.Is(err, errEnded) {
		return nil, err
	}
	mu.Lock()
	defer mu.Unlock()
	if len(k.Files) < a.peers() {
		return nil, fmt.Errorf("bsptest: no checkpoint at superstep %d: the program ended before, or does not call State", at)
	}
	slices.SortFunc(k.Files, func(a, b wire.Part) int { return a.Peer - b.Peer })
	return k, nil
}

func (a *attempt) peers() int { return a.ranges[len(a.ranges)-1].Hi }

// run runs all tasks to their end.
func (a *attempt) run(ctx context.Context, report func(wire.FromTask)) (bsp.Result, error) {
	dones, errs := make([]wire.TaskDone, len(a.ranges)), make([]error, len(a.ranges))
	conns := pipes(len(a.ranges))
	var tasks sync.WaitGroup
	for i := range a.ranges {
		tasks.Go(func() {
			dones[i], errs[i] = bsp.RunTask(ctx, bsp.TaskConfig{
				Runner: a.runner, Start: a.start(i), Conns: conns[i], Report: report, Stderr: a.cfg.Log, Arena: a.cfg.Arena,
			})
		})
	}
	tasks.Wait()
	if err := realCause(errs); err != nil {
		return bsp.Result{}, err
	}
	return result(dones)
}

func (a *attempt) start(task int) wire.TaskStart {
	s := wire.TaskStart{
		Key: wire.TaskKey{Job: "test-1", Epoch: a.epoch, Task: task}, Name: "test", Args: a.cfg.Args, Ranges: a.ranges, Input: a.cfg.Input,
		OutputTmp: fmt.Sprintf("%s/out.tmp-%d", a.dir, a.epoch), Restore: a.restore,
	}
	for range a.ranges {
		s.Hosts = append(s.Hosts, "localhost")
	}
	if a.every > 0 {
		s.CheckpointDir, s.CheckpointEvery = a.dir+"/checkpoints", a.every
	}
	return s
}

// pipes connects every task with every other.
func pipes(n int) [][]net.Conn {
	conns := make([][]net.Conn, n)
	for i := range conns {
		conns[i] = make([]net.Conn, n)
	}
	for i := range n {
		for j := range i {
			conns[i][j], conns[j][i] = net.Pipe()
		}
	}
	return conns
}

// realCause finds the error that is not only about a link to another task.
func realCause(errs []error) error {
	var first error
	for _, err := range errs {
		f, ok := errors.AsType[*job.Failure](err)
		if err != nil && (!ok || f.Kind != job.FaultLink) {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// result puts together what the tasks have left.
func result(dones []wire.TaskDone) (bsp.Result, error) {
	r := bsp.Result{Counters: map[string]int64{}, Files: map[string][]byte{}}
	for _, d := range dones {
		r.Supersteps = max(r.Supersteps, d.Supersteps)
		for name, n := range d.Counters {
			r.Counters[name] += n
		}
		for _, p := range d.Parts {
			b, err := os.ReadFile(strings.TrimPrefix(p.Path, "file://"))
			if err != nil {
				return r, err
			}
			if name := path.Base(p.Path); name != storage.PartName(p.Peer) {
				r.Files[name] = b
				continue
			}
			r.Output = append(r.Output, b...)
		}
	}
	return r, nil
}
