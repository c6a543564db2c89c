package graph

import (
	"scalar/bsp/arena"
	"scalar/bsp/graph/deal"
)

// edgeList is what one peer read: its distinct ids and the edges between them, by the
// owner of the row that an edge will lie in and of its other end.
type edgeList struct {
	coding
	ids     census
	byID    bool   // codes are ids, as the census says
	narrow  uint32 // numbers up to this lie in chunks that are not wide
	wide    bool   // the chunks that are open
	pulled  bool   // rows are those of destinations, not of sources
	weights bool   // edges have weights, or ways
	err     error  // of the arena of slabs
	buckets buckets
	slabs   []slabs  // by owner of the row
	level   uint8    // a row is in the range of its key >> level; keys are ids if byID, else numbers
	marked  []uint32 // codes
	codes   []uint32 // of the block that is read

	// Of a binary graph, which every peer knows all ids of: the peer's own vertices,
	// and that codes are where vertices are at their owners.
	own dictionary
}

func newEdgeList(in Input, peers int, pulled bool, a *arena.Arena) *edgeList {
	l := &edgeList{coding: codingOf(peers), ids: newCensus(in.IDs, peers), pulled: pulled, weights: in.Weights || in.Ways, narrow: narrowLimit, level: allRows}
	l.buckets, l.slabs = newBuckets(1<<(2*l.shift)), newSlabs(peers, a)
	return l
}

// addEdges adds edges between codes, both ways if the graph is undirected: the two
// ways beside each other, so that the order of edges does not depend on how the input
// is cut.
func (l *edgeList) addEdges(codes []uint32, weights []float64, in Input) {
	if in.Undirected {
		codes, weights = bothWays(codes, weights, in)
	}
	l.addCoded(codes, weights)
}

func (l *edgeList) addCoded(codes []uint32, weights []float64) {
	to := l.layout()
	for {
		n := to.DealCodes(l.buckets.open, codes, weights)
		if codes, weights = codes[n:], weights[min(n/2, len(weights)):]; len(codes) < 2 {
			return
		}
		l.grow(to.CodedChunk(codes[0], codes[1]))
	}
}

// layout says which chunk an edge goes to.
func (l *edgeList) layout() *deal.Layout {
	form := formOf(l.wide, rowRange{0, l.level}, false)
	return &deal.Layout{
		Peers: uint64(l.peers), Shift: uint64(l.shift), Level: min(uint64(l.level), 63), Pulled: l.pulled,
		Bits: uint64(form.bits), Mask: form.mask, Size: uint64(form.size),
	}
}

// addIDs adds edges between ids, and notes those, up to an edge with one that is too large
// for now: it returns how many ids come before it.
func (l *edgeList) addIDs(seen, ids []uint64, weights []float64) int {
	to := l.layout()
	for n := 0; ; {
		n += to.Deal(l.buckets.open, seen, ids[n:], weights[min(n/2, len(weights)):])
		if len(ids)-n < 2 {
			return len(ids)
		}
		src, dst := ids[n], ids[n+1]
		if max(src, dst)/64 >= uint64(len(seen)) {
			return n
		}
		l.grow(to.Chunk(src, dst))
	}
}

// addSmall adds edges between ids while codes are ids.
func (l *edgeList) addSmall(d *integerCensus, ids []uint64, weights []float64, in Input) (err error) {
	if in.Undirected {
		ids, weights = bothWays(ids, weights, in)
	}
	for {
		n := l.addIDs(d.seen, ids, weights)
		ids, weights = ids[n:], weights[min(n/2, len(weights)):]
		if len(ids) == 0 {
			return nil
		}
		if !d.reach(max(ids[0], ids[1])) {
			break
		}
		if err := l.makeRoom(d.bound()); err != nil {
			return err
		}
	}
	if l.codes, err = l.intern(l.codes, nil, vertices{ids: ids}); err == nil {
		l.addCoded(l.codes, weights)
	}
	return err
}

// intern returns the codes of ids, into dst.
func (l *edgeList) intern(dst []uint32, text []byte, list vertices) ([]uint32, error) {
	dst = l.ids.intern(dst[:0], text, list)
	if d, ok := l.ids.(*integerCensus); ok && d.left != nil {
		p := &placing{coding: l.coding, ranks: d.left}
		l.byID, d.left = false, nil
		if err := l.recode(p); err != nil {
			return nil, err
		}
	}
	return dst, l.makeRoom(l.ids.bound())
}

// recode puts codes in the place of ids, which have been codes until now.
func (l *edgeList) recode(p *placing) error {
	l.regroup(allRows, 1)
	for owner := range l.slabs {
		for _, slab := range l.slabs[owner].given() {
			if err := p.rank(slab, owner, l.weights); err != nil {
				return err
			}
		}
	}
	for i, id := range l.marked {
		owner, number := p.at(id)
		l.marked[i] = l.code(owner, number)
	}
	return nil
}

// makeRoom makes room for codes below a bound.
func (l *edgeList) makeRoom(bound uint64) error {
	if bound > maxVertices {
		return tooManyVertices(l.ids.size())
	}
	if l.err != nil {
		return l.err
	}
	if !l.byID {
		bound >>= l.shift
	}
	if !l.wide && bound > uint64(l.narrow) {
		l.closeAll()
		l.wide = true
	}
	l.reach(bound)
	return nil
}

// payloads returns what goes to the owners of rows, by owner.
func (l *edgeList) payloads(p *placing) ([][][]byte, error) {
	l.closeAll()
	if p.numbers != nil {
		if err := l.renumber(p); err != nil {
			return nil, err
		}
	}
	out := make([][][]byte, l.peers)
	for owner := range out {
		out[owner] = l.slabs[owner].given()
		l.slabs[owner].free() // they are the owner's now
		for _, slab := range out[owner] {
			if err := p.rank(slab, owner, l.weights); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// give gives every owner its edges, in as many rounds as the largest number of payloads
// that goes from one peer to another, and returns the payloads from every peer, which the
// arena keeps.
func give(out [][][]byte, rounds int, hand handOver, a *arena.Arena) ([][][]byte, error) {
	in := make([][][]byte, len(out))
	for round := range rounds {
		now := make([][]byte, len(out))
		for to, payloads := range out {
			if round < len(payloads) {
				now[to], payloads[round] = payloads[round], nil
			}
		}
		told, err := hand(now)
		if err != nil {
			return nil, err
		}
		for from, b := range told {
			if len(b) == 0 {
				continue
			}
			if b, err = a.Keep(b); err != nil {
				return nil, err
			}
			in[from] = append(in[from], b)
		}
	}
	return in, nil
}
