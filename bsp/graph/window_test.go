package graph_test

import (
	"math"
	"slices"
	"testing"

	"scalar/bsp/graph"

	"pgregory.net/rapid"
)

func TestWindows(t *testing.T) {
	for _, c := range []struct {
		lengths []uint32
		room    uint32
		want    [][2]uint32
	}{
		{nil, 5, nil},
		{[]uint32{0}, 5, [][2]uint32{{0, 1}}},
		{[]uint32{3, 2, 1}, 5, [][2]uint32{{0, 2}, {2, 3}}},
		{[]uint32{3, 2, 1}, 6, [][2]uint32{{0, 3}}},
		{[]uint32{9, 9, 0, 0, 9}, 5, [][2]uint32{{0, 1}, {1, 2}, {2, 4}, {4, 5}}},
		{[]uint32{1, 1, 1}, math.MaxUint32, [][2]uint32{{0, 3}}},
	} {
		if got := graph.Windows(c.lengths, c.room); !slices.Equal(got, c.want) {
			t.Errorf("%v, room %d: %v, want %v", c.lengths, c.room, got, c.want)
		}
	}
}

// Windows cover all rows in their order; each has as many rows as there is room for.
func TestWindowsAreFull(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lengths := rapid.SliceOf(rapid.Uint32Range(0, 9)).Draw(t, "lengths")
		room := rapid.Uint32Range(0, 30).Draw(t, "room")
		next := uint32(0)
		for _, w := range graph.Windows(lengths, room) {
			sum := uint32(0)
			for _, n := range lengths[w[0]:w[1]] {
				sum += n
			}
			if w[0] != next || w[1] <= w[0] || sum > room && w[1] > w[0]+1 {
				t.Fatalf("window %v with %d edges after %d", w, sum, next)
			}
			if int(w[1]) < len(lengths) && sum+lengths[w[1]] <= room {
				t.Fatalf("window %v has room for row %d", w, w[1])
			}
			next = w[1]
		}
		if int(next) != len(lengths) {
			t.Fatalf("%d rows of %d", next, len(lengths))
		}
	})
}
