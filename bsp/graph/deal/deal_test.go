package deal_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/bsp/arena"
	"scalar/bsp/graph/deal"
	"scalar/internal/splitmix"
)

// A table is what edges are dealt into.
type table struct {
	chunks [][]byte
	seen   []uint64
}

// newTable makes chunks of up to so many bytes for ids below 64·words.
func newTable(r *rand.Rand, l *deal.Layout, words, most int) table {
	t := table{make([][]byte, ((64*words-1)>>l.Level+1)<<(2*l.Shift)), make([]uint64, words)}
	for i := range t.chunks {
		t.chunks[i] = make([]byte, 0, r.IntN(most+1))
	}
	return t
}

// chunksOf makes empty chunks, each of so many bytes or somewhat less.
func chunksOf(r *rand.Rand, n, size int) [][]byte {
	room := make([]byte, n*size)
	arena.LargePages(room)
	chunks := make([][]byte, n)
	for i := range chunks {
		at := i*size + r.IntN(size/8) // not all in the same sets of the cache
		chunks[i] = room[at : at : (i+1)*size]
	}
	return chunks
}

func (t table) clone() table {
	c := table{make([][]byte, len(t.chunks)), slices.Clone(t.seen)}
	for i, b := range t.chunks {
		c.chunks[i] = make([]byte, len(b), cap(b))
		copy(c.chunks[i][:cap(b)], b[:cap(b)])
	}
	return c
}

// expected deals as the documentation says, an edge at a time.
func (t table) expected(l *deal.Layout, ids []uint64, weights []float64) int {
	owner := func(id uint64) uint64 { return splitmix.Mix(id) >> 32 * l.Peers >> 32 }
	for i := 0; i+1 < len(ids); i += 2 {
		row, other := ids[i], ids[i+1]
		if l.Pulled {
			row, other = other, row
		}
		if max(row, other) >= 64*uint64(len(t.seen)) {
			return i
		}
		for _, id := range ids[i : i+2] {
			t.seen[id/64] |= 1 << (id % 64)
		}
		b := &t.chunks[row>>l.Level<<(2*l.Shift)|owner(row)<<l.Shift|owner(other)]
		if cap(*b)-len(*b) < deal.Room {
			return i
		}
		edge := binary.LittleEndian.AppendUint64(nil, other<<l.Bits|row&l.Mask)
		*b = append(*b, edge[:l.Size]...)
		if weights != nil {
			*b = binary.LittleEndian.AppendUint64(*b, math.Float64bits(weights[i/2]))
		}
	}
	return len(ids) &^ 1
}

// compare says how two tables differ: in chunks and, unless some may be noted, in ids.
func (t table) compare(other table, noted bool) error {
	if noted && !slices.Equal(t.seen, other.seen) {
		return fmt.Errorf("ids %x and %x", t.seen, other.seen)
	}
	for i, b := range t.chunks {
		if string(b) != string(other.chunks[i]) {
			return fmt.Errorf("chunk %d: %x and %x", i, b, other.chunks[i])
		}
	}
	return nil
}

// Edges of all layouts lie in the same chunks whoever deals them, up to the same edge.
func TestDeal(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		l := &deal.Layout{Shift: r.Uint64N(4), Level: 4 + r.Uint64N(4), Pulled: r.IntN(2) == 0}
		if r.IntN(8) == 0 {
			l.Level = 63 // one range of all rows
		}
		l.Peers = 1<<l.Shift - r.Uint64N(1<<l.Shift/2+1)
		form := [][3]uint64{{16, 1<<16 - 1, 5}, {24, 1<<24 - 1, 6}, {16, 1<<16 - 1, 6}, {32, 1<<32 - 1, 8}}[r.IntN(4)]
		l.Bits, l.Mask, l.Size = form[0], form[1], form[2]
		words := 1 + r.IntN(20)
		beyond := uint64(64 * words)
		if r.IntN(4) == 0 {
			beyond++ // some ids are too large
		}
		ids := make([]uint64, r.IntN(400))
		for i := range ids {
			ids[i] = r.Uint64N(beyond)
			if i >= 2 && r.IntN(2) == 0 {
				ids[i] = ids[i-2]
			}
		}
		var weights []float64
		if r.IntN(2) == 0 {
			weights = make([]float64, len(ids)/2)
			for i := range weights {
				weights[i] = r.Float64()
			}
		}
		want := newTable(r, l, words, []int{100, 10_000}[r.IntN(2)])
		fast, single, plain := want.clone(), want.clone(), want.clone()
		n := want.expected(l, ids, weights)
		if got := l.Deal(fast.chunks, fast.seen, ids, weights); got != n {
			t.Fatalf("%+v: %d ids of %d", l, got, n)
		}
		if got := dealOne(l)(single.chunks, single.seen, ids, weights); got != n {
			t.Fatalf("%+v, one by one: %d ids of %d", l, got, n)
		}
		if got := l.Plain(plain.chunks, plain.seen, ids, weights); got != n {
			t.Fatalf("%+v, without assembly: %d ids of %d", l, got, n)
		}
		for _, got := range []table{fast, single, plain} {
			if err := got.compare(want, n == len(ids)&^1); err != nil {
				t.Fatalf("%+v: %v", l, err)
			}
		}
		if n < len(ids)&^1 {
			continue
		}
		for i := 0; i < n; i += 2 { // Chunk says the same
			if b := want.chunks[l.Chunk(ids[i], ids[i+1])]; len(b) == 0 {
				t.Fatalf("%+v: no edge in the chunk of %d and %d", l, ids[i], ids[i+1])
			}
		}
	}
}

