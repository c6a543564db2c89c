package graph

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"scalar/bsp"
	"scalar/bsp/job"
)

// part is one peer's part of the graph.
type part struct {
	index   int        // of the peer
	ids     dictionary // sorted: vertex i's id
	counts  []uint32   // vertices by peer
	base    []uint64   // vertices of the peers before, by peer; one more at the end: all
	ranks   []uint64   // IDs by vertex, if names were put in order
	degrees []uint32   // edges that leave, by vertex
	blocks  []*block   // for pushing: edges by destination peer
	pull    *pull      // for pulling: edges by destination
	marked  []bool     // by vertex; nil without Input.Marked
}

// ownerOf returns the peer that has the vertex of an ID, or would have it.
func (g *part) ownerOf(id uint64) int {
	peers := len(g.counts)
	if _, ok := g.ids.(*integerIDs); ok {
		return int(ownerOf(mix(id), peers))
	}
	q, _ := slices.BinarySearch(g.base[1:], id+1) // the first whose end is after id
	return min(q, peers-1)
}

// id returns a vertex's id; with names a number that is its own.
func (g *part) id(v uint32) uint64 {
	if d, ok := g.ids.(*integerIDs); ok {
		return d.ids[v]
	}
	if g.ranks != nil {
		return g.ranks[v]
	}
	return g.base[g.index] + uint64(v)
}

func (g *part) numVertices() int64 { return int64(g.base[len(g.base)-1]) }

// load reads the graph and gives every vertex and edge to its owner: that of the
// source, or for pulling that of the destination.
func load[M any](ctx context.Context, p *bsp.Peer[M], in Input, pulled bool) (*part, error) {
	in, err := in.loaded(pulled)
	if err != nil {
		return nil, err
	}
	list, err := read(ctx, p, in)
	if err != nil {
		return nil, err
	}
	hand := handing(ctx, p)
	g := &part{index: p.Index()}
	places, err := g.place(list, p.N(), hand)
	if err != nil {
		return nil, err
	}
	counts, err := hand(repeat(binary.LittleEndian.AppendUint32(nil, uint32(g.ids.size())), p.N()))
	if err != nil {
		return nil, err
	}
	if err := g.count(counts); err != nil {
		return nil, err
	}
	if in.Marked != "" {
		if err := g.mark(list.marked, places, hand); err != nil {
			return nil, err
		}
	}
	if in.Order {
		if err := g.order(p.N(), hand); err != nil {
			return nil, err
		}
	}
	if pulled {
		list.reverse()
		if err := g.countOut(list.outDegrees(len(places)), places, hand); err != nil {
			return nil, err
		}
	}
	out := list.columns(places, p.N(), in.Weights || in.Ways)
	*list = edgeList{} // its memory is needed below
	columns, err := hand(out)
	if err != nil {
		return nil, err
	}
	segments, err := bySender(columns, p.N(), in.Weights || in.Ways)
	if err != nil {
		return nil, err
	}
	if pulled {
		return g, g.buildPull(segments, in, hand)
	}
	return g, g.build(segments, in.Weights)
}

func repeat(b []byte, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = b
	}
	return out
}

// handOver gives a slice to every peer and returns what each gave, by sender: a
// collective.
type handOver func(out [][]byte) ([][]byte, error)

func handing[M any](ctx context.Context, p *bsp.Peer[M]) handOver {
	return func(out [][]byte) ([][]byte, error) { return bsp.HandOver(ctx, p, out) }
}

// A place is a vertex as edges name it: its owner's index and its number there.
type place uint64

func placeOf(owner, number uint32) place { return place(owner)<<32 | place(number) }
func (p place) owner() int               { return int(p >> 32) }
func (p place) number() uint32           { return uint32(p) }

// place makes this peer's own dictionary and returns where each id of the list is.
func (g *part) place(list *edgeList, peers int, hand handOver) ([]place, error) {
	if list.own == nil {
		return g.settle(list.ids, peers, hand)
	}
	if list.own.size() > maxVertices {
		return nil, tooManyVertices(list.own.size())
	}
	g.ids = list.own
	return list.places, nil
}

// settle tells the owners of all ids of them, makes this peer's own dictionary of
// those that it owns, and returns where each of ids is.
func (g *part) settle(ids dictionary, peers int, hand handOver) ([]place, error) {
	if ids.size() > maxVertices {
		return nil, tooManyVertices(ids.size())
	}
	places := make([]place, ids.size())
	if peers == 1 {
		g.ids = ids
		for i, number := range ids.sort() {
			places[i] = placeOf(0, number)
		}
		return places, nil
	}
	owners := ids.owners(peers)
	payloads := make([][]byte, peers)
	for i, owner := range owners {
		payloads[owner] = ids.appendTo(payloads[owner], i)
	}
	asked, err := hand(payloads)
	if err != nil {
		return nil, err
	}
	answers, err := g.adopt(asked, ids)
	if err != nil {
		return nil, err
	}
	if answers, err = hand(answers); err != nil {
		return nil, err
	}
	for i, owner := range owners {
		if len(answers[owner]) < 4 {
			return nil, errSegment
		}
		places[i] = placeOf(owner, binary.LittleEndian.Uint32(answers[owner]))
		answers[owner] = answers[owner][4:]
	}
	return places, nil
}

