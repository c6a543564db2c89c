package algo

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"

	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/superstep"
)

// PageRank configures the ranking of vertices by Brin and Page (The anatomy of a
// large-scale hypertextual web search engine, 1998), as LDBC Graphalytics defines
// it: every vertex starts with 1/n; an update gives each
//
//	(1-Damping)/n + Damping · (D/n + Σ rank(u)/degree(u))
//
// over the edges u→v, where D is the rank of all vertices without an edge that
// leaves them. Ranks sum up to 1.
//
// With Personalize (Haveliwala, Topic-sensitive PageRank, WWW 2002) what a surfer jumps
// to, and what dangling mass goes to, are those k vertices alone: each starts with 1/k,
// all others with 0, and (1-Damping)/n + Damping · D/n becomes (1-Damping)/k +
// Damping · D/k for them and 0 for all others.
type PageRank struct {
	Iterations  int      // updates, exactly, unless Tolerance ends them; 0 leaves 1/n
	Damping     float64  // from 0 to 1
	Tolerance   float64  // ends when an update changes all ranks together by this or less, Σ|new-old| (L1); 0: off
	Personalize []string // ids of vertices, one that repeats counts once; empty: all
}

// Validate reports a configuration that cannot be run.
func (c PageRank) Validate() error {
	switch {
	case c.Iterations < 0:
		return fmt.Errorf("iterations %d: want 0 or more", c.Iterations)
	case !(c.Damping >= 0 && c.Damping <= 1):
		return fmt.Errorf("damping %v: want a number from 0 to 1", c.Damping)
	case !(c.Tolerance >= 0) || math.IsInf(c.Tolerance, 1):
		return fmt.Errorf("tolerance %v: want 0 (off) or a positive number", c.Tolerance)
	}
	return nil
}

// Program returns the bsp program. Update k happens in superstep k, with the change
// of update k-1 already known: the tolerance costs no superstep of its own.
func (c PageRank) Program(in graph.Input) bsp.Program[graph.Direct[float64]] {
	in.AsRead = len(c.Personalize) == 0 // their places are looked for by id
	return graph.Program(in, func(g *graph.Global) graph.Algorithm[float64, float64] {
		dangling := graph.NewAggregator[float64](g, superstep.Sum)
		change := graph.NewAggregator[float64](g, superstep.Sum)
		alg := graph.Algorithm[float64, float64]{Combine: superstep.Sum, Supersteps: c.Iterations + 1, Roots: c.Personalize}
		var (
			home *home
			jump float64
		)
		alg.Begin = func(int) {
			if home == nil { // also after a restart
				home = c.home(g)
			}
			jump = ((1 - c.Damping) + c.Damping*dangling.Value()) / home.size
		}
		alg.Sweep = func(a *graph.Arrays[float64, float64]) {
			switch {
			case g.Superstep() == 0:
				home.start(a)
				dangling.Add(spread(a))
			case home.ids == nil && c.Tolerance == 0 && g.Superstep() < c.Iterations: // nobody asks for these ranks
				dangling.Add(c.pass(a, jump))
			case home.ids == nil:
				changed, kept := c.update(a, jump)
				change.Add(changed)
				dangling.Add(kept)
			default:
				change.Add(c.updateTo(a, home.places(a), jump))
				dangling.Add(spread(a))
			}
		}
		if c.Tolerance > 0 {
			alg.Until = func(superstep int) bool { return superstep > 1 && change.Value() <= c.Tolerance }
		}
		return alg
	})
}

// home is where a jump goes to.
type home struct {
	size float64  // vertices
	ids  []uint64 // of these, ascending; nil: it goes to all
}

func (c PageRank) home(g *graph.Global) *home {
	if len(c.Personalize) == 0 {
		return &home{size: float64(g.NumVertices())}
	}
	ids := make([]uint64, len(c.Personalize))
	for i := range ids {
		ids[i] = g.Root(i)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return &home{float64(len(ids)), ids}
}

// places returns which of the vertices of a are of home's, ascending.
func (h *home) places(a *graph.Arrays[float64, float64]) (places []int) {
	first, _ := slices.BinarySearch(h.ids, a.ID(0))
	for _, id := range h.ids[first:] {
		if id > a.ID(len(a.Values)-1) {
			break
		}
		if v, ok := sort.Find(len(a.Values), func(v int) int { return cmp.Compare(id, a.ID(v)) }); ok {
			places = append(places, v)
		}
	}
	return places
}

func (h *home) start(a *graph.Arrays[float64, float64]) {
	if h.ids == nil {
		for i := range a.Values {
			a.Values[i] = 1 / h.size
		}
		return
	}
	for _, v := range h.places(a) {
		a.Values[v] = 1 / h.size
	}
}

// updateTo is update where jumps go to some vertices alone.
func (c PageRank) updateTo(a *graph.Arrays[float64, float64], places []int, jump float64) (change float64) {
	for i, in := range a.Inbox {
		rank := c.Damping * in
		if len(places) > 0 && places[0] == i {
			rank, places = rank+jump, places[1:]
		}
		change += math.Abs(rank - a.Values[i])
		a.Values[i] = rank
	}
	return change
}

// pass sends the new ranks along the edges in equal parts, and returns the rank of the vertices that have no edge. It
// leaves the values as they are: at the next update nothing of them is needed, and where there are many, memory is what
// a superstep waits for.
func (c PageRank) pass(a *graph.Arrays[float64, float64], base float64) (dangling float64) {
	n := len(a.Inbox)
	out, degrees := a.Out[:n], a.Degrees[:n]
	for i, in := range a.Inbox {
		part, kept := divide(base+c.Damping*in, degrees[i])
		dangling += kept
		out[i] = part
	}
	return dangling
}

// update is pass, keeps the new ranks, and returns how much they have changed too. The two sums and the division are
// under way at a time.
func (c PageRank) update(a *graph.Arrays[float64, float64], base float64) (change, dangling float64) {
	n := len(a.Inbox)
	values, out, degrees := a.Values[:n], a.Out[:n], a.Degrees[:n]
	for i, in := range a.Inbox {
		rank := base + c.Damping*in
		change += math.Abs(rank - values[i])
		values[i] = rank
		part, kept := divide(rank, degrees[i])
		dangling += kept
		out[i] = part
	}
	return change, dangling
}

// spread sends every rank along the edges in equal parts and returns the rank of
// the vertices that have none.
func spread(a *graph.Arrays[float64, float64]) (dangling float64) {
	out, degrees := a.Out[:len(a.Values)], a.Degrees[:len(a.Values)]
	for i, rank := range a.Values {
		part, kept := divide(rank, degrees[i])
		dangling += kept
		out[i] = part
	}
	return dangling
}

// divide returns what goes along each of so many edges, and what is kept: the whole, where there are
// none. It does without a branch, which for half of a graph's vertices, in no order, would be taken.
func divide(rank float64, edges uint32) (part, kept float64) {
	none := uint64(int64(uint64(edges)-1) >> 63) // all bits where there is no edge
	kept = math.Float64frombits(math.Float64bits(rank) & none)
	part = rank / float64(edges|uint32(none&1))
	return math.Float64frombits(math.Float64bits(part) &^ none), kept
}
