package superstep_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"scalar/superstep"
)

type place struct {
	name string
	world
}

// places are the placements that benchmarks compare.
var places = []place{
	{"in-process", world{tasks: []int{2}}},
	{"unix", world{tasks: []int{1, 1}, transport: "unix"}},
	{"tcp", world{tasks: []int{1, 1}, transport: "tcp"}},
	{"tls", world{tasks: []int{1, 1}, transport: "tls"}},
}

// measure runs prog on two peers; peer 0 drives the benchmark's clock.
func measure(b *testing.B, w world, prog func(ctx context.Context, p *superstep.Port, n int) error) {
	b.Helper()
	n := b.N
	errs := w.runContext(context.Background(), b, func(ctx context.Context, p *superstep.Port) error {
		if _, err := p.Sync(ctx, superstep.Vote{}); err != nil { // all are there
			return err
		}
		if p.Index() == 0 {
			b.ResetTimer()
		}
		err := prog(ctx, p, n)
		if p.Index() == 0 {
			b.StopTimer()
		}
		return err
	})
	must(b, errs)
}

func BenchmarkEmptySuperstep(b *testing.B) {
	places := slices.Clone(places)
	for _, n := range []int{4, 8, 16, 64, 256} {
		places = append(places, place{fmt.Sprint("in-process-", n), world{tasks: []int{n}}})
	}
	for _, n := range []int{4, 8} {
		places = append(places, place{fmt.Sprintf("tcp-%d-tasks", n), world{tasks: slices.Repeat([]int{1}, n), transport: "tcp"}})
	}
	for _, place := range places {
		b.Run(place.name, func(b *testing.B) {
			b.ReportAllocs()
			measure(b, place.world, func(ctx context.Context, p *superstep.Port, n int) error {
				for range n {
					if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

// Two peers compute for 200 µs in each superstep: what it takes longer is the cost of waiting, and of waking who
// waits while the other goes on.
func BenchmarkBusySuperstep(b *testing.B) {
	const work = 200 * time.Microsecond
	for _, place := range places {
		b.Run(place.name, func(b *testing.B) {
			measure(b, place.world, func(ctx context.Context, p *superstep.Port, n int) error {
				for range n {
					for begun := time.Now(); time.Since(begun) < work; {
					}
					if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
						return err
					}
				}
				return nil
			})
			b.ReportMetric(float64(b.Elapsed()-time.Duration(b.N)*work)/float64(b.N), "ns/wait")
		})
	}
}

// Messages of 16 bytes from each of two peers to the other, summed on arrival.
func BenchmarkSend16(b *testing.B) {
	const burst = 1 << 16
	for _, place := range places {
		b.Run(place.name, func(b *testing.B) {
			b.ReportAllocs()
			measure(b, place.world, func(ctx context.Context, p *superstep.Port, n int) error {
				box := superstep.NewBox(p, superstep.BoxConfig[pair]{})
				sum := 0.0
				for range n {
					for i := range uint64(burst) {
						box.Send(1-p.Index(), pair{i, 1})
					}
					if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
						return err
					}
					for m := range box.Messages() {
						sum += m.Value
					}
				}
				if sum != float64(n)*burst {
					return fmt.Errorf("sum %v", sum)
				}
				return nil
			})
			b.ReportMetric(2*burst*float64(b.N)/b.Elapsed().Seconds()/1e6, "M-messages/s")
		})
	}
}

func BenchmarkSendText(b *testing.B) {
	const burst = 1 << 12
	for _, place := range places[:1] {
		b.Run(place.name, func(b *testing.B) {
			b.ReportAllocs()
			measure(b, place.world, func(ctx context.Context, p *superstep.Port, n int) error {
				box := superstep.NewBox(p, superstep.BoxConfig[string]{})
				for range n {
					for range burst {
						box.Send(1-p.Index(), "twenty bytes of text")
					}
					if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
						return err
					}
				}
				return nil
			})
			b.ReportMetric(2*burst*float64(b.N)/b.Elapsed().Seconds()/1e6, "M-messages/s")
		})
	}
}

func BenchmarkSendStruct(b *testing.B) {
	const burst = 1 << 12
	type count struct {
		Word string
		N    int64
	}
	b.ReportAllocs()
	measure(b, places[0].world, func(ctx context.Context, p *superstep.Port, n int) error {
		box := superstep.NewBox(p, superstep.BoxConfig[count]{})
		for range n {
			for range burst {
				box.Send(1-p.Index(), count{"word", 7})
			}
			if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
				return err
			}
		}
		return nil
	})
	b.ReportMetric(2*burst*float64(b.N)/b.Elapsed().Seconds()/1e6, "M-messages/s")
}

// One peer's dense columns of a million float64 to the other and back, added up.
func BenchmarkDense(b *testing.B) {
	const slots = 1 << 20
	for _, place := range places {
		b.Run(place.name, func(b *testing.B) {
			b.ReportAllocs()
			measure(b, place.world, func(ctx context.Context, p *superstep.Port, n int) error {
				lane := superstep.NewLane[float64](p, superstep.Sum, []uint32{slots, slots})
				mine := make([]float64, slots)
				for range n {
					acc := lane.Accumulator(1 - p.Index())
					for i := range acc {
						acc[i] += 1
					}
					lane.Touch(1-p.Index(), slots)
					if _, err := lane.Exchange(ctx, superstep.Vote{}, func(slot uint32, vs []float64) {
						for i, v := range vs {
							mine[int(slot)+i] += v
						}
					}); err != nil {
						return err
					}
				}
				return nil
			})
			b.ReportMetric(2*slots*8*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
			b.ReportMetric(2*slots*float64(b.N)/b.Elapsed().Seconds()/1e6, "M-values/s")
		})
	}
}

// A sparse frontier: 1000 of a million slots.
func BenchmarkSparse(b *testing.B) {
	const slots = 1 << 20
	for _, place := range places {
		b.Run(place.name, func(b *testing.B) {
			b.ReportAllocs()
			measure(b, place.world, func(ctx context.Context, p *superstep.Port, n int) error {
				lane := superstep.NewLane[uint32](p, superstep.Min, []uint32{slots, slots})
				least := uint32(1 << 31)
				for range n {
					for i := range uint32(1000) {
						lane.Add(1-p.Index(), i*997, i)
					}
					if _, err := lane.Exchange(ctx, superstep.Vote{}, func(_ uint32, vs []uint32) { least = min(least, vs[0]) }); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

func BenchmarkAllGather(b *testing.B) {
	for _, place := range places {
		b.Run(place.name, func(b *testing.B) {
			b.ReportAllocs()
			measure(b, place.world, func(ctx context.Context, p *superstep.Port, n int) error {
				for range n {
					if _, err := p.AllGather(ctx, []byte{1, 2, 3}); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}
