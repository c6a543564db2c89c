package deal_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"scalar/bsp/graph/deal"
)

// coded deals codes as the documentation says, an edge at a time.
func (t table) coded(l *deal.Layout, codes []uint32, weights []float64) int {
	owner := uint64(1)<<l.Shift - 1
	for i := 0; i+1 < len(codes); i += 2 {
		row, other := uint64(codes[i]), uint64(codes[i+1])
		if l.Pulled {
			row, other = other, row
		}
		b := &t.chunks[row>>l.Shift>>l.Level<<(2*l.Shift)|row&owner<<l.Shift|other&owner]
		if cap(*b)-len(*b) < deal.Room {
			return i
		}
		edge := binary.LittleEndian.AppendUint64(nil, other>>l.Shift<<l.Bits|row>>l.Shift&l.Mask)
		if *b = append(*b, edge[:l.Size]...); weights != nil {
			*b = binary.LittleEndian.AppendUint64(*b, math.Float64bits(weights[i/2]))
		}
	}
	return len(codes) &^ 1
}

// Edges between codes lie in the same chunks whoever deals them, up to the same edge.
func TestDealCodes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 400 {
		form := layouts[r.IntN(4)]
		l := &deal.Layout{Shift: r.Uint64N(4), Level: 4 + r.Uint64N(4), Pulled: r.IntN(2) == 0, Bits: form.bits, Mask: form.mask, Size: form.size}
		if r.IntN(8) == 0 {
			l.Level = 63 // one range of all rows
		}
		words := 1 + r.IntN(20)
		codes := make([]uint32, r.IntN(400))
		for i := range codes {
			codes[i] = r.Uint32N(uint32(64*words) << l.Shift)
		}
		var weights []float64
		if r.IntN(3) == 0 {
			weights = make([]float64, len(codes)/2)
			for i := range weights {
				weights[i] = r.Float64()
			}
		}
		want := newTable(r, l, words, []int{100, 10_000}[r.IntN(2)])
		fast, plain := want.clone(), want.clone()
		n := want.coded(l, codes, weights)
		if got := l.DealCodes(fast.chunks, codes, weights); got != n {
			t.Fatalf("%+v: %d codes of %d", l, got, n)
		}
		if got := l.PlainCodes(plain.chunks, codes, weights); got != n {
			t.Fatalf("%+v, without assembly: %d codes of %d", l, got, n)
		}
		for _, got := range []table{fast, plain} {
			if err := got.compare(want, false); err != nil {
				t.Fatalf("%+v: %v", l, err)
			}
		}
		if n+1 < len(codes) {
			if b := want.chunks[l.CodedChunk(codes[n], codes[n+1])]; cap(b)-len(b) >= deal.Room {
				t.Fatalf("%+v: the chunk that is full is another", l)
			}
		}
		panics(t, "a code", func() { l.DealCodes(fast.chunks[:0], []uint32{1, 2}, weights) })
	}
}
