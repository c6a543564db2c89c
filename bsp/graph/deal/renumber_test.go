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
		fast, plain := want.clone(), want.clone()
		n := renumbered(r, want, edges)
		if got := r.Deal(fast.chunks, edges); got != n {
			t.Fatalf("%+v: %d bytes of %d", r, got, n)
		}
		if got := r.Plain(plain.chunks, edges); got != n {
			t.Fatalf("%+v, without assembly: %d bytes of %d", r, got, n)
		}
		for _, got := range []table{fast, plain} {
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

// An end that has no number, or no chunk, is a fault of the caller.
func TestNoNumber(t *testing.T) {
	for name, numbers := range map[string][]uint32{"number": {0}, "chunk": {0, 99}} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			r := &deal.Renumbering{Rows: numbers, Others: numbers, Bits: 24, Mask: 1<<24 - 1, Last: 1<<24 - 1, Size: 6, Pair: 6, Level: 4, ToBits: 24, ToMask: 1<<24 - 1, ToSize: 6}
			r.Deal([][]byte{make([]byte, 0, 100)}, []byte{1, 0, 0, 0, 0, 0, 0, 0, 0}[:6])
		})
	}
}
