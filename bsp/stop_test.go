package bsp_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// endings are what programs make of the barrier at which they end: all of a superstep
// but its sends.
var endings = map[string]func(ctx context.Context, p *bsp.Peer[int]) error{
	"passes the error on": func(ctx context.Context, p *bsp.Peer[int]) error { return p.Sync(ctx) },
	"says it its own way": func(ctx context.Context, p *bsp.Peer[int]) error {
		if p.Sync(ctx) != nil {
			return errors.New("no barrier any more")
		}
		return nil
	},
	"tries again": func(ctx context.Context, p *bsp.Peer[int]) error {
		for range 3 {
			if err := p.Sync(ctx); err == nil {
				return nil
			}
		}
		return p.Sync(ctx)
	},
	"goes on to a collective": func(ctx context.Context, p *bsp.Peer[int]) error {
		if p.Sync(ctx) == nil {
			return nil
		}
		_, err := bsp.AllGather(ctx, p, 1)
		return err
	},
	"ends as if nothing were": func(ctx context.Context, p *bsp.Peer[int]) error {
		if err := p.Sync(ctx); err != nil {
			return errReturned
		}
		return nil
	},
}

var errReturned = errors.New("returned")

// A task that is asked to stop ends at its next barrier, whatever its program makes of
// the error, with its figures and without parts.
func TestStopAtBarrier(t *testing.T) {
	const at = 4 // supersteps that are over when all end
	for name, prog := range endings {
		t.Run(name, func(t *testing.T) {
			stop := make(chan struct{})
			cfg := ringTask(t, func(s *wire.TaskStart) {
				s.Ranges, s.CheckpointEvery = []job.Range{{Hi: 3}}, 2
				s.OutputTmp = t.TempDir() + "/out"
			})
			cfg.Stop, cfg.Stderr = stop, io.Discard
			cfg.Runner = bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
				if _, err := p.State(new(int)); err != nil {
					return err
				}
				p.Write("superstep", p.Superstep())
				for {
					p.Count("rounds", 1)
					p.Send((p.Index()+1)%p.N(), 1)
					switch {
					case p.Index() == 2 && p.Superstep() == 2:
						return nil // it goes on in the barriers, for the checkpoints
					case p.Index() == 0 && p.Superstep() == at-1:
						close(stop)
					}
					if err := prog(ctx, p); errors.Is(err, errReturned) {
						return nil
					} else if err != nil {
						return err
					}
				}
			})
			done, err := bsp.RunTask(t.Context(), cfg)
			if err != nil || !done.Stopped || done.Supersteps != at || len(done.Parts) > 0 || done.Counters["rounds"] != 2*at+3 || done.Counters["messages"] == 0 {
				t.Errorf("%+v, %v", done, err)
			}
		})
	}
}

// A program that ends before its next barrier ends as ever.
func TestStopComesTooLate(t *testing.T) {
	stop := make(chan struct{})
	close(stop)
	cfg := ringTask(t, func(s *wire.TaskStart) { s.OutputTmp = t.TempDir() + "/out" })
	cfg.Stop = stop
	cfg.Runner = bsp.NewRunner(func(context.Context, *bsp.Peer[int]) error { return nil })
	cfg.Start.CheckpointDir = "" // no barrier after the program's end
	done, err := bsp.RunTask(t.Context(), cfg)
	if err != nil || done.Stopped || len(done.Parts) != 2 {
		t.Errorf("%+v, %v", done, err)
	}
}

// One task of several is asked, and all end at the same barrier, in order.
func TestStopAllTasks(t *testing.T) {
	c := launch(t, 3, func(s *wire.TaskStart) { s.Args = []string{"1000000000"} })
	c.connect(t)
	var asked sync.WaitGroup
	dones := make([]*wire.TaskDone, len(c.procs))
	for i, p := range c.procs {
		asked.Go(func() {
			for {
				m, err := p.Recv()
				switch {
				case err != nil || m.Failed != nil || m.LinkLost != nil:
					t.Errorf("task %d: %+v, %v", i, m, err)
					return
				case m.Done != nil:
					dones[i] = m.Done
					return
				case m.Progress != nil && m.Progress.Superstep > 0 && i == 1:
					_ = p.Send(wire.ToTask{Barrier: true}) // again and again: once counts
				}
			}
		})
	}
	asked.Wait()
	for i, d := range dones {
		if d == nil || !d.Stopped || d.Supersteps == 0 || d.Supersteps != dones[0].Supersteps || len(d.Parts) > 0 || d.Counters["sent"] == 0 || d.Seconds.Compute <= 0 {
			t.Errorf("task %d: %+v", i, d)
		}
		if exit, err := c.procs[i].Wait(); err != nil || exit.Code() != 0 {
			t.Errorf("task %d %v, %v", i, exit, err)
		}
	}
}
