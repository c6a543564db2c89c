package graph

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"

	"scalar/bsp"
)

// Corner is a vertex and its neighbours: distinct, either way along edges, without
// itself.
type Corner struct {
	Neighbours int64 // of the vertex
	Triangles  int64 // pairs of neighbours that are neighbours of each other
	Links      int64 // edges between neighbours: two where they go both ways, and in an undirected graph
}

// Triangles returns the bsp program that writes "id TAB value" for what value makes of
// every vertex's corner. Each triangle is found once, at the vertex of fewest neighbours
// (Chiba and Nishizeki, Arboricity and subgraph listing algorithms, 1985; Schank and
// Wagner, 2005): a list of a vertex's neighbours has only those of more neighbours, at
// most the square root of twice the edges, and goes to every other peer that needs it
// once. It has no barrier, and after a fault begins anew.
func Triangles[V any](in Input, value func(Corner) V, format func(dst []byte, v V) []byte) bsp.Program[Direct[int64]] {
	in.Ways, in.Distinct, in.Weights, in.AsRead = true, true, false, true
	return func(ctx context.Context, p *bsp.Peer[Direct[int64]]) error {
		g, err := load(ctx, p, in, true)
		if err != nil {
			return err
		}
		p.Loaded()
		t := &triangles{part: g, hand: handing(ctx, p)}
		if err := t.find(); err != nil {
			return err
		}
		values := make([]V, len(g.degrees))
		for v := range values {
			values[v] = value(Corner{int64(g.degrees[v]), t.count[v].triangles, t.count[v].links})
		}
		return writeValues(ctx, p.Output(), g.ids, values, format)
	}
}

// A place is a vertex as peers tell each other: its owner's index and its number there.
type place uint64

func placeOf(owner, number uint32) place { return place(owner)<<32 | place(number) }
func (p place) owner() int               { return int(p >> 32) }
func (p place) number() uint32           { return uint32(p) }

// triangles finds those of one peer. Vertices are places in the mirror.
type triangles struct {
	*part
	hand  handOver
	names []uint64 // by place: degree, which comes first in the order, is in degrees; owner and number
	sizes []uint32 // by place: neighbours
	up    adjacency
	down  adjacency
	marks []uint8 // by place: ways to it and found, of the list at hand
	count []corner
}

type corner struct{ triangles, links int64 }

// adjacency are rows of places and the ways to them.
type adjacency struct {
	starts []uint32
	places []uint32
	ways   []uint8
}

func (a *adjacency) row(i uint32) ([]uint32, []uint8) {
	lo, hi := a.starts[i], a.starts[i+1]
	return a.places[lo:hi], a.ways[lo:hi]
}

// found is the bit of a mark that is always set.
const found = 1 << 7

// batchBytes bounds what a peer sends another in one round.
const batchBytes = 32 << 20

func (t *triangles) find() error {
	if err := t.meet(); err != nil {
		return err
	}
	t.orient()
	t.marks, t.count = make([]uint8, len(t.names)), make([]corner, len(t.names))
	for u := range uint32(len(t.degrees)) {
		places, ways := t.up.row(u)
		t.close(u, places, ways)
	}
	wanted, err := t.ask()
	if err != nil {
		return err
	}
	for more := true; more; {
		out := make([][]byte, len(wanted))
		for q := range wanted {
			out[q], wanted[q] = t.lists(wanted[q])
			out[q] = append(out[q], byte(min(len(wanted[q]), 1))) // whether more comes
		}
		told, err := t.hand(out)
		if err != nil {
			return err
		}
		more = false
		for q, b := range told {
			again, err := t.hear(q, b)
			if err != nil {
				return err
			}
			more = more || again
		}
		if more, err = t.anyOf(more); err != nil {
			return err
		}
	}
	return t.giveBack()
}

