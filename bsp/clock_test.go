package bsp_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// The slowest peer of each phase is named with its own time: that of the others who wait
// for it in barriers and collectives is not theirs.
func TestPeerTimes(t *testing.T) {
	for _, n := range []int{1, 5, wire.MaxSpread, 101} {
		synctest.Test(t, func(t *testing.T) {
			slow := n / 2
			more := func(p *bsp.Peer[int], d time.Duration) { // the slowest takes 1 s more than d
				if time.Sleep(d); p.Index() == slow {
					time.Sleep(time.Second)
				}
			}
			var live *wire.Progress
			done, err := bsp.RunTask(t.Context(), bsp.TaskConfig{
				Start: wire.TaskStart{Key: wire.TaskKey{Job: "times-1", Epoch: 1}, Ranges: []job.Range{{Hi: n}}},
				Report: func(m wire.FromTask) {
					if m.Progress != nil {
						live = m.Progress
					}
				},
				Runner: bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
					more(p, 10*time.Millisecond)
					p.Loaded()
					for range 3 {
						more(p, 20*time.Millisecond)
						if _, err := bsp.AllGather(ctx, p, 1); err != nil {
							return err
						}
						more(p, 30*time.Millisecond)
						if err := p.Sync(ctx); err != nil {
							return err
						}
					}
					more(p, 50*time.Millisecond)
					p.Write("an", "answer")
					more(p, 40*time.Millisecond)
					return nil
				}),
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range []struct {
				name         string
				got          wire.PhaseTimes
				slow, others time.Duration
			}{
				{"load", done.Times.Load, 1010 * time.Millisecond, 10 * time.Millisecond},
				{"compute", done.Times.Compute, 7200 * time.Millisecond, 200 * time.Millisecond},
				{"write", done.Times.Write, 1040 * time.Millisecond, 40 * time.Millisecond},
			} {
				want := slices.Repeat([]int64{x.others.Microseconds()}, min(n, wire.MaxSpread))
				if n <= wire.MaxSpread { // of more, one is as good as lost in the spread
					want[n-1] = x.slow.Microseconds()
				}
				if x.got.Peer != slow || x.got.Longest != x.slow.Microseconds() || !slices.Equal(x.got.Spread, want) {
					t.Errorf("%d peers, %s: %+v, want %v of peer %d, %v of the others", n, x.name, x.got, x.slow, slow, x.others)
				}
			}
			if !done.Times.Valid(0, n) || done.Times.Valid(0, slow) || live == nil || live.Times == nil || !live.Times.Valid(0, n) || live.Times.Compute.Peer != slow {
				t.Errorf("at the end %+v, in progress %+v", done.Times, live)
			}
		})
	}
}
