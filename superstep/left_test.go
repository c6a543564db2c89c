package superstep_test

import (
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scalar/superstep"
)

// both runs a job of two peers in one task and in two.
func both(t *testing.T, f func(t *testing.T, w world)) {
	t.Helper()
	for name, tasks := range map[string][]int{"one task": {2}, "two tasks": {1, 1}} {
		t.Run(name, func(t *testing.T) { f(t, world{tasks: tasks}) })
	}
}

// What a peer sends to one that has left or retired is counted, and its halt is
// seen, wherever the other one was.
func TestColumnsToNobody(t *testing.T) {
	type outcome struct {
		halted []bool
		slot   []float64 // of the accumulator, after each exchange
		sent   int64
	}
	for name, gone := range map[string]func(ctx context.Context, p *superstep.Port) error{
		"left": func(context.Context, *superstep.Port) error { return nil },
		"retired": func(ctx context.Context, p *superstep.Port) error {
			p.Retire()
			for p.Superstep() < 4 {
				if _, err := p.Sync(ctx, superstep.Vote{Halt: true}); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, w world) {
				t.Helper()
				var groups []*superstep.Group
				w.each = func(g *superstep.Group) { groups = append(groups, g) }
				var got outcome
				must(t, w.run(t, func(ctx context.Context, p *superstep.Port) error {
					lane := superstep.NewLane[float64](p, superstep.Sum, []uint32{100, 100})
					if p.Index() == 1 {
						return gone(ctx, p)
					}
					for s := range 4 {
						if s < 2 {
							lane.AddBlock(1, 0, slices.Repeat([]float64{1}, 100))
						} else {
							lane.Add(1, 3, 1)
						}
						v, err := lane.Exchange(ctx, superstep.Vote{Halt: true}, func(uint32, []float64) {})
						if err != nil {
							return err
						}
						got.halted = append(got.halted, v.Halted)
						got.slot = append(got.slot, lane.Accumulator(1)[3])
					}
					return nil
				}))
				for _, g := range groups {
					got.sent += g.Stats().Messages
				}
				want := outcome{halted: make([]bool, 4), slot: make([]float64, 4), sent: 202}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("got %+v, want %+v", got, want)
				}
			})
		})
	}
}

// fold sees the same runs wherever the sender is: who sums up a run gets the same
// bits.
func TestFoldRuns(t *testing.T) {
	const slots = 40_000
	var want []int
	both(t, func(t *testing.T, w world) {
		t.Helper()
		var runs []int
		must(t, w.run(t, func(ctx context.Context, p *superstep.Port) error {
			lane := superstep.NewLane[float64](p, superstep.Sum, []uint32{slots, slots})
			if p.Index() == 1 {
				lane.AddBlock(0, 0, slices.Repeat([]float64{1}, slots))
			}
			_, err := lane.Exchange(ctx, superstep.Vote{}, func(_ uint32, vs []float64) {
				if p.Index() == 0 {
					runs = append(runs, len(vs))
				}
			})
			return err
		}))
		if want == nil {
			want = runs
		}
		if len(runs) < 2 || !slices.Equal(runs, want) {
			t.Errorf("runs %v and %v", runs, want)
		}
	})
}

// What comes on a lane that a peer opens too late, or never, is an error and not
// lost.
func TestUnopenedLanes(t *testing.T) {
	const n = 50
	both(t, func(t *testing.T, w world) {
		t.Helper()
		for name, late := range map[string]bool{"opened late": true, "never opened": false} {
			errs := w.run(t, func(ctx context.Context, p *superstep.Port) (err error) {
				if p.Index() == 0 {
					lane := superstep.NewLane[uint32](p, superstep.Sum, []uint32{n, n})
					lane.Add(1, 3, 1)
					_, err = lane.Exchange(ctx, superstep.Vote{}, func(uint32, []uint32) {})
				} else {
					_, err = p.Sync(ctx, superstep.Vote{})
				}
				if late && p.Index() == 1 {
					superstep.NewLane[uint32](p, superstep.Sum, []uint32{n, n})
				}
				for range 2 {
					if err == nil {
						_, err = p.Sync(ctx, superstep.Vote{})
					}
				}
				return err
			})
			if err := errors.Join(errs...); !errors.Is(err, superstep.ErrInbox) {
				t.Errorf("%s: %v", name, errs)
			}
		}
	})
}

// A task that goes on before it has this one's mark is found out: what it sends
// would land in the inbox that is being read.
func TestFramesAheadOfTheMark(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	ranges := []superstep.Range{{Lo: 0, Hi: 1}, {Lo: 1, Hi: 2}}
	g, err := superstep.NewGroup(superstep.Config{Job: 42, Epoch: 7, Ranges: ranges, Conns: []net.Conn{nil, a}})
	if err != nil {
		t.Fatal(err)
	}
	data := func(step uint32) []byte {
		return superstep.Frame([4]uint8{2, 0, 0, 1}, [4]uint32{step, 1, 0, 1}, make([]byte, 16))
	}
	mark := superstep.Frame([4]uint8{4, 0, 0, 0}, [4]uint32{0, 1, 0, 0}, superstep.AppendMark(superstep.Mark{Busy: true, Sent: 1, Links: 1, Values: [][]byte{nil}}, []uint64{1}))
	go io.Copy(io.Discard, b)
	var other sync.WaitGroup
	other.Go(func() {
		_, _ = b.Write(slices.Concat(data(0), mark, data(1))) // all before the peer has begun
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = runTask(ctx, g, ranges[0], func(ctx context.Context, _ *superstep.Port) error {
		other.Wait()
		<-ctx.Done()
		return nil
	})
	if !errors.Is(err, superstep.ErrFrame) {
		t.Error(err)
	}
}

// A task that has its orders later than the others is waited for, however long.
func TestMeshWaitsForALateTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, listeners := world{transport: "pipe"}.listen(t.Context(), t, 2)
		var tasks sync.WaitGroup
		found := make([]net.Conn, 2)
		for task, late := range []time.Duration{time.Minute, 0} {
			tasks.Go(func() {
				l := listeners[task]
				if task == 0 { // the kernel takes connections meanwhile
					l = &backlog{Listener: l, late: late}
				}
				conns, err := superstep.Mesh{Task: task, Listener: l, Dial: dial}.Connect(t.Context(), 2)
				if err != nil {
					t.Errorf("task %d: %v", task, err)
					return
				}
				found[task] = conns[1-task]
			})
		}
		tasks.Wait()
		for _, c := range found {
			if c != nil {
				c.Close()
			}
		}
	})
}

// backlog hands out what it accepts after a while.
type backlog struct {
	net.Listener
	late time.Duration
}

func (b *backlog) Accept() (net.Conn, error) {
	c, err := b.Listener.Accept()
	if err == nil {
		time.Sleep(b.late)
	}
	return c, err
}