// dealOne is Deal as it is where edges are not taken eight at a time.
func dealOne(l *deal.Layout) func(chunks [][]byte, seen, ids []uint64, weights []float64) int {
	return func(chunks [][]byte, seen, ids []uint64, weights []float64) (n int) {
		deal.OneByOne(func() { n = l.Deal(chunks, seen, ids, weights) })
		return n
	}
}

// Any number may be an id, and one beyond the bitmap ends the dealing wherever it stands.
func TestLargest(t *testing.T) {
	for _, pulled := range []bool{false, true} {
		l := &deal.Layout{Peers: 2, Shift: 1, Level: 63, Bits: 32, Mask: 1<<32 - 1, Size: 8, Pulled: pulled}
		for _, id := range []uint64{64, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
			for at := range 40 {
				ids := make([]uint64, 44)
				ids[at] = id
				got := newTable(rand.New(rand.NewPCG(1, 2)), l, 1, 0)
				for i := range got.chunks {
					got.chunks[i] = make([]byte, 0, 200)
				}
				if n := l.Deal(got.chunks, got.seen, ids, nil); n != at&^1 {
					t.Errorf("pulled %v: %d ids dealt of %d", pulled, n, ids)
				}
			}
		}
	}
}

// Nothing is written beyond a chunk's room.
func TestRoom(t *testing.T) {
	const edges = 40
	l := &deal.Layout{Peers: 1, Level: 63, Bits: 32, Mask: 1<<32 - 1, Size: 8}
	r := &deal.Renumbering{
		Rows: []uint32{0}, Others: []uint32{0}, Bits: 16, Mask: 1<<16 - 1, Last: 1<<16 - 1, Size: 5, Pair: 5,
		Level: 63, ToBits: l.Bits, ToMask: l.Mask, ToSize: l.Size,
	}
	for name, f := range map[string]func(chunks [][]byte){
		"ids": func(chunks [][]byte) { l.Deal(chunks, make([]uint64, 1), make([]uint64, 2*edges), nil) },
		"weights": func(chunks [][]byte) {
			l.Deal(chunks, make([]uint64, 1), make([]uint64, 2*edges), make([]float64, edges))
		},
		"codes":   func(chunks [][]byte) { l.DealCodes(chunks, make([]uint32, 2*edges), nil) },
		"numbers": func(chunks [][]byte) { r.Deal(chunks, make([]byte, edges*r.Size, edges*r.Size+3)) },
	} {
		for room := range 400 {
			memory := make([]byte, room+32)
			for i := range memory {
				memory[i] = 0xa5
			}
			f([][]byte{memory[:0:room]})
			for i, b := range memory[room:] {
				if b != 0xa5 {
					t.Fatalf("%s, room %d: byte %d after it is %x", name, room, i, b)
				}
			}
		}
	}
}

// Ids that may have no chunk are a fault of the caller.
func TestNoChunk(t *testing.T) {
	for name, l := range map[string]deal.Layout{"rows": {Peers: 1, Level: 5}, "owners": {Peers: 3, Shift: 1, Level: 63}} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			l.Deal(make([][]byte, 1<<(2*l.Shift)), make([]uint64, 1), []uint64{1, 2}, nil)
		})
	}
}

func BenchmarkDeal(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	ids := make([]uint64, 1<<16)
	for i := range ids {
		if ids[i] = r.Uint64N(1 << 20); i%2 == 0 {
			ids[i] = uint64(i) / 64
		}
	}
	l := &deal.Layout{Peers: 2, Shift: 1, Level: 14, Bits: 16, Mask: 1<<16 - 1, Size: 5, Pulled: true}
	t := newTable(r, l, 1<<14, 0)
	t.chunks = chunksOf(r, len(t.chunks), 1<<16)
	for name, f := range map[string]func([][]byte, []uint64, []uint64, []float64) int{"fast": l.Deal, "one": dealOne(l), "plain": l.Plain} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for i := range t.chunks {
					t.chunks[i] = t.chunks[i][:0]
				}
				f(t.chunks, t.seen, ids, nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(ids)/2), "ns/edge")
		})
	}
}