// anyOf reports whether more is true on any peer.
func (t *triangles) anyOf(more bool) (bool, error) {
	b := []byte{0}
	if more {
		b[0] = 1
	}
	all, err := t.hand(repeat(b, len(t.counts)))
	for _, x := range all {
		more = more || len(x) == 1 && x[0] == 1
	}
	return more, err
}

// meet learns the number of neighbours of the vertices watched.
func (t *triangles) meet() error {
	out := make([][]byte, len(t.counts))
	for q, list := range t.pull.watched {
		out[q] = make([]byte, 0, 4*len(list))
		for _, v := range list {
			out[q] = binary.LittleEndian.AppendUint32(out[q], t.degrees[v])
		}
	}
	told, err := t.hand(out)
	if err != nil {
		return err
	}
	t.sizes = append(t.sizes, t.degrees...)
	for v := range t.degrees {
		t.names = append(t.names, uint64(placeOf(uint32(t.index), uint32(v))))
	}
	for q, list := range t.pull.watches {
		if len(told[q]) != 4*len(list) {
			return errSegment
		}
		for i, u := range list {
			t.names = append(t.names, uint64(placeOf(uint32(q), u)))
			t.sizes = append(t.sizes, binary.LittleEndian.Uint32(told[q][4*i:]))
		}
	}
	return nil
}

// before reports whether x has fewer neighbours than y, or comes first of equals.
func (t *triangles) before(x, y uint32) bool {
	return cmp.Or(cmp.Compare(t.sizes[x], t.sizes[y]), cmp.Compare(t.names[x], t.names[y])) < 0
}

// orient makes up, of own vertices to neighbours behind them in the order, and down, of
// all places to own vertices before them.
func (t *triangles) orient() {
	t.up.starts, t.down.starts = make([]uint32, len(t.degrees)+1), make([]uint32, len(t.names)+1)
	for v := range uint32(len(t.degrees)) {
		lo := t.pull.starts[v]
		for i, u := range t.pull.row(int(v)) {
			if t.before(v, u) {
				t.up.places = append(t.up.places, u)
				t.up.ways = append(t.up.ways, t.pull.ways[int(lo)+i])
				t.down.starts[u+1]++
			}
		}
		t.up.starts[v+1] = uint32(len(t.up.places))
	}
	t.pull.sources, t.pull.ways = nil, nil
	for i := 1; i < len(t.down.starts); i++ {
		t.down.starts[i] += t.down.starts[i-1]
	}
	t.down.places, t.down.ways = make([]uint32, len(t.up.places)), make([]uint8, len(t.up.places))
	next := append([]uint32(nil), t.down.starts...)
	for v := range uint32(len(t.degrees)) {
		places, ways := t.up.row(v)
		for i, u := range places {
			t.down.places[next[u]], t.down.ways[next[u]] = v, ways[i]
			next[u]++
		}
	}
}

// close finds the triangles v, u, w of all own v before u and w in u's list.
func (t *triangles) close(u uint32, list []uint32, ways []uint8) {
	lower, toLower := t.down.row(u)
	if len(lower) == 0 || len(list) == 0 {
		return
	}
	for i, w := range list {
		t.marks[w] = ways[i] | found
	}
	for i, v := range lower {
		places, vWays := t.up.row(v)
		for j, w := range places {
			m := t.marks[w]
			if m == 0 {
				continue
			}
			t.add(v, m&^found)
			t.add(u, vWays[j])
			t.add(w, toLower[i])
		}
	}
	for _, w := range list {
		t.marks[w] = 0
	}
}

// add counts a triangle at a corner, and the edges opposite to it.
func (t *triangles) add(corner uint32, opposite uint8) {
	c := &t.count[corner]
	c.triangles++
	c.links += int64(bits.OnesCount8(opposite))
}

