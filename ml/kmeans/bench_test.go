package kmeans_test

import (
	"fmt"
	"testing"

	"scalar/ml/kmeans"
)

// BenchmarkIterate is an iteration over 100,000 rows of 50 features in two shards, on one core.
func BenchmarkIterate(b *testing.B) {
	for _, k := range []int{10, 100} {
		b.Run(fmt.Sprintf("k=%d", k), func(b *testing.B) {
			rows := clouds(100000, 50, k, 0, 1)
			f := newFit(b, rows, k, 2, kmeans.Euclidean)
			var at []float64
			for _, row := range rows[:k] {
				for _, v := range row {
					at = append(at, float64(v))
				}
			}
			for b.Loop() {
				if _, err := f.Iterate(b.Context(), at); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
