package algo

import (
	"context"
	"encoding/binary"
	"math"
	"slices"

	"scalar/bsp"
	"scalar/bsp/graph"
)

// A word is two numbers that a peer says to all.
type word [2]uint64

func (w word) append(b []byte) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, w[0]), w[1])
}

func cutWord(b []byte) (word, error) {
	if len(b) != 16 {
		return word{}, errTalk
	}
	return word{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}, nil
}

// weighed is how many weights a peer looks at to choose the width of buckets.
const weighed = 1 << 12

// agreeWidth returns the width of buckets, the same on all peers: a typical weight by the
// edges of a vertex. A vertex has about one edge then that leads into its own bucket,
// where the order is not that of distances. It has no part in the results.
func agreeWidth[M any](ctx context.Context, p *bsp.Peer[M], part *graph.Part) (float64, error) {
	_, ends, weights := part.Rows()
	own := word{math.Float64bits(typical(weights)), uint64(len(ends))}.append(nil)
	out := make([][]byte, p.N())
	for q := range out {
		out[q] = own
	}
	all, err := bsp.HandOver(ctx, p, out)
	if err != nil {
		return 0, err
	}
	var ws []float64
	edges := uint64(0)
	for _, b := range all {
		w, err := cutWord(b)
		if err != nil {
			return 0, err
		}
		edges += w[1]
		if x := math.Float64frombits(w[0]); x > 0 {
			ws = append(ws, x)
		}
	}
	return widthOf(ws, float64(edges)/float64(max(part.NumVertices(), 1))), nil
}

// typical returns the median of some of the weights above 0; 0 if there is none.
func typical(weights []float64) float64 {
	some := make([]float64, 0, weighed)
	for i := 0; i < len(weights); i += len(weights)/weighed + 1 {
		if weights[i] > 0 {
			some = append(some, weights[i])
		}
	}
	return median(some)
}

func median(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	slices.Sort(xs)
	return xs[len(xs)/2]
}

// widthOf returns a power of 2, so that no rounding moves a vertex between buckets, of
// which the inverse is one too.
func widthOf(weights []float64, degree float64) float64 {
	w := median(weights)
	if w == 0 {
		return 1
	}
	_, exponent := math.Frexp(w / max(degree, 1))
	return math.Ldexp(1, max(-1000, min(exponent-1, 1000)))
}
