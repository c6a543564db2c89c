package deal_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/bsp/graph/deal"
)

// edgesOf returns edges as e has them, with weights if it has, and the tail; rows are below 2^16 beyond Base.
func edgesOf(r *rand.Rand, e *deal.Ends, n, rows, others int) (edges []byte, ends [][2]uint64) {
	for range n {
		end := [2]uint64{r.Uint64N(uint64(rows)), r.Uint64N(uint64(others))}
		edge := binary.LittleEndian.AppendUint64(nil, end[1]<<e.Bits|end[0])
		edge = binary.LittleEndian.AppendUint64(edge[:e.Pair], r.Uint64())
		edges, ends = append(edges, edge[:e.Size]...), append(ends, [2]uint64{end[0] + e.Base, end[1]})
	}
	return append(edges, 1, 2, 3)[:len(edges)], ends
}

// endsOf returns an Ends of any layout.
func endsOf(r *rand.Rand) *deal.Ends {
	l := layouts[r.IntN(4)]
	e := &deal.Ends{Base: r.Uint64N(70), Bits: l.bits, Mask: l.mask, Last: l.last, Size: l.size, Pair: l.size}
	if r.IntN(2) == 0 {
		e.Size += 8
	}
	return e
}

// drawn is a chunk of edges and their ends, below rows and others.
type drawn struct {
	*deal.Ends
	r            *rand.Rand
	edges        []byte
	ends         [][2]uint64
	rows, others int
}

// Edges of all layouts are counted, looked up and ranked alike with assembly and without, as the documentation says.
func TestEnds(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		e := endsOf(r)
		const rows, others = 700, 900
		edges, ends := edgesOf(r, e, r.IntN(3*deal.Batch), rows, others)
		t.Logf("%+v, %d edges", e, len(ends))
		c := drawn{e, r, edges, ends, rows + int(e.Base), others}
		c.check(t)
		deal.OneByOne(func() { c.check(t) })
		if t.Failed() {
			return
		}
	}
}

func (c drawn) check(t *testing.T) {
	t.Helper()
	c.checkCount(t)
	c.checkLook(t)
	c.checkRank(t)
}

func (c drawn) checkCount(t *testing.T) {
	t.Helper()
	e, edges, ends := c.Ends, c.edges, c.ends
	want := [2][]uint32{make([]uint32, c.rows), make([]uint32, c.others)}
	for _, end := range ends {
		want[0][end[0]]++
		want[1][end[1]]++
	}
	for name, count := range map[string]func(rows, others []uint32, edges []byte) int{"fast": e.Count, "plain": e.PlainCount} {
		got := [2][]uint32{make([]uint32, c.rows), make([]uint32, c.others)}
		if n := count(got[0], got[1], edges); n != len(edges) || !slices.Equal(got[0], want[0]) || !slices.Equal(got[1], want[1]) {
			t.Errorf("%s: counted %d bytes of %d", name, n, len(edges))
		}
		for i, end := range ends { // it ends before one beyond
			if n := count(got[0][:end[0]], got[1], edges[i*int(e.Size):]); n != 0 {
				t.Errorf("%s: row %d of %d is counted", name, end[0], end[0])
			}
			if n := count(got[0], got[1][:end[1]], edges[i*int(e.Size):]); n != 0 {
				t.Errorf("%s: other end %d of %d is counted", name, end[1], end[1])
			}
			if i == 3 {
				break
			}
		}
	}
}

func (c drawn) checkLook(t *testing.T) {
	t.Helper()
	e, r, edges, ends := c.Ends, c.r, c.edges, c.ends
	into, from, hubs := numbersOf(r, c.rows, 1<<31), numbersOf(r, c.others, 1000), r.Uint64N(1001)
	var near, far []uint64
	for _, end := range ends {
		v, u := uint64(into[end[0]]), uint64(from[end[1]])
		if u < hubs {
			near = append(near, v<<32|u)
		} else {
			far = append(far, v<<32|u)
		}
	}
	for name, look := range map[string]func(to *deal.Looked, rows, others []uint32, edges []byte) (int, int, int){"fast": e.Look, "plain": e.PlainLook} {
		var gotNear, gotFar []uint64
		to := &deal.Looked{Hubs: hubs}
		for rest := edges; len(rest) > 0; {
			n, m, bytes := look(to, into, from, rest)
			if rest = rest[bytes:]; n+m != bytes/int(e.Size) || n+m > deal.Batch {
				t.Errorf("%s: %d and %d edges in %d bytes", name, n, m, bytes)
				return
			}
			gotNear, gotFar = append(gotNear, to.Near[:n]...), append(gotFar, to.Far[:m]...)
		}
		if !slices.Equal(gotNear, near) || !slices.Equal(gotFar, far) {
			t.Errorf("%s: %d and %d edges, want %d and %d", name, len(gotNear), len(gotFar), len(near), len(far))
		}
		if len(ends) > 0 {
			at := r.IntN(len(ends))
			through := func(rows, others []uint32) {
				for rest := edges; len(rest) > 0; {
					_, _, n := look(to, rows, others, rest)
					rest = rest[n:]
				}
			}
			panics(t, name+": row", func() { through(into[:ends[at][0]], from) })
			panics(t, name+": other end", func() { through(into, from[:ends[at][1]]) })
		}
	}
}