func tooManyVertices(n int) error { return fmt.Errorf("%d vertices on one peer: use more peers", n) }

// adopt numbers the ids that the peers asked about and answers them.
func (g *part) adopt(asked [][]byte, like dictionary) ([][]byte, error) {
	g.ids = &integerIDs{}
	if _, ok := like.(*stringIDs); ok {
		g.ids = &stringIDs{}
	}
	numbers := make([][]uint32, len(asked))
	for from, payload := range asked {
		var err error
		if numbers[from], err = g.ids.merge(nil, payload); err != nil {
			return nil, err
		}
	}
	if g.ids.size() > maxVertices {
		return nil, tooManyVertices(g.ids.size())
	}
	rank := g.ids.sort()
	answers := make([][]byte, len(asked))
	for from, ns := range numbers {
		answers[from] = make([]byte, 0, 4*len(ns))
		for _, n := range ns {
			answers[from] = binary.LittleEndian.AppendUint32(answers[from], rank[n])
		}
	}
	return answers, nil
}

// mark tells the owners of vertices that they are marked.
func (g *part) mark(marked []uint32, places []place, hand handOver) error {
	out := make([][]byte, len(g.counts))
	for _, i := range marked {
		owner := places[i].owner()
		out[owner] = binary.LittleEndian.AppendUint32(out[owner], places[i].number())
	}
	told, err := hand(out)
	if err != nil {
		return err
	}
	g.marked = make([]bool, g.ids.size())
	for _, b := range told {
		for ; len(b) >= 4; b = b[4:] {
			v := binary.LittleEndian.Uint32(b)
			if int64(v) >= int64(len(g.marked)) {
				return errSegment
			}
			g.marked[v] = true
		}
	}
	return nil
}

// count takes the number of vertices of every peer.
func (g *part) count(counts [][]byte) error {
	g.base = make([]uint64, 1, len(counts)+1)
	for _, c := range counts {
		if len(c) != 4 {
			return errSegment
		}
		n := binary.LittleEndian.Uint32(c)
		g.counts = append(g.counts, n)
		g.base = append(g.base, g.base[len(g.base)-1]+uint64(n))
	}
	if g.numVertices() == 0 {
		return job.Fail(job.FaultInput, "the input has no vertex and no edge: is it the right file?")
	}
	return nil
}

// columns returns the edges for every owner of sources: u64 counts by destination
// peer, then a segment each.
func (l *edgeList) columns(places []place, peers int, weights bool) [][]byte {
	counts := make([]int, peers*peers) // by owner of the source, and of the destination
	for _, chunk := range l.chunks {
		for i := 0; i+1 < len(chunk); i += 2 {
			counts[places[chunk[i]].owner()*peers+places[chunk[i+1]].owner()]++
		}
	}
	out := make([][]byte, peers)
	segments := make([]segment, len(counts))
	for owner := range out {
		row := counts[owner*peers : (owner+1)*peers]
		size := 8 * peers
		for _, n := range row {
			size += segmentSize(n, weights)
		}
		b := make([]byte, size)
		out[owner] = b
		at := 8 * peers
		for dest, n := range row {
			binary.LittleEndian.PutUint64(b[8*dest:], uint64(n))
			segments[owner*peers+dest] = segment{n, b[at : at+segmentSize(n, weights)]}
			at += segmentSize(n, weights)
		}
	}
	l.scatter(places, peers, segments)
	return out
}

func (l *edgeList) scatter(places []place, peers int, segments []segment) {
	next := make([]int, len(segments))
	for c, chunk := range l.chunks {
		weights := l.weights[c]
		for i := 0; i+1 < len(chunk); i += 2 {
			src, dst := places[chunk[i]], places[chunk[i+1]]
			at := src.owner()*peers + dst.owner()
			s, k := &segments[at], next[at]
			next[at]++
			binary.LittleEndian.PutUint32(s.columns[4*k:], src.number())
			binary.LittleEndian.PutUint32(s.columns[4*(s.count+k):], dst.number())
			if weights != nil {
				binary.LittleEndian.PutUint64(s.columns[8*(s.count+k):], math.Float64bits(weights[i/2]))
			}
		}
	}
}

// bySender returns the segments of what every peer sent, by the other end's owner, then
// sender.
func bySender(columns [][]byte, peers int, weights bool) ([][]segment, error) {
	segments := make([][]segment, peers)
	for _, b := range columns {
		if len(b) < 8*peers {
			return nil, errSegment
		}
		counts, rest := b[:8*peers], b[8*peers:]
		for owner := range peers {
			n := binary.LittleEndian.Uint64(counts[8*owner:])
			if n > uint64(len(rest)) || segmentSize(int(n), weights) > len(rest) {
				return nil, errSegment
			}
			size := segmentSize(int(n), weights)
			segments[owner] = append(segments[owner], segment{int(n), rest[:size]})
			rest = rest[size:]
		}
	}
	return segments, nil
}

// build makes the blocks.
func (g *part) build(segments [][]segment, weights bool) error {
	g.degrees = make([]uint32, g.ids.size())
	for dest, s := range segments {
		b, err := newBlock(s, g.degrees, g.counts[dest], weights)
		if err != nil {
			return err
		}
		g.blocks = append(g.blocks, b)
	}
	return nil
}
