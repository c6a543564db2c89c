package graph

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"scalar/bsp/arena"
)

// pull is a peer's edges by destination, as compressed rows of sources. A source is its
// place in the mirror: the own vertices by number, then those of other peers that are
// watched, peer by peer.
type pull struct {
	starts  []uint32 // row v is sources[starts[v]:starts[v+1]]
	sources []uint32
	weights []float64  // by edge, if kept
	ways    []uint8    // by edge, if kept: Inward, Outward or both
	places  [][]uint32 // by owner and number: the place in the mirror; 0 also for vertices that are in no row
	watches [][]uint32 // by peer: its vertices that this one watches, ascending
	watched [][]uint32 // by peer: own vertices that it watches
	ids     []uint64   // by place, with Input.Neighbours
	grid    *grid      // in the place of starts and sources, where edges are gathered from and nothing else
}

// The ways of an edge, as Arrays.Ways gives them: bits, both of an edge both ways.
const (
	Inward  = 1 // from the source to the vertex
	Outward = 2
)

// row returns the sources of a vertex.
func (r *pull) row(v int) []uint32 { return r.sources[r.starts[v]:r.starts[v+1]] }

// buildPull makes the rows from segments of (destination, source) by the source's
// owner, and agrees with the other peers on what is watched. The sources of a row come
// by owner, and those of one owner in the order of the segments. It counts the edges that
// leave vertices too: at the other ends of rows by destination.
func (g *part) buildPull(segments [][]segment, in Input, hand handOver) error {
	r := &pull{starts: make([]uint32, g.ids.size()+1), watches: make([][]uint32, len(segments)), watched: make([][]uint32, len(segments))}
	g.pull, g.degrees = r, make([]uint32, g.ids.size())
	ranks := make([][]uint32, len(segments)) // by owner and number: edges, then the place in the mirror
	total := uint64(0)
	for owner, list := range segments {
		for _, s := range list {
			total += uint64(s.count)
		}
		if owner != g.index || in.Ways { // own vertices keep their numbers
			ranks[owner] = make([]uint32, g.counts[owner])
		}
	}
	if total > math.MaxUint32-1 {
		return fmt.Errorf("%d edges on one peer: use more peers", total)
	}
	err := byRange(segments, func(owner int, s segment) error {
		if owner == g.index {
			return r.countEnds(s, g.degrees)
		}
		return r.countEnds(s, ranks[owner])
	})
	if err != nil {
		return err
	}
	if in.gathered {
		telling, made, err := g.buildGrid(segments, ranks, total)
		if err != nil {
			return err
		}
		if made {
			return r.agree(g, telling, hand)
		}
	}
	telling := r.number(ranks, g.index, g.counts[g.index])
	if err := r.lay(int(total), in, g.arena); err != nil {
		return err
	}
	if err := r.fill(segments, ranks, rowStore{arena: g.arena}); err != nil {
		return err
	}
	if in.Ways {
		r.places = ranks
	}
	if err := r.agree(g, telling, hand); err != nil {
		return err
	}
	switch {
	case in.Distinct:
		r.distinct(g.degrees)
	case in.outward:
		for v := range g.degrees {
			g.degrees[v] = r.starts[v+1] - r.starts[v]
		}
	}
	if !in.Neighbours {
		return nil
	}
	return r.meet(g, hand)
}

// lay makes room for so many edges.
func (r *pull) lay(total int, in Input, a *arena.Arena) (err error) {
	if r.sources, err = arena.Make[uint32](a, total); err != nil {
		return err
	}
	switch {
	case in.Ways:
		r.ways, err = arena.Make[uint8](a, total)
	case in.Weights:
		r.weights, err = arena.Make[float64](a, total)
	}
	return err
}

// fill makes the rows out of the number of edges of each, window by window.
func (r *pull) fill(segments [][]segment, ranks [][]uint32, to rowStore) error {
	sum := uint32(0)
	for v, n := range r.starts {
		r.starts[v] = sum
		sum += n
	}
	part := sieve{all: uint32(len(r.starts) - 1)}
	for part.lo, part.hi = range windows(r.starts, to.room(arena.Mapped(to.arena, r.sources))) {
		err := byRange(segments, func(owner int, s segment) error {
			r.scatter(part.pass(s), ranks[owner])
			return nil
		})
		if err != nil {
			return err
		}
	}
	copy(r.starts[1:], r.starts) // scatter has moved every start to the end of its row
	r.starts[0] = 0
	return nil
}

