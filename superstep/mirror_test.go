package superstep_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"scalar/superstep"

	"pgregory.net/rapid"
)

// watching is a job of one mirror: peer q watches the slots lists[q][p] of peer p.
type watching struct {
	slots []int
	lists [][][]uint32
}

func drawWatching(t *rapid.T, peers int) (w watching) {
	for range peers {
		w.slots = append(w.slots, rapid.SampledFrom([]int{0, 1, 17, 1000, 40_000}).Draw(t, "slots"))
	}
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	for range peers {
		lists := make([][]uint32, peers)
		for p, n := range w.slots {
			share := r.IntN(4) // of four slots
			for slot := range n {
				if r.IntN(4) < share {
					lists[p] = append(lists[p], uint32(slot))
				}
			}
		}
		w.lists = append(w.lists, lists)
	}
	return w
}

// watched returns the own slots that others watch.
func (w watching) watched(peer int) (lists [][]uint32) {
	for q := range w.slots {
		lists = append(lists, w.lists[q][peer])
	}
	return lists
}

// value is what a peer writes to a slot in a superstep.
func value(peer, slot, step int) uint64 { return uint64(peer)<<48 | uint64(slot)<<16 | uint64(step) }

// mirror opens a peer's mirror.
func (w watching) mirror(p *superstep.Port) *superstep.Mirror[uint64] {
	return superstep.NewMirror[uint64](p, w.slots[p.Index()], w.lists[p.Index()], w.watched(p.Index()))
}

// check looks at all values after the superstep step.
func (w watching) check(m *superstep.Mirror[uint64], peer, step int) error {
	all := m.All()
	for slot := range w.slots[peer] {
		if all[slot] != value(peer, slot, step) {
			return fmt.Errorf("peer %d, superstep %d: own slot %d is %x", peer, step, slot, all[slot])
		}
	}
	for q, list := range w.lists[peer] {
		copies := all[m.Base(q):m.Base(q+1)]
		if len(copies) != len(list) {
			return fmt.Errorf("%d copies of %d slots", len(copies), len(list))
		}
		for i, slot := range list {
			if copies[i] != value(q, int(slot), step) {
				return fmt.Errorf("peer %d, superstep %d: slot %d of peer %d is %x", peer, step, slot, q, copies[i])
			}
		}
	}
	return nil
}

func write(m *superstep.Mirror[uint64], peer, step int) {
	next := m.Next()
	for slot := range next {
		next[slot] = value(peer, slot, step)
	}
}

// everywhere runs programs of jobs in every placement, with memory and without. They are told of how
// many supersteps to make, and end each with five messages.
func everywhere(t *testing.T, program func(t *rapid.T, job watching, steps int) func(ctx context.Context, p *superstep.Port) error) {
	t.Helper()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		tasks, peers := drawTasks(t)
		steps := rapid.IntRange(1, 5).Draw(t, "steps")
		run := program(t, drawWatching(t, peers), steps)
		w := world{tasks: tasks, transport: rapid.SampledFrom(transports).Draw(t, "transport"), dir: dir, budget: rapid.SampledFrom([]int64{0, 1 << 16}).Draw(t, "budget")}
		must(t, w.run(t, func(ctx context.Context, p *superstep.Port) error {
			if err := run(ctx, p); err != nil {
				return err
			}
			if messages, _ := p.Sent(); messages != 5*int64(steps) {
				return fmt.Errorf("%d messages sent", messages)
			}
			return nil
		}))
	})
}

// TestMirror: after every superstep all peers have what all have written, and after a refresh too.
func TestMirror(tt *testing.T) {
	everywhere(tt, func(_ *rapid.T, job watching, steps int) func(ctx context.Context, p *superstep.Port) error {
		return func(ctx context.Context, p *superstep.Port) error {
			m := job.mirror(p)
			write(m, p.Index(), 1000)
			if err := m.Refresh(ctx); err != nil {
				return err
			}
			if err := job.check(m, p.Index(), 1000); err != nil {
				return err
			}
			for step := range steps {
				write(m, p.Index(), step)
				if _, err := m.Exchange(ctx, superstep.Vote{}, 5); err != nil {
					return err
				}
				if err := job.check(m, p.Index(), step); err != nil {
					return err
				}
				if _, err := p.Sync(ctx, superstep.Vote{}); err != nil { // which is none of the mirror's
					return err
				}
			}
			return nil
		}
	})
}

// TestMirrorMismatch: peers that have not agreed on what is watched, or end a superstep
// in different ways, get an error.
func TestMirrorMismatch(t *testing.T) {
	for name, peer1 := range map[string]func(ctx context.Context, p *superstep.Port) error{
		"another list": func(ctx context.Context, p *superstep.Port) error {
			m := superstep.NewMirror[uint64](p, 3, [][]uint32{{0}, nil}, [][]uint32{{1}, nil})
			_, err := m.Exchange(ctx, superstep.Vote{}, 0)
			return err
		},
		"another type": func(ctx context.Context, p *superstep.Port) error {
			m := superstep.NewMirror[uint32](p, 3, [][]uint32{{0}, nil}, [][]uint32{{1, 2}, nil})
			_, err := m.Exchange(ctx, superstep.Vote{}, 0)
			return err
		},
		"another end": func(ctx context.Context, p *superstep.Port) error {
			superstep.NewMirror[uint64](p, 3, [][]uint32{{0}, nil}, [][]uint32{{1, 2}, nil})
			_, err := p.Sync(ctx, superstep.Vote{})
			return err
		},
	} {
		for _, tasks := range [][]int{{2}, {1, 1}} {
			t.Run(fmt.Sprintf("%s in %d tasks", name, len(tasks)), func(t *testing.T) {
				errs := world{tasks: tasks}.run(t, func(ctx context.Context, p *superstep.Port) error {
					if p.Index() == 1 {
						return peer1(ctx, p)
					}
					m := superstep.NewMirror[uint64](p, 1, [][]uint32{nil, {1, 2}}, [][]uint32{nil, {0}})
					_, err := m.Exchange(ctx, superstep.Vote{}, 0)
					return err
				})
				if !errors.Is(errors.Join(errs...), superstep.ErrInbox) {
					t.Error(errs)
				}
			})
		}
	}
}
