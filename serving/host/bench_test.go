package host_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"scalar/serving/host"
	"scalar/serving/protocol"
)

// BenchmarkPredict is of a net 784-128-10, one row a request.
func BenchmarkPredict(b *testing.B) {
	h := start(b, host.Config{})
	folder := mlp(b, b.TempDir(), 784, []int{128}, 1)
	load(b, h, "digits", "1", folder)
	x, name := random(784, 1), []byte("digits")
	b.Run("executor", func(b *testing.B) { // what model's executor takes of that
		e, row := executor(b, folder), dense(b, 1, x)
		for b.Loop() {
			if _, err := e.Predict(row); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, goroutines := range []int{1, 8, 64} {
		b.Run(strconv.Itoa(goroutines), func(b *testing.B) {
			b.ReportAllocs()
			var all sync.WaitGroup
			for g := range goroutines {
				n := b.N / goroutines
				if g < b.N%goroutines {
					n++
				}
				all.Go(func() {
					r, a := request(1, x), &protocol.Answer{}
					for range n {
						l, err := h.Acquire("a", name, nil, nil)
						if err == nil {
							err = l.Predict(context.Background(), time.Time{}, r, a)
						}
						if err != nil {
							b.Error(err)
							return
						}
						l.Release()
					}
				})
			}
			all.Wait()
		})
	}
	for _, m := range h.Models("a") {
		v := m.Versions[0]
		b.Logf("batches of %d, %v a row, %+v", v.BatchRows, v.PerRow, v.Stats)
	}
}

// BenchmarkLoad is of a net 784-128-10 that takes the place of another.
func BenchmarkLoad(b *testing.B) {
	h := start(b, host.Config{})
	folders := [2]string{mlp(b, b.TempDir(), 784, []int{128}, 1), mlp(b, b.TempDir(), 784, []int{128}, 2)}
	for i := 0; b.Loop(); i++ {
		load(b, h, "digits", "1", folders[i%2])
	}
}
