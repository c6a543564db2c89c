package nn

import (
	"iter"
	"slices"
)

// A Param is an array of weights, or of statistics.
type Param struct {
	Name  string // LAYER.weight, LAYER.bias, LAYER.mean, LAYER.variance
	Shape []int  // as PyTorch's: dense [units, inputs], conv2d [filters, channels, height, width]
	// Offset is where it begins in the arena, row-major: a multiple of 16.
	Offset int
	// Statistic says that no gradient leads to it: a running mean or variance, which
	// [Graph.MoveStatistics] moves. Statistics lie behind all weights.
	Statistic bool
}

// Len returns how many values the parameter has.
func (p Param) Len() int { return volume(p.Shape) }

// alignment is what parameters begin at multiples of: 64 bytes, a cache line.
const alignment = 16

// Params returns the parameters in the order of the arena: weights in the order in which
// layers run, then statistics.
func (g *Graph) Params() []Param {
	all := slices.Clone(g.params)
	for i := range all {
		all[i].Shape = slices.Clone(all[i].Shape)
	}
	return all
}

// Size returns how many values the arena has, the gaps between parameters included.
func (g *Graph) Size() int { return g.size }

// Weights returns how many values from the beginning of the arena are for an optimiser;
// statistics lie behind them.
func (g *Graph) Weights() int { return g.weights }

// Count returns how many weights the net has, without gaps and statistics.
func (g *Graph) Count() (n int) {
	for _, p := range g.params {
		if !p.Statistic {
			n += p.Len()
		}
	}
	return n
}

// layOut gives parameters their places: params holds them in the order of the nodes. The
// nodes' indices follow.
func (g *Graph) layOut() {
	order := make([]int, len(g.params))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return rank(g.params[a].Statistic) - rank(g.params[b].Statistic)
	})
	params, fills, place := make([]Param, len(order)), make([]fill, len(order)), make([]int, len(order))
	for to, from := range order {
		params[to], fills[to], place[from] = g.params[from], g.fills[from], to
		p := &params[to]
		p.Offset = g.size
		end := g.size + p.Len()
		g.size = (end + alignment - 1) / alignment * alignment
		if g.size > end {
			g.gaps = append(g.gaps, [2]int{end, g.size})
		}
		if !p.Statistic {
			g.weights = g.size
		}
	}
	g.params, g.fills = params, fills
	for i := range g.nodes {
		for j, p := range g.nodes[i].params {
			g.nodes[i].params[j] = place[p]
		}
	}
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// MoveStatistics moves running means and variances towards those of a step's batch: w =
// (1-momentum)·w + momentum·g, with each layer's momentum. weights and batch are the range of
// the arena and of the sum of all shards' gradients that begins at from, of one length: all
// of it, or an owner's part.
func (g *Graph) MoveStatistics(from int, weights, batch []float32) {
	for i, p := range g.params {
		if !p.Statistic {
			continue
		}
		m := g.fills[i].momentum
		lo, hi := max(p.Offset-from, 0), min(p.Offset+p.Len()-from, len(weights))
		for k := lo; k < hi; k++ {
			weights[k] = float32((1-m)*weights[k]) + float32(m*batch[k])
		}
	}
}

// Arrays returns each parameter with its values, which are shared with the arena. The arena
// has [Graph.Size] values.
func (g *Graph) Arrays(arena []float32) iter.Seq2[Param, []float32] {
	return func(yield func(Param, []float32) bool) {
		for _, p := range g.Params() {
			if n := p.Offset + p.Len(); !yield(p, arena[p.Offset:n:n]) {
				return
			}
		}
	}
}
