package deal_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"scalar/bsp/graph/deal"
)

// renumbered is what Renumbering.Deal does, as its documentation says, an edge at a time.
func renumbered(r *deal.Renumbering, t table, edges []byte) int {
	for at := 0; at < len(edges); at += int(r.Size) {
		var whole [8]byte
		copy(whole[:], edges[at:at+int(r.Pair)])
		x := binary.LittleEndian.Uint64(whole[:])
		row, other := uint64(r.Rows[r.Base+x&r.Mask]), uint64(r.Others[x>>r.Bits&r.Last])
		b := &t.chunks[row>>r.Level<<r.Shift|r.Owners]
		if cap(*b)-len(*b) < deal.Room {
			return at
		}
		edge := binary.LittleEndian.AppendUint64(nil, other<<r.ToBits|row&r.ToMask)
		*b = append(append(*b, edge[:r.ToSize]...), edges[at+int(r.Pair):at+int(r.Size)]...)
	}
	return len(edges)
}

// A layout is how edges lie in a chunk: bits and mask of a row, mask of an other end, bytes.
type layout struct{ bits, mask, last, size uint64 }

var layouts = []layout{{16, 1<<16 - 1, 1<<24 - 1, 5}, {24, 1<<24 - 1, 1<<24 - 1, 6}, {16, 1<<16 - 1, 1<<32 - 1, 6}, {32, 1<<32 - 1, 1<<32 - 1, 8}}

// numbersOf returns n numbers below a limit.
func numbersOf(r *rand.Rand, n, limit int) []uint32 {
	xs := make([]uint32, n)
	for i := range xs {
		xs[i] = uint32(r.IntN(limit))
	}
	return xs
}

// Edges of all layouts get the same chunks and numbers whoever deals them, up to the same edge.
func TestRenumber(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		from, to := layouts[rnd.IntN(4)], layouts[rnd.IntN(4)]
		const limit = 1000
		r := &deal.Renumbering{
			Base: rnd.Uint64N(50), Bits: from.bits, Mask: from.mask, Last: from.last, Size: from.size, Pair: from.size,
			Level: 4 + rnd.Uint64N(4), Shift: rnd.Uint64N(5), ToBits: to.bits, ToMask: to.mask, ToSize: to.size,
		}
		if rnd.IntN(8) == 0 {
			r.Level = 63 // one range of all rows
		}
		if rnd.IntN(2) == 0 {
			r.Size += 8
		}
		r.Owners = rnd.Uint64N(1 << r.Shift)
		r.Rows, r.Others = numbersOf(rnd, 300, limit), numbersOf(rnd, 200, limit)
		var edges []byte
		for range rnd.IntN(400) {
			edge := binary.LittleEndian.AppendUint64(nil, rnd.Uint64N(200)<<from.bits|rnd.Uint64N(300-r.Base))
			edges = append(edges, edge[:from.size]...)
			for range r.Size - r.Pair {
				edges = append(edges, byte(rnd.Uint32()))
			}
		}
		edges = append(edges, 0xff, 0xff, 0xff)[:len(edges)]
		want := table{chunks: make([][]byte, (limit>>r.Level+1)<<r.Shift)}
		most := []int{100, 10_000}[rnd.IntN(2)]
		for i := range want.chunks {
			want.chunks[i] = make([]byte, 0, rnd.IntN(most+1))
		}
		fast, single, plain := want.clone(), want.clone(), want.clone()
		n := renumbered(r, want, edges)
		if got := r.Deal(fast.chunks, edges); got != n {
			t.Fatalf("%+v: %d bytes of %d", r, got, n)
		}
		if got := renumberOne(r)(single.chunks, edges); got != n {
			t.Fatalf("%+v, one by one: %d bytes of %d", r, got, n)
		}
		if got := r.Plain(plain.chunks, edges); got != n {
			t.Fatalf("%+v, without assembly: %d bytes of %d", r, got, n)
		}
		for _, got := range []table{fast, single, plain} {
			if err := got.compare(want, true); err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
		}
		if n < len(edges) { // the chunk that is full
			if b := want.chunks[r.Chunk(edges[n:])]; cap(b)-len(b) >= deal.Room {
				t.Fatalf("%+v: the chunk has %d of %d bytes", r, len(b), cap(b))
			}
		}
	}
}

// An edge whose chunk is full ends the dealing wherever it stands, and one with an end that has no number, or that has no chunk, is a fault of the caller.
func TestRenumberStop(t *testing.T) {
	for i := range 4 * 40 {
		form, at := layouts[i%4], i/4
		r := &deal.Renumbering{
			Rows: []uint32{0, 0, 16, 32}, Others: []uint32{5, 6}, Base: 1, Bits: form.bits, Mask: form.mask, Last: form.last, Size: form.size, Pair: form.size,
			Level: 4, ToBits: 24, ToMask: 1<<24 - 1, ToSize: 6,
		}
		for name, f := range map[string]func([][]byte, []byte) int{"fast": r.Deal, "one": renumberOne(r), "plain": r.Plain} {
			dealt := func(row, other uint64) (n, before int) {
				edges, chunks := make([]byte, 40*form.size+3), [][]byte{make([]byte, 0, 400), make([]byte, 0, deal.Room-1)}
				edge := binary.LittleEndian.AppendUint64(nil, other<<form.bits|row)
				copy(edges[at*int(form.size):], edge[:form.size])
				defer func() {
					if before = len(chunks[0]) / 6; recover() != nil {
						n = -1
					}
				}()
				return f(chunks, edges[:40*form.size]), 0
			}
			for _, c := range []struct {
				what       string
				row, other uint64
				n          int
			}{{"full", 1, 0, at * int(form.size)}, {"no chunk", 2, 0, -1}, {"no row", 3, 0, -1}, {"no other end", 0, 2, -1}} {
				if n, before := dealt(c.row, c.other); n != c.n || before != at {
					t.Fatalf("%s, %s: %d bytes, %d edges of %d", name, c.what, n, before, at)
				}
			}
		}
	}
}

func BenchmarkRenumber(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 2))
	const ids = 1 << 19
	from, to := layouts[1], layouts[0]
	r := &deal.Renumbering{
		Rows: numbersOf(rnd, ids, ids), Others: numbersOf(rnd, ids, ids), Bits: from.bits, Mask: from.mask, Last: from.last, Size: from.size, Pair: from.size,
		Level: 13, Shift: 2, Owners: 1, ToBits: to.bits, ToMask: to.mask, ToSize: to.size,
	}
	edges, ends := edgesOf(rnd, &deal.Ends{Bits: r.Bits, Mask: r.Mask, Last: r.Last, Size: r.Size, Pair: r.Pair}, 1<<16, ids, ids)
	chunks := chunksOf(rnd, ids>>r.Level<<r.Shift, 1<<16)
	for name, f := range map[string]func([][]byte, []byte) int{"fast": r.Deal, "one": renumberOne(r), "plain": r.Plain} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for i := range chunks {
					chunks[i] = chunks[i][:0]
				}
				f(chunks, edges)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(ends)), "ns/edge")
		})
	}
}

// renumberOne is Deal as it is where edges are not taken eight at a time.
func renumberOne(r *deal.Renumbering) func(chunks [][]byte, edges []byte) int {
	return func(chunks [][]byte, edges []byte) (n int) {
		deal.OneByOne(func() { n = r.Deal(chunks, edges) })
		return n
	}
}
