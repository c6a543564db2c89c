package algo

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/superstep"
)

// SemiClusters configures the search for groups of vertices with many edges among them
// and few to others, which may overlap (Malewicz et al., Pregel, SIGMOD 2010, §5.4). The
// score of a group of n > 1 vertices is
//
//	(I - Boundary·B) / (n·(n-1)/2)
//
// with I the weight of the edges within it and B of those that leave it; of one vertex
// alone it is 1. Edges count either way, parallel ones together, and loops not at all.
// Every vertex begins with the group of itself. In every round it joins what it hears of
// and tells its neighbours of the best, until nobody has anything new to tell.
type SemiClusters struct {
	Clusters   int     // groups that a vertex keeps, and tells of, 1 or more
	Members    int     // of a group at most, 1 or more
	Boundary   float64 // from 0 to 1
	Iterations int     // rounds of telling at most, 0 or more
}

// Validate reports a configuration that cannot be run.
func (c SemiClusters) Validate() error {
	switch {
	case c.Clusters < 1:
		return fmt.Errorf("clusters %d: want 1 or more", c.Clusters)
	case c.Members < 1:
		return fmt.Errorf("members %d: want 1 or more", c.Members)
	case !(c.Boundary >= 0 && c.Boundary <= 1):
		return fmt.Errorf("boundary %v: want a number from 0 to 1", c.Boundary)
	case c.Iterations < 0:
		return fmt.Errorf("iterations %d: want 0 or more", c.Iterations)
	}
	return nil
}

// Cluster is a group of vertices as they tell each other of it.
type Cluster struct {
	Members []string // ids, ascending
	Within  Sum      // weight of the edges within
	Leaving Sum      // weight of the edges that leave
}

// Sum is a sum of weights, with twice the digits of a float64: High is what it is rounded to in
// whatever order they are added, so that a group has one score, however it came about.
type Sum struct{ High, Low float64 }

func (s Sum) plus(t Sum) Sum { // Knuth's exact sum of the high parts
	high := s.High + t.High
	if math.IsInf(high, 0) {
		return Sum{high, 0}
	}
	v := high - s.High
	low := (s.High - (high - v)) + (t.High - v) + (s.Low + t.Low)
	sum := high + low
	return Sum{sum, low - (sum - high)}
}

func (s Sum) minus(t Sum) Sum { return s.plus(Sum{-t.High, -t.Low}) }

// Grouped is what a vertex keeps.
type Grouped struct {
	Bonds []Bond    // to neighbours, by their ids
	Own   []Cluster // that it is in, the best first
	Told  []Cluster // that its neighbours have heard of from it in the last round
	Since []Cluster // and in the one before
}

// Bond is the weight of all edges to a neighbour.
type Bond struct {
	ID     string
	Weight Sum
}

// Gossip is what a vertex tells its neighbours.
type Gossip struct {
	From   uint64
	Groups []Cluster
}

// Program returns the bsp program. The value of a vertex is written as the groups that it
// is in, the best first: "score id,id,…; score id,…".
func (c SemiClusters) Program(in graph.Input) bsp.Program[graph.Letter[Gossip]] {
	in.Undirected, in.Weights, in.NonNegative = true, true, true
	return graph.FreeProgram(in, func(global *graph.Global) graph.Algorithm[Grouped, Gossip] {
		g := grouping{c, idOrder(in.IDs), graph.NewAggregator[int64](global, superstep.Sum), graph.NewAggregator[int64](global, superstep.Sum)}
		return graph.Algorithm[Grouped, Gossip]{
			Supersteps: c.Iterations + 1,
			Until:      func(int) bool { return g.news.Value() == 0 || g.turns.Value() == 0 },
			Compute:    g.compute,
			Format:     g.format,
		}
	})
}

// idOrder returns the order of ids: numbers by size, names byte by byte.
func idOrder(ids graph.IDs) func(a, b string) int {
	if ids == graph.Strings {
		return cmp.Compare[string]
	}
	return func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }
}

// grouping is the search with the order of ids.
type grouping struct {
	SemiClusters
	less  func(a, b string) int
	news  *graph.Aggregator[int64] // vertices that tell something else than in the round before
	turns *graph.Aggregator[int64] // than two rounds before: groups that go to and fro between neighbours bring nothing new
}

