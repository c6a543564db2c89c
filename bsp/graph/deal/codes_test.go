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
		fast, single, plain := want.clone(), want.clone(), want.clone()
		n := want.coded(l, codes, weights)
		if got := l.DealCodes(fast.chunks, codes, weights); got != n {
			t.Fatalf("%+v: %d codes of %d", l, got, n)
		}
		if got := codesOne(l)(single.chunks, codes, weights); got != n {
			t.Fatalf("%+v, one by one: %d codes of %d", l, got, n)
		}
		if got := l.PlainCodes(plain.chunks, codes, weights); got != n {
			t.Fatalf("%+v, without assembly: %d codes of %d", l, got, n)
		}
		for _, got := range []table{fast, single, plain} {
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

// An edge whose chunk is full ends the dealing wherever it stands, and one that has no chunk is a fault of the caller.
func TestCodesStop(t *testing.T) {
	for i := range 4 * 2 * 40 {
		form, pulled, at := layouts[i%4], i/4%2 == 0, i/8
		l := &deal.Layout{Shift: 1, Level: 4, Bits: form.bits, Mask: form.mask, Size: form.size, Pulled: pulled}
		for name, f := range map[string]func([][]byte, []uint32, []float64) int{"fast": l.DealCodes, "one": codesOne(l), "plain": l.PlainCodes} {
			codes, chunks := make([]uint32, 2*40), [][]byte{make([]byte, 0, 400), make([]byte, deal.Room-1), nil, nil}
			chunks[1] = chunks[1][:0]
			row, other := &codes[2*at], &codes[2*at+1]
			if pulled {
				row, other = other, row
			}
			*other = 1
			if n := f(chunks, codes, nil); n != 2*at || len(chunks[0]) != at*int(l.Size) || len(chunks[1]) > 0 {
				t.Fatalf("%s, %+v: %d codes of %d, %d bytes", name, l, n, 2*at, len(chunks[0]))
			}
			*row, *other, chunks[0] = 16<<1, 0, chunks[0][:0]
			panics(t, name+": a code", func() { f(chunks, codes, nil) })
			if len(chunks[0]) != at*int(l.Size) {
				t.Fatalf("%s, %+v: %d bytes before edge %d", name, l, len(chunks[0]), at)
			}
		}
	}
}

func BenchmarkDealCodes(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	codes := numbersOf(r, 1<<16, 1<<20)
	l := &deal.Layout{Shift: 1, Level: 63, Bits: 24, Mask: 1<<24 - 1, Size: 6, Pulled: true}
	chunks := chunksOf(r, 4, 1<<18)
	for name, f := range map[string]func([][]byte, []uint32, []float64) int{"fast": l.DealCodes, "one": codesOne(l), "plain": l.PlainCodes} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for i := range chunks {
					chunks[i] = chunks[i][:0]
				}
				f(chunks, codes, nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(codes)/2), "ns/edge")
		})
	}
}

// codesOne is DealCodes as it is where edges are not taken eight at a time.
func codesOne(l *deal.Layout) func(chunks [][]byte, codes []uint32, weights []float64) int {
	return func(chunks [][]byte, codes []uint32, weights []float64) (n int) {
		deal.OneByOne(func() { n = l.DealCodes(chunks, codes, weights) })
		return n
	}
}
