package graph

import (
	"context"
	"encoding/binary"
	"fmt"
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
	list := newEdgeList(in, p.N(), pulled)
	if err := read(ctx, p, list, in); err != nil {
		return nil, err
	}
	hand := handing(ctx, p)
	g := &part{index: p.Index()}
	numbers, err := g.settle(list, hand)
	if err != nil {
		return nil, err
	}
	out := make([][][]byte, p.N())
	for owner := range out {
		out[owner] = list.payloads(owner, numbers)
	}
	rounds, err := g.count(out, hand)
	if err != nil {
		return nil, err
	}
	if in.Marked != "" {
		if err := g.mark(list, numbers, hand); err != nil {
			return nil, err
		}
	}
	if in.Order {
		if err := g.order(p.N(), hand); err != nil {
			return nil, err
		}
	}
	if pulled {
		if err := g.countOut(list, numbers, hand); err != nil {
			return nil, err
		}
	}
	*list = edgeList{} // its memory is needed below
	payloads, err := give(out, rounds, hand)
	if err != nil {
		return nil, err
	}
	segments, err := bySender(payloads, p.N(), in.Weights || in.Ways)
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

// settle tells the owners of all ids of them, and makes this peer's own dictionary of
// those that it owns. It returns by owner the numbers of the vertices of the list there;
// nil if they are those of the list.
func (g *part) settle(list *edgeList, hand handOver) ([][]uint32, error) {
	if list.own != nil {
		g.ids = list.own
		return nil, nil
	}
	if err := list.makeRoom(list.ids.bound()); err != nil {
		return nil, err
	}
	payloads, told := make([][]byte, list.peers), make([]int, list.peers)
	for owner := range payloads {
		payloads[owner], told[owner] = list.ids.payload(owner)
	}
	asked, err := hand(payloads)
	if err != nil {
		return nil, err
	}
	own, found, err := list.ids.union(asked)
	list.ids = nil
	if err != nil {
		return nil, err
	}
	g.ids = own
	answers := make([][]byte, len(found))
	for from, numbers := range found {
		answers[from] = make([]byte, 4*len(numbers))
		for i, n := range numbers {
			binary.LittleEndian.PutUint32(answers[from][4*i:], n)
		}
	}
	if answers, err = hand(answers); err != nil {
		return nil, err
	}
	return answered(answers, told)
}

// answered reads the owners' answers, one number for each of the ids that they were told.
func answered(answers [][]byte, told []int) ([][]uint32, error) {
	numbers := make([][]uint32, len(answers))
	for owner, b := range answers {
		if len(b) != 4*told[owner] {
			return nil, errSegment
		}
		numbers[owner] = make([]uint32, len(b)/4)
		for i := range numbers[owner] {
			numbers[owner][i] = binary.LittleEndian.Uint32(b[4*i:])
		}
	}
	return numbers, nil
}

func tooManyVertices(n int) error { return fmt.Errorf("%d vertices on one peer: use more peers", n) }

// at returns where the vertex of a code is: numbers as settle returned them.
func (c coding) at(code uint32, numbers [][]uint32) (owner, number uint32) {
	owner, number = c.owner(code), c.number(code)
	if numbers != nil {
		number = numbers[owner][number]
	}
	return owner, number
}

// mark tells the owners of vertices that they are marked.
func (g *part) mark(list *edgeList, numbers [][]uint32, hand handOver) error {
	out := make([][]byte, len(g.counts))
	for _, code := range list.marked {
		owner, number := list.at(code, numbers)
		out[owner] = binary.LittleEndian.AppendUint32(out[owner], number)
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

// count learns how many vertices every peer has, and how many payloads of edges go from
// one peer to another at most.
func (g *part) count(out [][][]byte, hand handOver) (rounds int, err error) {
	for _, payloads := range out {
		rounds = max(rounds, len(payloads))
	}
	own := binary.LittleEndian.AppendUint32(nil, uint32(g.ids.size()))
	counts, err := hand(repeat(binary.LittleEndian.AppendUint32(own, uint32(rounds)), len(out)))
	if err != nil {
		return 0, err
	}
	g.base = make([]uint64, 1, len(counts)+1)
	for _, c := range counts {
		if len(c) != 8 {
			return 0, errSegment
		}
		n := binary.LittleEndian.Uint32(c)
		rounds = max(rounds, int(binary.LittleEndian.Uint32(c[4:])))
		g.counts = append(g.counts, n)
		g.base = append(g.base, g.base[len(g.base)-1]+uint64(n))
	}
	if g.numVertices() == 0 {
		return nil, job.Fail(job.FaultInput, "the input has no vertex and no edge: is it the right file?")
	}
	return rounds, nil
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
