package bsp_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// torrent has every peer send ten times its memory budget to every other one in each
// of six supersteps, and write what it read.
func torrent(ctx context.Context, p *bsp.Peer[[64]uint32]) error {
	var st struct{ Sum, N uint64 }
	if _, err := p.State(&st); err != nil {
		return err
	}
	for p.Superstep() < 6 {
		for m := range p.Messages() {
			st.N++
			st.Sum = st.Sum*31 + uint64(m[0])<<32 + uint64(m[63])
		}
		for to := range p.N() {
			for i := range torrentBudget * 10 / 256 {
				p.Send(to, [64]uint32{0: uint32(i * p.Superstep()), 63: uint32(p.Index())})
			}
		}
		if err := p.Sync(ctx); err != nil {
			return err
		}
	}
	p.Write(st.N, st.Sum)
	return nil
}

const torrentBudget = 64 << 10

// Messages beyond the budget wait on disk, through a restart too: the bits are those
// of a run with memory for all.
func TestMemoryBudget(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	rich := bsptest.Run(t, bsptest.Config{Peers: 3}, bsp.NewRunner(torrent))
	for _, cfg := range []bsptest.Config{{Peers: 3}, {Peers: 3, Tasks: 2}, {Peers: 3, RestartAt: 3}, {Peers: 3, Tasks: 3, RestartAt: 4}} {
		poor := bsptest.Run(t, cfg, bsp.NewRunner(torrent, bsp.MemoryBudget(torrentBudget)))
		if string(poor.Output) != string(rich.Output) || len(rich.Output) == 0 {
			t.Errorf("%+v: output %q, with memory %q", cfg, poor.Output, rich.Output)
		}
		if spilled := poor.Counters[job.CounterSpilledBytes]; spilled < torrentBudget {
			t.Errorf("%+v: spilled %d bytes", cfg, spilled)
		}
	}
	if spilled := rich.Counters[job.CounterSpilledBytes]; spilled > 0 {
		t.Errorf("spilled %d bytes of memory for all", spilled)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// What may not wait on disk either fails the job with one line: a program's own excess
// is its fault, a folder that takes nothing is the machine's.
func TestSpillFails(t *testing.T) {
	for what, row := range map[string]struct {
		dir    string
		runner bsp.Runner
		kind   job.FailureKind
	}{
		"limit":     {t.TempDir(), bsp.NewRunner(torrent, bsp.MemoryBudget(torrentBudget), bsp.SpillLimit(1<<10)), job.FaultProgram},
		"no folder": {"/proc/none", bsp.NewRunner(torrent, bsp.MemoryBudget(torrentBudget)), job.FaultGroom},
	} {
		t.Run(what, func(t *testing.T) {
			t.TempDir() // bsptest's folders are made beside it
			t.Setenv("TMPDIR", row.dir)
			_, err := bsptest.Try(t, bsptest.Config{Peers: 3, Tasks: 2}, row.runner)
			if f, ok := errors.AsType[*job.Failure](err); !ok || f.Kind != row.kind || !strings.Contains(f.Message, "spill messages to "+row.dir) || strings.Contains(f.Message, "\n") {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := bsptest.Try(t, bsptest.Config{Peers: 1}, bsp.NewRunner(torrent, bsp.MemoryBudget(-1))); err == nil || !strings.Contains(err.Error(), "cannot be negative") {
		t.Errorf("negative budget: %v", err)
	}
}

// What masters order about compression reaches the links.
func TestCompression(t *testing.T) {
	sent := map[wire.Compression]int64{}
	for _, way := range []wire.Compression{"", wire.CompressOff, wire.CompressS2, wire.CompressZstd, wire.CompressAuto} {
		if !way.Known() {
			t.Errorf("%q is not known", way)
		}
		a, b := net.Pipe()
		dones := make([]wire.TaskDone, 2)
		var tasks sync.WaitGroup
		for i, conns := range [][]net.Conn{{nil, a}, {b, nil}} {
			tasks.Go(func() {
				var err error
				dones[i], err = bsp.RunTask(t.Context(), bsp.TaskConfig{
					Runner: bsp.NewRunner(torrent), Conns: conns,
					Start: wire.TaskStart{Key: wire.TaskKey{Job: "pack-1", Epoch: 1, Task: i}, Ranges: []job.Range{{Lo: 0, Hi: 1}, {Lo: 1, Hi: 2}}, Compression: way},
				})
				if err != nil {
					t.Errorf("%q, task %d: %v", way, i, err)
				}
			})
		}
		tasks.Wait()
		sent[way] = dones[0].Counters[job.CounterWireBytes] + dones[1].Counters[job.CounterWireBytes]
	}
	if sent[""] != sent[wire.CompressOff] || sent[wire.CompressS2] > sent[""]/2 || sent[wire.CompressZstd] > sent[""]/2 {
		t.Errorf("bytes on the wire: %v", sent)
	}
	if wire.Compression("lz4").Known() {
		t.Error("lz4 is known")
	}
}