// tableOf returns a table of ranks in which ids up to n are.
func tableOf(r *rand.Rand, n int) (table []uint64) {
	rank := r.Uint32N(1000) + 1000
	for id := range n {
		if id%32 == 0 {
			table = append(table, uint64(rank)<<32)
		}
		table[id/32] |= 1 << (id % 32)
		if rank++; r.IntN(2) == 0 { // the next word's may leave some out
			rank += uint32((id + 1) % 32 / 31)
		}
	}
	return table
}

func (c drawn) checkRank(t *testing.T) {
	t.Helper()
	e, r, edges, ends := c.Ends, c.r, c.edges, c.ends
	rowTable, otherTable := tableOf(r, c.rows), tableOf(r, c.others)
	less := r.Uint32N(1000)
	want := append([]byte(nil), edges...)
	for i, end := range ends {
		x := uint64(deal.Rank(otherTable, end[1]))<<e.Bits | uint64(deal.Rank(rowTable, end[0])-less)&e.Mask
		copy(want[i*int(e.Size):], binary.LittleEndian.AppendUint64(nil, x)[:e.Pair])
	}
	for name, rank := range map[string]func(rows, others []uint64, less uint32, edges []byte){"fast": e.Rank, "plain": e.PlainRank} {
		got := append(append([]byte(nil), edges...), 1, 2, 3)
		rank(rowTable, otherTable, less, got[:len(edges)])
		if string(got[:len(edges)]) != string(want) || string(got[len(edges):]) != "\x01\x02\x03" {
			t.Errorf("%s: other ranks", name)
		}
		if len(ends) > 0 {
			at := r.IntN(len(ends))
			copy(got, edges)
			panics(t, name+": row", func() { rank(rowTable[:ends[at][0]/32], otherTable, less, got[:len(edges)]) })
			copy(got, edges)
			panics(t, name+": other end", func() { rank(rowTable, otherTable[:ends[at][1]/32], less, got[:len(edges)]) })
		}
	}
}

// Ranks are how many ids of the table come before one.
func TestRank(t *testing.T) {
	table, rank := []uint64{0, 0, 0}, uint32(7)
	for id := range uint64(96) {
		if id%32 == 0 {
			table[id/32] = uint64(rank) << 32
		}
		if id%3 != 0 {
			table[id/32] |= 1 << (id % 32)
			rank++
		}
	}
	want := uint32(7)
	for id := range uint64(96) {
		if id%3 != 0 {
			if got := deal.Rank(table, id); got != want {
				t.Errorf("id %d has rank %d, want %d", id, got, want)
			}
			want++
		}
	}
}

func panics(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s beyond its table: no panic", what)
		}
	}()
	f()
}

func BenchmarkEnds(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	e := &deal.Ends{Bits: 16, Mask: 1<<16 - 1, Last: 1<<24 - 1, Size: 5, Pair: 5}
	edges, ends := edgesOf(r, e, 1<<16, 1<<16, 1<<19)
	rows, others, to := numbersOf(r, 1<<16, 1<<20), numbersOf(r, 1<<19, 1<<17), &deal.Looked{Hubs: 1 << 15}
	rowTable, otherTable := tableOf(r, 1<<16), tableOf(r, 1<<19)
	again := append(append([]byte(nil), edges...), 0, 0, 0)[:len(edges)]
	through := func(look func(to *deal.Looked, rows, others []uint32, edges []byte) (int, int, int)) func() {
		return func() {
			for rest := edges; len(rest) > 0; {
				_, _, n := look(to, rows, others, rest)
				rest = rest[n:]
			}
		}
	}
	for _, row := range []struct {
		name string
		f    func()
	}{
		{"count/fast", func() { e.Count(rows, others, edges) }},
		{"count/plain", func() { e.PlainCount(rows, others, edges) }},
		{"look/fast", through(e.Look)},
		{"look/one", func() { deal.OneByOne(through(e.Look)) }},
		{"look/plain", through(e.PlainLook)},
		{"rank/fast", func() { copy(again, edges); e.Rank(rowTable, otherTable, 0, again) }},
		{"rank/one", func() { copy(again, edges); deal.OneByOne(func() { e.Rank(rowTable, otherTable, 0, again) }) }},
		{"rank/plain", func() { copy(again, edges); e.PlainRank(rowTable, otherTable, 0, again) }},
	} {
		b.Run(row.name, func(b *testing.B) {
			for b.Loop() {
				row.f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(ends)), "ns/edge")
		})
	}
}