func (g grouping) compute(v *graph.Vertex[Grouped, Gossip], msgs iter.Seq[Gossip]) {
	me := v.Name()
	heard := g.hear(v, msgs)
	for _, c := range slices.Clip(heard) {
		at, in := slices.BinarySearchFunc(c.Members, me, g.less)
		if !in && len(c.Members) < g.Members {
			heard = append(heard, g.with(c, at, me, v.Value.Bonds))
		}
	}
	heard = g.best(heard)
	mine := slices.Clone(v.Value.Own)
	for _, c := range heard {
		if slices.Contains(c.Members, me) {
			mine = append(mine, c)
		}
	}
	v.Value.Own = g.first(g.best(mine))
	tell := g.first(heard)
	if !slices.EqualFunc(tell, v.Value.Told, sameMembers) {
		g.news.Add(1)
	}
	if v.Superstep() < 2 || !slices.EqualFunc(tell, v.Value.Since, sameMembers) {
		g.turns.Add(1)
	}
	v.Value.Since, v.Value.Told = v.Value.Told, tell
	v.SendAll(Gossip{v.ID(), v.Value.Told})
}

// hear returns the groups that came, and in superstep 0 the vertex's own; in superstep 1
// it learns which neighbour has which id.
func (g grouping) hear(v *graph.Vertex[Grouped, Gossip], msgs iter.Seq[Gossip]) (heard []Cluster) {
	names := map[uint64]string{}
	for m := range msgs {
		if m.From == v.ID() {
			continue // a loop
		}
		heard = append(heard, m.Groups...)
		if v.Superstep() == 1 {
			names[m.From] = m.Groups[0].Members[0]
		}
	}
	weights, all := map[string]Sum{}, Sum{}
	if v.Superstep() < 2 {
		for to, w := range v.Edges() {
			if to != v.ID() {
				weights[names[to]] = weights[names[to]].plus(Sum{High: w})
				all = all.plus(Sum{High: w})
			}
		}
	}
	switch v.Superstep() {
	case 0:
		heard = []Cluster{{Members: []string{v.Name()}, Leaving: all}}
	case 1:
		for _, id := range slices.SortedFunc(maps.Keys(weights), g.less) {
			v.Value.Bonds = append(v.Value.Bonds, Bond{id, weights[id]})
		}
	}
	return g.best(heard)
}

// with returns the group with a vertex more, at its place.
func (g grouping) with(c Cluster, at int, id string, bonds []Bond) Cluster {
	inner, all := Sum{}, Sum{}
	for _, l := range bonds {
		all = all.plus(l.Weight)
		if _, in := slices.BinarySearchFunc(c.Members, l.ID, g.less); in {
			inner = inner.plus(l.Weight)
		}
	}
	return Cluster{
		Members: slices.Insert(slices.Clone(c.Members), at, id),
		Within:  c.Within.plus(inner),
		Leaving: c.Leaving.plus(all).minus(inner).minus(inner),
	}
}

// score is better when it is higher.
func (g grouping) score(c Cluster) float64 {
	n := float64(len(c.Members))
	if n == 1 {
		return 1
	}
	return (c.Within.High - g.Boundary*c.Leaving.High) / (n * (n - 1) / 2)
}

// best sorts groups by their scores, equal ones by their members, and leaves one of
// several of the same members.
func (g grouping) best(groups []Cluster) []Cluster {
	slices.SortFunc(groups, func(a, b Cluster) int {
		return cmp.Or(cmp.Compare(g.score(b), g.score(a)), slices.CompareFunc(a.Members, b.Members, g.less))
	})
	return slices.CompactFunc(groups, sameMembers)
}

func sameMembers(a, b Cluster) bool { return slices.Equal(a.Members, b.Members) }

// first returns the groups that are kept.
func (g grouping) first(groups []Cluster) []Cluster {
	return groups[:min(g.Clusters, len(groups)):min(g.Clusters, len(groups))]
}

func (g grouping) format(dst []byte, v Grouped) []byte {
	for i, c := range v.Own {
		if i > 0 {
			dst = append(dst, "; "...)
		}
		dst = strconv.AppendFloat(dst, g.score(c), 'g', -1, 64)
		dst = append(append(dst, ' '), strings.Join(c.Members, ",")...)
	}
	return dst
}
