package bsp_test

import (
	"context"
	"errors"
	"math/bits"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/wire"

	"pgregory.net/rapid"
)

// Merged stretches are what their supersteps add up to, each in its place.
func TestRecorderMerges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := 2 * rapid.IntRange(1, 16).Draw(t, "pairs")
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) (s bsp.Superstep) {
			for i := range s {
				s[i] = rapid.Int64Range(0, 1<<40).Draw(t, "v")
			}
			return s
		}), 0, 300).Draw(t, "supersteps")
		list, width := bsp.Recorded(limit, steps)
		if len(list) > limit || bits.OnesCount(uint(width)) != 1 || len(list) != (len(steps)+width-1)/width || width > 1 && len(list) <= limit/2 {
			t.Fatalf("%d supersteps in %d stretches of %d, at most %d", len(steps), len(list), width, limit)
		}
		for i, got := range list {
			var want bsp.Superstep
			for _, s := range steps[i*width : min((i+1)*width, len(steps))] {
				for k := range 5 {
					want[k] += s[k]
				}
				want[5], want[6] = max(want[5], s[5]), max(want[6], s[6])
			}
			if got != want {
				t.Fatalf("stretch %d of %d supersteps: %v, want %v", i, width, got, want)
			}
		}
	})
}

func TestRecorderMemory(t *testing.T) {
	for _, n := range []int{1, 2, 100, 3000, job.MaxPeers} {
		limit := bsp.RecorderLimit(n)
		if limit < 16 || limit > job.MaxStretches || bits.OnesCount(uint(limit)) != 1 || limit > 16 && n*limit > 1<<20 {
			t.Errorf("%d peers: %d stretches each", n, limit)
		}
	}
}

// Times are what the peers did: computed, waited for the last one, waited in collectives.
func TestTraceTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got *job.Trace
		done, err := bsp.RunTask(t.Context(), bsp.TaskConfig{
			Start: wire.TaskStart{Key: wire.TaskKey{Job: "trace-1", Epoch: 1}, Ranges: []job.Range{{Hi: 3}}, Trace: true},
			Report: func(m wire.FromTask) {
				if m.Trace != nil {
					got = m.Trace
				}
			},
			Runner: bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
				time.Sleep(time.Second)
				p.Loaded()
				for step := range 3 {
					time.Sleep(time.Duration(p.Index()+1) * time.Millisecond) // 1, 2, 3
					if _, err := bsp.AllGather(ctx, p, 1); err != nil {
						return err
					}
					time.Sleep(time.Duration(3-p.Index()) * time.Millisecond) // 3, 2, 1
					for range step {
						p.Send(0, 1)
					}
					p.Active(10)
					if err := p.Sync(ctx); err != nil {
						return err
					}
				}
				p.Send(0, 1) // goes nowhere
				time.Sleep(time.Second)
				return nil
			}),
		})
		if err != nil || got == nil || done.Counters[job.CounterMessages] != 9 {
			t.Fatal(got, done.Counters, err)
		}
		ms := int64(time.Millisecond)
		want := &job.Trace{
			Peers: job.Range{Hi: 3}, Steps: 3, Width: 1, TrackWidth: 1,
			Compute: []int64{12 * ms, 12 * ms, 12 * ms}, Exchange: []int64{0, 0, 0}, Wait: []int64{6 * ms, 6 * ms, 6 * ms},
			Messages: []int64{0, 3, 6}, Active: []int64{30, 30, 30}, Longest: []int64{6 * ms, 6 * ms, 6 * ms}, End: []int64{1006 * ms, 1012 * ms, 1018 * ms},
		}
		same := got.Valid(0, want.Peers) && got.Steps == 3 && got.Width == 1 && got.TrackWidth == 1 && len(got.Tracks) == 3
		all := columns(want)
		for i, c := range columns(got) {
			same = same && slices.Equal(c, all[i])
		}
		if !same {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		for i, l := range got.Tracks {
			if l.Peer != i || !slices.Equal(l.Compute, []int64{4 * ms, 4 * ms, 4 * ms}) || !slices.Equal(l.Wait, []int64{2 * ms, 2 * ms, 2 * ms}) {
				t.Errorf("track %d: %+v", i, l)
			}
		}
	})
}

// Many peers and supersteps are thinned, with sums that stay those of the counters; a
// run that nobody wants a report of tells nothing, and one that fails tells what there was.
func TestTraceSums(t *testing.T) {
	for _, x := range []struct {
		name         string
		peers, steps int
		report, fail bool
	}{{"many peers", 150, 700, true, false}, {"many supersteps", 2, 5000, true, false}, {"not asked", 2, 10, false, false}, {"fails", 3, 20, true, true}} {
		t.Run(x.name, func(t *testing.T) {
			var told []*job.Trace
			info, _, err := bsp.RunLocal(t.Context(), bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
				for p.Superstep() < x.steps {
					for range p.Superstep() % 3 {
						p.Send((p.Index()+1)%p.N(), 1)
					}
					p.Active(1)
					if err := p.Sync(ctx); err != nil {
						return err
					}
				}
				if x.fail && p.Index() == 1 {
					return errors.New("no more")
				}
				return nil
			}), bsp.LocalConfig{Spec: job.Spec{Peers: x.peers, Report: x.report}, Trace: func(attempt int, tr *job.Trace) {
				if attempt != 1 {
					t.Errorf("attempt %d", attempt)
				}
				told = append(told, tr)
			}})
			if (err != nil) != x.fail {
				t.Fatal(err)
			}
			if !x.report {
				if len(told) > 0 {
					t.Errorf("told %+v", told[0])
				}
				return
			}
			if len(told) != 1 || told[0].Steps != x.steps || len(told[0].Tracks) != min(x.peers, job.MaxTracks) {
				t.Fatalf("told %d times, %d supersteps, %d tracks", len(told), told[0].Steps, len(told[0].Tracks))
			}
			if got := total(told[0].Messages); !x.fail && got != info.Counters[job.CounterMessages] {
				t.Errorf("%d messages, the counter has %d", got, info.Counters[job.CounterMessages])
			}
			if got := total(told[0].Active); got != int64(x.peers*x.steps) {
				t.Errorf("%d active, want %d", got, x.peers*x.steps)
			}
			for _, l := range told[0].Tracks {
				if total(l.Compute) > total(told[0].Compute) {
					t.Errorf("peer %d computes more than all: %d of %d", l.Peer, total(l.Compute), total(told[0].Compute))
				}
			}
		})
	}
}

func columns(t *job.Trace) [][]int64 {
	return [][]int64{t.Compute, t.Exchange, t.Wait, t.Messages, t.Active, t.Longest, t.End}
}

func total(list []int64) (sum int64) {
	for _, v := range list {
		sum += v
	}
	return sum
}
