package algo

import (
	"math"
	"strconv"

	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/superstep"
)

// Hits are a vertex's scores.
type Hits struct {
	Authority, Hub float64
}

// HITS returns the bsp program that scores vertices as authorities and hubs (Kleinberg,
// Authoritative sources in a hyperlinked environment, 1999). Both scores begin equal; in
// an iteration
//
//	authority(v) = Σ hub(u) over the edges u→v
//	hub(v)       = Σ authority(w) over the edges v→w, with the new ones
//
// and then each is divided by its norm √Σx². Vertices publish sums that are not yet
// divided: their norm is known one superstep later, when the next sums are made, so that
// an iteration takes two supersteps, and the end one more.
func HITS(in graph.Input, iterations int) bsp.Program[graph.Direct[float64]] {
	in.Ways, in.AsRead = true, true
	return graph.Program(in, func(g *graph.Global) graph.Algorithm[Hits, float64] {
		norm := graph.NewAggregator[float64](g, superstep.Sum) // squared, of what was published
		return graph.Algorithm[Hits, float64]{
			Supersteps: 2*iterations + 2,
			Format:     formatHits,
			Sweep: func(a *graph.Arrays[Hits, float64]) {
				s := g.Superstep()
				if s == 0 {
					for v := range a.Out {
						a.Out[v], a.Values[v] = 1, Hits{1, 1}
						norm.Add(1)
					}
					return
				}
				scale := 0.0
				if norm.Value() > 0 {
					scale = 1 / math.Sqrt(norm.Value())
				}
				settle(a.Values, s, scale)
				if s <= 2*iterations {
					norm.Add(score(a, s, scale))
				}
			},
		}
	})
}

// settle divides what superstep s-1 published: both scores of the beginning, then
// authorities and hubs in turn.
func settle(values []Hits, s int, scale float64) {
	for v := range values {
		if s%2 == 0 || s == 1 {
			values[v].Authority *= scale
		}
		if s%2 == 1 {
			values[v].Hub *= scale
		}
	}
}

// score makes the next sums: authorities in odd supersteps, hubs in even ones. It
// returns the sum of their squares.
func score(a *graph.Arrays[Hits, float64], s int, scale float64) (squares float64) {
	way := uint8(graph.Inward)
	if s%2 == 0 {
		way = graph.Outward
	}
	for v := range a.Values {
		sum := 0.0
		ways := a.Ways(v)
		for i, u := range a.Sources(v) {
			if ways[i]&way != 0 {
				sum += a.All[u]
			}
		}
		sum *= scale
		squares += sum * sum
		a.Out[v] = sum
		if s%2 == 0 {
			a.Values[v].Hub = sum
		} else {
			a.Values[v].Authority = sum
		}
	}
	return squares
}

// formatHits writes "authority,hub".
func formatHits(dst []byte, h Hits) []byte {
	dst = strconv.AppendFloat(dst, h.Authority, 'g', -1, 64)
	return strconv.AppendFloat(append(dst, ','), h.Hub, 'g', -1, 64)
}