// ask tells every peer whose lists this one needs, and returns what the others need.
func (t *triangles) ask() ([][]uint32, error) {
	out := make([][]byte, len(t.counts))
	at := uint32(len(t.degrees))
	for q, list := range t.pull.watches {
		for _, number := range list {
			if t.down.starts[at+1] > t.down.starts[at] {
				out[q] = binary.LittleEndian.AppendUint32(out[q], number)
			}
			at++
		}
	}
	asked, err := t.hand(out)
	if err != nil {
		return nil, err
	}
	wanted := make([][]uint32, len(asked))
	for q, b := range asked {
		for ; len(b) >= 4; b = b[4:] {
			v := binary.LittleEndian.Uint32(b)
			if int64(v) >= int64(len(t.degrees)) {
				return nil, errSegment
			}
			wanted[q] = append(wanted[q], v)
		}
	}
	return wanted, nil
}

// lists encodes the lists of the first of some vertices, and returns the others: u32
// number, u32 neighbours, and for each u64 owner and number and u8 ways.
func (t *triangles) lists(wanted []uint32) (b []byte, rest []uint32) {
	for len(wanted) > 0 && len(b) < batchBytes {
		places, ways := t.up.row(wanted[0])
		b = binary.LittleEndian.AppendUint32(b, wanted[0])
		b = binary.LittleEndian.AppendUint32(b, uint32(len(places)))
		for i, w := range places {
			b = append(binary.LittleEndian.AppendUint64(b, t.names[w]), ways[i])
		}
		wanted = wanted[1:]
	}
	return b, wanted
}

// hear closes triangles with the lists of a peer, and reports whether more come.
func (t *triangles) hear(peer int, b []byte) (more bool, err error) {
	if len(b) == 0 {
		return false, errSegment
	}
	b, more = b[:len(b)-1], b[len(b)-1] != 0
	var list []uint32
	var ways []uint8
	for len(b) >= 8 {
		u, n := binary.LittleEndian.Uint32(b), int64(binary.LittleEndian.Uint32(b[4:]))
		if b = b[8:]; n*9 > int64(len(b)) {
			return false, errSegment
		}
		list, ways = list[:0], ways[:0]
		for ; n > 0; n-- {
			w, ok := t.placeOf(place(binary.LittleEndian.Uint64(b)))
			if ok {
				list, ways = append(list, w), append(ways, b[8])
			}
			b = b[9:]
		}
		at, ok := t.placeOf(placeOf(uint32(peer), u))
		if !ok || peer == t.index {
			return false, fmt.Errorf("%w: a list of vertex %d of peer %d", errSegment, u, peer)
		}
		t.close(at, list, ways)
	}
	return more, nil
}

// placeOf returns where a vertex is here, if it is.
func (t *triangles) placeOf(p place) (uint32, bool) {
	owner, number := p.owner(), p.number()
	if owner >= len(t.pull.places) || int64(number) >= int64(len(t.pull.places[owner])) {
		return 0, false
	}
	at := t.pull.places[owner][number]
	return at, owner == t.index || at >= uint32(len(t.degrees))
}

// giveBack tells the owners of vertices what was counted at them.
func (t *triangles) giveBack() error {
	out := make([][]byte, len(t.counts))
	at := len(t.degrees)
	for q, list := range t.pull.watches {
		out[q] = make([]byte, 0, 16*len(list))
		for range list {
			out[q] = binary.LittleEndian.AppendUint64(out[q], uint64(t.count[at].triangles))
			out[q] = binary.LittleEndian.AppendUint64(out[q], uint64(t.count[at].links))
			at++
		}
	}
	told, err := t.hand(out)
	if err != nil {
		return err
	}
	for q, list := range t.pull.watched {
		if len(told[q]) != 16*len(list) {
			return errSegment
		}
		for i, v := range list {
			t.count[v].triangles += int64(binary.LittleEndian.Uint64(told[q][16*i:]))
			t.count[v].links += int64(binary.LittleEndian.Uint64(told[q][16*i+8:]))
		}
	}
	return nil
}