// countEnds counts the edges of each row, and those of each source at its owner.
func (r *pull) countEnds(s segment, sources []uint32) error {
	ends, edges := s.where(), s.edges[:s.end()]
	if ends.Count(r.starts[:len(r.starts)-1], sources, edges) < len(edges) {
		return errSegment
	}
	return nil
}

// number gives the sources that are counted their places: own vertices have their number.
// It returns what other peers are told: which of their vertices are watched, and how many
// edges leave those to here, u32 number and u32 edges for each.
func (r *pull) number(ranks [][]uint32, own int, vertices uint32) (out [][]byte) {
	out = make([][]byte, len(ranks))
	next := vertices
	for owner, rank := range ranks {
		if owner == own {
			for u := range rank {
				rank[u] = uint32(u)
			}
			continue
		}
		n := 0
		for _, count := range rank {
			if count != 0 {
				n++
			}
		}
		watched, told := make([]uint32, 0, n), make([]byte, 0, 8*n)
		for u, count := range rank {
			if count != 0 {
				rank[u] = next
				next++
				watched = append(watched, uint32(u))
				told = binary.LittleEndian.AppendUint64(told, uint64(count)<<32|uint64(u))
			}
		}
		r.watches[owner], out[owner] = watched, told
	}
	return out
}

// scatter puts the sources into their rows. rank has their places; nil: the same.
func (r *pull) scatter(s segment, rank []uint32) {
	starts, sources, edges, f, base := r.starts, r.sources, s.edges, s.form, s.base
	for i, end := 0, s.end(); i < end; i += f.size {
		x := binary.LittleEndian.Uint64(edges[i:])
		v, u := base+uint32(x&f.mask), uint32(x>>(f.bits&63)&f.last)
		if rank != nil {
			u = rank[u]
		}
		at := starts[v]
		starts[v] = at + 1
		sources[at] = u
		if r.ways != nil {
			r.ways[at] = uint8(s.weight(i))
		}
		if r.weights != nil {
			r.weights[at] = s.weight(i)
		}
	}
}

// distinct leaves one edge of several between two vertices, and no loops, and counts
// what is left. The sources of a row ascend then.
func (r *pull) distinct(degrees []uint32) {
	var keyed []uint64
	to := uint32(0)
	for v := range degrees {
		lo, hi := r.starts[v], r.starts[v+1]
		r.starts[v] = to
		keyed = keyed[:0]
		for i, u := range r.sources[lo:hi] {
			key := uint64(u) << 8
			if r.ways != nil {
				key |= uint64(r.ways[int(lo)+i])
			}
			keyed = append(keyed, key)
		}
		slices.Sort(keyed)
		first := to
		for _, key := range keyed {
			u := uint32(key >> 8)
			switch {
			case u == uint32(v):
				continue
			case to > first && r.sources[to-1] == u:
			default:
				r.sources[to] = u
				if to++; r.ways != nil {
					r.ways[to-1] = 0
				}
			}
			if r.ways != nil {
				r.ways[to-1] |= uint8(key)
			}
		}
		degrees[v] = to - first
	}
	r.starts[len(degrees)] = to
	r.sources = r.sources[:to]
}

// agree tells every peer what number returns.
func (r *pull) agree(g *part, out [][]byte, hand handOver) error {
	told, err := hand(out)
	if err != nil {
		return err
	}
	for q, b := range told {
		r.watched[q] = make([]uint32, 0, len(b)/8)
		for least := uint32(0); len(b) >= 8; b = b[8:] {
			x := binary.LittleEndian.Uint64(b)
			v, d := uint32(x), uint32(x>>32)
			if v < least || v >= uint32(g.ids.size()) {
				return errSegment
			}
			if g.degrees[v] += d; g.degrees[v] < d {
				return fmt.Errorf("%w: or a vertex has more than %d edges", errSegment, uint32(math.MaxUint32))
			}
			r.watched[q] = append(r.watched[q], v)
			least = v + 1
		}
	}
	return nil
}

// meet learns the ids of all places.
func (r *pull) meet(g *part, hand handOver) error {
	out := make([][]byte, len(r.watched))
	for q, list := range r.watched {
		out[q] = make([]byte, 0, 8*len(list))
		for _, v := range list {
			out[q] = binary.LittleEndian.AppendUint64(out[q], g.id(v))
		}
	}
	told, err := hand(out)
	if err != nil {
		return err
	}
	for v := range g.degrees {
		r.ids = append(r.ids, g.id(uint32(v)))
	}
	for q, list := range r.watches {
		if len(told[q]) != 8*len(list) {
			return errSegment
		}
		for i := range list {
			r.ids = append(r.ids, binary.LittleEndian.Uint64(told[q][8*i:]))
		}
	}
	return nil
}
