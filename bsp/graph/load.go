package graph

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"

	"scalar/bsp"
	"scalar/bsp/arena"
	"scalar/bsp/job"
	"scalar/internal/splitmix"
	"scalar/storage"
)

// part is one peer's part of the graph.
type part struct {
	index   int // of the peer
	arena   *arena.Arena
	ids     dictionary // vertex i's id
	counts  []uint32   // vertices by peer
	base    []uint64   // vertices of the peers before, by peer; one more at the end: all
	ranks   []uint64   // IDs by vertex, if names were put in order
	degrees []uint32   // edges that leave, by vertex
	blocks  []*block   // for pushing: edges by destination peer
	inward  *inward    // for pulling too where edges are pushed
	pull    *pull      // for pulling: edges by destination
	marked  []bool     // by vertex; nil without Input.Marked
}

// ownerOf returns the peer that has the vertex of an ID, or would have it.
func (g *part) ownerOf(id uint64) int {
	peers := len(g.counts)
	if _, ok := g.ids.(*integerIDs); ok {
		return int(ownerOf(splitmix.Mix(id), peers))
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
	inward := pulled && !in.outward // rows are those of destinations
	list := newEdgeList(in, p.N(), inward, p.Arena())
	if err := read(ctx, p, list, in); err != nil {
		return nil, err
	}
	if list.err != nil { // of the last edges
		return nil, list.err
	}
	hand := handing(ctx, p)
	g := &part{index: p.Index(), arena: p.Arena()}
	places, err := g.settle(list, in.AsRead, hand)
	if err != nil {
		return nil, err
	}
	out, err := list.payloads(places)
	if err != nil {
		return nil, err
	}
	rounds, err := g.count(out, hand)
	if err != nil {
		return nil, err
	}
	if g.numVertices() == 0 {
		return nil, nothing(p.Input())
	}
	if in.Marked != "" {
		if err := g.mark(list, places, hand); err != nil {
			return nil, err
		}
	}
	if in.Order {
		if err := g.order(p.N(), hand); err != nil {
			return nil, err
		}
	}
	*list = edgeList{} // its memory is needed below
	payloads, err := give(out, rounds, hand, p.Arena())
	if err != nil {
		return nil, err
	}
	return g, g.fill(payloads, in, pulled, hand)
}

// nothing is the error of an input without any vertex; it is nil where the job has none.
func nothing(in *storage.Split) error {
	where := "the input"
	if in != nil {
		where = storage.Display(in.URL)
	}
	return job.Fail(job.FaultInput, "%s: there is no vertex and no edge in it: is it the right file?", where)
}

// largeEdges is how many bytes of edges make it worth while to free memory at once, which
// takes some milliseconds, instead of when the heap has doubled.
const largeEdges = 16 << 20

// fill makes the peer's rows of what all peers gave it, which it takes apart.
func (g *part) fill(payloads [][][]byte, in Input, pulled bool, hand handOver) error {
	size := 0
	for _, list := range payloads {
		for _, b := range list {
			size += len(b)
		}
	}
	if size >= largeEdges {
		runtime.GC() // what reading has left
	}
	level := uint8(0)
	if g.arena.Spilled() > 0 {
		level = allRows // edges in a file are read from front to back
	}
	segments, err := bySender(payloads, in.Weights || in.Ways, level)
	if err != nil {
		return err
	}
	if pulled {
		err = g.buildPull(segments, in, hand)
	} else {
		err = g.build(segments, in.Weights)
	}
	for _, list := range payloads {
		for _, b := range list {
			g.arena.Free(b)
		}
	}
	if size >= largeEdges {
		clear(segments)
		clear(payloads)
		runtime.GC()
	}
	if err != nil {
		return err
	}
	if g.pull != nil && g.pull.grid != nil {
		g.pull.grid.pack() // what it needs for that has just become free
	}
	if !in.inward {
		return nil
	}
	return g.turn(in, hand)
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
// those that it owns.
func (g *part) settle(list *edgeList, asRead bool, hand handOver) (*placing, error) {
	if list.own != nil {
		g.ids = list.own
		return &placing{coding: list.coding}, nil
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
	own, found, err := list.ids.union(asked, asRead)
	list.ids = nil
	if err != nil {
		return nil, err
	}
	g.ids = own
	answers, err := hand(answersOf(own, asked, found))
	if err != nil {
		return nil, err
	}
	return list.placed(answers, told)
}

// answersOf returns what an owner tells of the ids that it was asked for: their numbers,
// u32 each, or for a bitmap a table of ranks that is as long, u64 for each 32 bits.
func answersOf(own dictionary, asked [][]byte, found [][]uint32) [][]byte {
	longest := 0
	for from, numbers := range found {
		if numbers == nil {
			longest = max(longest, len(asked[from])/8*64)
		}
	}
	var table []byte
	if ids, ok := own.(*integerIDs); ok && longest > 0 {
		ranks := ranksOf(ids.ids, uint64(longest))
		table = make([]byte, 0, 8*len(ranks))
		for _, x := range ranks {
			table = binary.LittleEndian.AppendUint64(table, x)
		}
	}
	answers := make([][]byte, len(found))
	for from, numbers := range found {
		if numbers == nil {
			answers[from] = table[:len(asked[from])/8*16]
			continue
		}
		answers[from] = make([]byte, 4*len(numbers))
		for i, n := range numbers {
			binary.LittleEndian.PutUint32(answers[from][4*i:], n)
		}
	}
	return answers
}

// placed reads the owners' answers, of so many bytes.
func (l *edgeList) placed(answers [][]byte, told []int) (*placing, error) {
	p := &placing{coding: l.coding}
	if l.byID {
		p.ranks = make([][]uint64, len(answers))
	} else {
		p.numbers = make([][]uint32, len(answers))
	}
	for owner, b := range answers {
		if len(b) != told[owner] {
			return nil, errSegment
		}
		if l.byID {
			ranks := make([]uint64, len(b)/8)
			for i := range ranks {
				ranks[i] = binary.LittleEndian.Uint64(b[8*i:])
			}
			p.ranks[owner] = ranks
			continue
		}
		numbers := make([]uint32, len(b)/4)
		for i := range numbers {
			numbers[i] = binary.LittleEndian.Uint32(b[4*i:])
			p.most = max(p.most, numbers[i])
		}
		p.numbers[owner] = numbers
	}
	return p, nil
}

func tooManyVertices(n int) error { return fmt.Errorf("%d vertices on one peer: use more peers", n) }

// mark tells the owners of vertices that they are marked.
func (g *part) mark(list *edgeList, places *placing, hand handOver) error {
	out := make([][]byte, len(g.counts))
	for _, code := range list.marked {
		owner, number := places.at(code)
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
	return rounds, nil
}

// build makes the blocks.
func (g *part) build(segments [][]segment, weights bool) error {
	g.degrees = make([]uint32, g.ids.size())
	for dest, s := range segments {
		b, err := newBlock(s, g.degrees, g.counts[dest], rowStore{g.arena, weights})
		if err != nil {
			return err
		}
		g.blocks = append(g.blocks, b)
	}
	return nil
}
