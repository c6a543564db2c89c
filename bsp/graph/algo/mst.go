package algo

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/superstep"
)

// MST returns the bsp program that finds the minimum spanning forest: every line is an
// edge both ways, and in every weak component those edges are taken that connect it with
// the least total weight. Of equal weights the edge of the smaller id comes first, then
// that of the smaller other id, so that there is one answer. Every tree hangs from its
// smallest id, and a vertex gets its parent and the weight of the edge between them, or
// "-": together these are the edges.
//
// Each peer keeps of its own edges those of a minimum forest (Kruskal, 1956): any other
// is the heaviest of a cycle and in no answer. Then forests are joined two by two in
// log₂(peers) supersteps, and filtered again (Lattanzi et al., Filtering, SPAA 2011;
// Karloff, Suri and Vassilvitskii, A model of computation for MapReduce, SODA 2010). The
// last peer to join holds all of the n-1 edges at most.
func MST(in graph.Input) bsp.Program[Branch] {
	in.Weights, in.Order, in.Neighbours, in.Undirected = true, true, true, false
	return func(ctx context.Context, p *bsp.Peer[Branch]) error {
		part, err := graph.Load(ctx, p, in)
		if err != nil {
			return err
		}
		var f forest
		resumed, err := p.State(&f)
		if err != nil {
			return err
		}
		if !resumed && p.Superstep() == 0 {
			f = ownBranches(part)
		}
		for 1<<p.Superstep() < 2*p.N() {
			f = f.join(p)
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		return writeForest(ctx, p, part)
	}
}

// End is an end of a branch: a vertex by its id, and where it is.
type End struct {
	ID           uint64
	Peer, Number uint32
}

// Branch is an edge of a forest: Child has the smaller id until the forest hangs.
type Branch struct {
	Child, Parent End
	Weight        float64
}

// compareBranches is the order in which edges are taken.
func compareBranches(a, b Branch) int {
	return cmp.Or(cmp.Compare(a.Weight, b.Weight), cmp.Compare(a.Child.ID, b.Child.ID), cmp.Compare(a.Parent.ID, b.Parent.ID))
}

// forest are the edges of a minimum spanning forest of those that a peer knows of.
type forest []Branch

// MarshalBinary encodes the edges one after the other, 40 bytes each.
func (f *forest) MarshalBinary() ([]byte, error) {
	codec, _ := superstep.CodecOf[Branch]()
	return codec.Append(nil, *f), nil
}

// UnmarshalBinary decodes what MarshalBinary made.
func (f *forest) UnmarshalBinary(b []byte) error {
	codec, _ := superstep.CodecOf[Branch]()
	bs, err := codec.Decode(nil, b)
	if err != nil {
		return fmt.Errorf("forest: %w", err)
	}
	*f = bs
	return nil
}

// arc is an edge of a peer's rows, by places: x has the smaller id.
type arc struct {
	weight float64
	x, y   uint32
}

// ownBranches returns a minimum spanning forest of the edges of a peer's rows.
func ownBranches(part *graph.Part) forest {
	var arcs []arc
	for v := range part.Len() {
		weights, own := part.Weights(v), part.ID(v)
		for i, u := range part.Sources(v) {
			switch other := part.Neighbour(u); {
			case own < other:
				arcs = append(arcs, arc{weights[i], uint32(v), u})
			case own > other:
				arcs = append(arcs, arc{weights[i], u, uint32(v)})
			}
		}
	}
	slices.SortFunc(arcs, func(a, b arc) int {
		if a.weight != b.weight {
			return cmp.Compare(a.weight, b.weight)
		}
		return cmp.Or(cmp.Compare(part.Neighbour(a.x), part.Neighbour(b.x)), cmp.Compare(part.Neighbour(a.y), part.Neighbour(b.y)))
	})
	peers, numbers := part.Owners()
	end := func(u uint32) End { return End{part.Neighbour(u), peers[u], numbers[u]} }
	sets := newSets(len(peers))
	var f forest
	for _, a := range arcs {
		if sets.join(a.x, a.y) {
			f = append(f, Branch{end(a.x), end(a.y), a.weight})
		}
	}
	return f
}

// sets are disjoint sets of numbers, each a tree: by number, one nearer to its root.
type sets []uint32

func newSets(n int) sets {
	s := make(sets, n)
	for i := range s {
		s[i] = uint32(i)
	}
	return s
}

func (s sets) root(x uint32) uint32 {
	for s[x] != x {
		s[x] = s[s[x]]
		x = s[x]
	}
	return x
}

// join makes one set of two, and reports whether they were two.
func (s sets) join(x, y uint32) bool {
	x, y = s.root(x), s.root(y)
	s[max(x, y)] = min(x, y)
	return x != y
}

// filter leaves of some edges those of their minimum spanning forest, in their order.
// It keeps no more memory than for them.
func filter(bs []Branch) forest {
	slices.SortFunc(bs, compareBranches)
	index := numbering(bs)
	sets := newSets(len(index))
	kept := bs[:0]
	for _, b := range bs {
		if sets.join(index[b.Child.ID], index[b.Parent.ID]) {
			kept = append(kept, b)
		}
	}
	return slices.Clone(kept)
}

// numbering numbers the ends of edges from 0.
func numbering(bs []Branch) map[uint64]uint32 {
	index := make(map[uint64]uint32)
	for _, b := range bs {
		for _, id := range [2]uint64{b.Child.ID, b.Parent.ID} {
			if _, ok := index[id]; !ok {
				index[id] = uint32(len(index))
			}
		}
	}
	return index
}

// join takes in the forest that another peer sent, and gives all to the next peer: at
// the end to the owners of children. It returns what is left here.
func (f forest) join(p *bsp.Peer[Branch]) forest {
	stride := 1 << p.Superstep()
	if p.NumMessages() > 0 {
		f = filter(slices.AppendSeq(f, p.Messages()))
	}
	switch {
	case stride >= p.N():
		for _, b := range f.hang() {
			p.Send(int(b.Child.Peer), b)
		}
		return nil
	case p.Index()%(2*stride) == stride:
		for _, b := range f {
			p.Send(p.Index()-stride, b)
		}
		return nil
	}
	return f
}

// hang turns every edge so that its parent is nearer to the smallest id of the tree.
func (f forest) hang() forest {
	index := numbering(f)
	t := &tree{f, index, make([]End, len(index)), make([]uint32, len(index)+1), make([]uint32, 2*len(f))}
	t.meet()
	roots := slices.Clone(t.ends)
	slices.SortFunc(roots, func(a, b End) int { return cmp.Compare(a.ID, b.ID) })
	hung := make(forest, 0, len(f))
	seen := make([]bool, len(t.ends))
	var todo []uint32
	for _, r := range roots {
		if v := index[r.ID]; !seen[v] {
			seen[v] = true
			todo = append(todo[:0], v)
		}
		for len(todo) > 0 {
			v := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for _, i := range t.rows[t.starts[v]:t.starts[v+1]] {
				child := f[i].Child
				if child.ID == t.ends[v].ID {
					child = f[i].Parent
				}
				if u := index[child.ID]; !seen[u] {
					seen[u] = true
					hung = append(hung, Branch{child, t.ends[v], f[i].Weight})
					todo = append(todo, u)
				}
			}
		}
	}
	return hung
}

// tree is a forest by the ends of its edges, as numbering numbers them.
type tree struct {
	forest
	index  map[uint64]uint32
	ends   []End
	starts []uint32 // the edges of end v are rows[starts[v]:starts[v+1]]
	rows   []uint32
}

// meet finds the ends and their edges.
func (t *tree) meet() {
	for _, b := range t.forest {
		for _, e := range [2]End{b.Child, b.Parent} {
			t.ends[t.index[e.ID]] = e
			t.starts[t.index[e.ID]+1]++
		}
	}
	for i := 1; i < len(t.starts); i++ {
		t.starts[i] += t.starts[i-1]
	}
	next := slices.Clone(t.starts)
	for i, b := range t.forest {
		for _, e := range [2]End{b.Child, b.Parent} {
			v := t.index[e.ID]
			t.rows[next[v]] = uint32(i)
			next[v]++
		}
	}
}

// writeForest writes the parents of own vertices, and counts edges, trees and weight.
func writeForest(ctx context.Context, p *bsp.Peer[Branch], part *graph.Part) error {
	parents := make([]uint64, part.Len())
	weights := make([]float64, part.Len())
	for v := range parents {
		parents[v] = graph.NoID
	}
	edges := int64(0)
	for b := range p.Messages() {
		parents[b.Child.Number], weights[b.Child.Number] = b.Parent.ID, b.Weight
		edges++
	}
	p.Count("forest_edges", edges)
	p.Count("trees", int64(part.Len())-edges)
	total := 0.0
	for _, w := range weights {
		total += w
	}
	p.Count("weight_millionths", millionths(total))
	return graph.Write(ctx, p, part, parents, func(dst []byte, v int, name func([]byte, uint64) []byte) []byte {
		if dst = name(dst, parents[v]); parents[v] != graph.NoID {
			dst = strconv.AppendFloat(append(dst, ' '), weights[v], 'g', -1, 64)
		}
		return dst
	})
}

// millionths is how counters, which are whole numbers, hold others: rounded, and at most ±2^62.
func millionths(x float64) int64 {
	return int64(math.Round(max(-(1 << 62), min(1<<62, x*1e6))))
}
