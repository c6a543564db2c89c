package graph_test

import (
	"encoding/binary"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp/graph"

	"pgregory.net/rapid"
)

// Edges arrive in their order with the owners' numbers, whatever chunks they lie in.
func TestChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		peers := rapid.IntRange(1, 4).Draw(t, "peers")
		narrow := rapid.SampledFrom([]uint32{1, 5, 300, 1 << 24}).Draw(t, "narrow")
		far := rapid.SampledFrom([]uint32{0, 1 << 23, 1<<32 - 1e5}).Draw(t, "far")
		if narrow == 1<<24 && far > 1<<24 {
			narrow = 300
		}
		n := rapid.SampledFrom([]int{0, 1, 50, 200_000}).Draw(t, "edges")
		seed := rapid.Uint32().Draw(t, "seed")
		var weights []float64
		edges := make([][2]uint32, 0, n)
		weighted := rapid.Bool().Draw(t, "weights")
		renumber := func(x uint32) uint32 { return far + x/2 + x%2*1000 }
		name := func(v uint32) string { return strconv.Itoa(int(renumber(v / uint32(peers)))) }
		want := make([][][]graph.Edge, peers)
		for i := range want {
			want[i] = make([][]graph.Edge, peers)
		}
		for i := range n {
			seed = seed*1664525 + 1013904223
			e := [2]uint32{seed >> 8 % (uint32(i)/64 + 3), seed >> 20 % (uint32(i)/32 + 3)}
			edges = append(edges, e)
			w := 1.0
			if weighted {
				w = float64(i)
				weights = append(weights, w)
			}
			row := want[e[0]%uint32(peers)]
			other := e[1] % uint32(peers)
			row[other] = append(row[other], graph.Edge{Src: name(e[0]), Dst: name(e[1]), Weight: w})
		}
		got, err := graph.Chunks(edges, weights, peers, narrow, renumber)
		for _, all := range [][][][]graph.Edge{got, want} {
			for _, others := range all {
				for _, list := range others { // only edges of one row have an order
					slices.SortStableFunc(list, func(a, b graph.Edge) int { return strings.Compare(a.Src, b.Src) })
				}
			}
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%d edges, peers %d, narrow %d: other edges: %v", n, peers, narrow, err)
		}
	})
}

// FuzzChunks gives a peer anything as edges from another.
func FuzzChunks(f *testing.F) {
	edge := binary.LittleEndian.AppendUint64([]byte{2, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0}, 7)
	f.Add(edge, false)
	f.Add(slices.Concat(edge, edge), false)
	f.Add(append(edge[:20:20], make([]byte, 16)...), true)
	f.Add([]byte{3, 0, 0, 0, 255, 255, 255, 255, 23, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, false)
	f.Add(make([]byte, 23), false)
	f.Fuzz(func(t *testing.T, b []byte, weights bool) {
		if n, err := graph.ReadChunks(b, 3, weights); err == nil && n*5 > len(b) {
			t.Fatalf("%d edges in %d bytes", n, len(b))
		}
	})
}
