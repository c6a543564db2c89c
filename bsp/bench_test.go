package bsp_test

import (
	"context"
	"io"
	"runtime"
	"testing"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// inTask runs a program of n peers in one task with b.N in its closure.
func inTask(b *testing.B, n int, prog bsp.Program[int64]) {
	b.Helper()
	_, err := bsp.RunTask(b.Context(), bsp.TaskConfig{
		Runner: bsp.NewRunner(prog), Start: wire.TaskStart{Key: wire.TaskKey{Job: "bench-1", Epoch: 1}, Ranges: []job.Range{{Hi: n}}},
		Output: func(int) io.Writer { return io.Discard },
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSync is an empty superstep of 2 peers.
func BenchmarkSync(b *testing.B) {
	b.ReportAllocs()
	inTask(b, 2, func(ctx context.Context, p *bsp.Peer[int64]) error {
		for p.Superstep() < b.N {
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// BenchmarkSend is one message of 8 bytes, in supersteps of 10,000.
func BenchmarkSend(b *testing.B) {
	b.ReportAllocs()
	inTask(b, 2, func(ctx context.Context, p *bsp.Peer[int64]) error {
		sum := int64(0)
		for i := range b.N {
			p.Send(1-p.Index(), int64(i))
			if i%10000 == 9999 {
				if err := p.Sync(ctx); err != nil {
					return err
				}
				for m := range p.Messages() {
					sum += m
				}
			}
		}
		return nil
	})
}

// BenchmarkWrite is one line of an integer and a float.
func BenchmarkWrite(b *testing.B) {
	b.ReportAllocs()
	inTask(b, 1, func(_ context.Context, p *bsp.Peer[int64]) error {
		for i := range b.N {
			p.Write(i+1000, float64(i)/3)
		}
		return nil
	})
}

// BenchmarkEmit is the same without interfaces.
func BenchmarkEmit(b *testing.B) {
	b.ReportAllocs()
	inTask(b, 1, func(_ context.Context, p *bsp.Peer[int64]) error {
		for i := range b.N {
			bsp.Emit(p, i+1000, float64(i)/3)
		}
		return nil
	})
}

// BenchmarkRun is a whole job of 2 peers and one superstep.
func BenchmarkRun(b *testing.B) {
	for b.Loop() {
		if _, err := bsp.Run(b.Context(), 2, func(ctx context.Context, p *bsp.Peer[int64]) error { return p.Sync(ctx) }); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAllReduce is a sum over 2 peers.
func BenchmarkAllReduce(b *testing.B) {
	inTask(b, 2, func(ctx context.Context, p *bsp.Peer[int64]) error {
		for i := range b.N {
			if _, err := bsp.AllReduce(ctx, p, i, func(a, b int) int { return a + b }); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestSteadyState: a superstep, a message and a line allocate nothing once all
// buffers have their size. (The loop over Messages does, once a superstep: its body.)
func TestSteadyState(t *testing.T) {
	const steps = 2000
	prog := func(ctx context.Context, p *bsp.Peer[int64]) error {
		var before, after runtime.MemStats
		sum, value := int64(0), []byte("value")
		for p.Superstep() < steps {
			if p.Superstep() == steps/2 && p.Index() == 0 {
				runtime.ReadMemStats(&before)
			}
			sum += int64(p.NumMessages())
			for i := range 100 {
				p.Send(1-p.Index(), sum+int64(i))
			}
			p.Vote(true)
			p.SetValues(value)
			p.Count("n", 1)
			bsp.Emit(p, p.Superstep()+1000, float64(sum))
			if err := p.Sync(ctx); err != nil {
				return err
			}
			_ = p.Values()
		}
		if p.Index() == 0 {
			runtime.ReadMemStats(&after)
			if n := after.Mallocs - before.Mallocs; n > steps { // for 2000 lines and 200,000 messages; under -race pools forget on purpose
				t.Errorf("%d allocations in %d supersteps of two peers", n, steps/2)
			}
		}
		return nil
	}
	_, err := bsp.RunTask(t.Context(), bsp.TaskConfig{
		Runner: bsp.NewRunner(prog), Start: wire.TaskStart{Key: wire.TaskKey{Job: "steady-1", Epoch: 1}, Ranges: []job.Range{{Hi: 2}}},
		Output: func(int) io.Writer { return io.Discard },
	})
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkSyncReport is an empty superstep of 2 peers that are recorded.
func BenchmarkSyncReport(b *testing.B) {
	b.ReportAllocs()
	_, err := bsp.RunTask(b.Context(), bsp.TaskConfig{
		Runner: bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int64]) error {
			for p.Superstep() < b.N {
				if err := p.Sync(ctx); err != nil {
					return err
				}
			}
			return nil
		}),
		Start: wire.TaskStart{Key: wire.TaskKey{Job: "bench-1", Epoch: 1}, Ranges: []job.Range{{Hi: 2}}, Trace: true},
	})
	if err != nil {
		b.Fatal(err)
	}
}
