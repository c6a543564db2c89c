package tensor

// Costs that a grid is chosen by, in the time of one multiplication and addition.
const (
	packCost = 8       // of packing a value: measured 6 to 12
	wakeCost = 400_000 // of waking a worker: some µs
	tailCost = 0.15    // of the last cell that a worker computes while others may have ended
)

// A cutting is a product's sizes. Its grid is kept: a net asks for the same ones again.
type cutting struct {
	m, n, k int
	packed  bool
}

const mostGrids = 1000 // that are kept

// gridOf returns the cells of a product.
func (c *CPU) gridOf(s cutting) grid {
	if len(c.work) == 1 {
		return grid{rows: s.m, cols: s.n, across: 1, cells: 1}
	}
	g, ok := c.grids[s]
	if !ok {
		if len(c.grids) >= mostGrids {
			clear(c.grids)
		}
		g = c.cut(s.m, s.n, s.k, s.packed)
		c.grids[s] = g
	}
	return g
}

// cut chooses the cells of an m×n product of k. Fewer, larger cells pack less; more
// of them let a worker that got less of its core do less.
func (c *CPU) cut(m, n, k int, packed bool) grid {
	workers := len(c.work)
	best := grid{rows: m, cols: n, across: 1, cells: 1}
	least := c.cost(best, 1, k, packed)
	for down := 1; down <= 4*workers; down++ {
		for across := 1; down*across <= 4*workers; across++ {
			g := grid{rows: even(m, (m+down-1)/down+c.isa.MR()-1, c.isa.MR()), cols: even(n, (n+across-1)/across+c.isa.NR()-1, c.isa.NR())}
			g.across = (n + g.cols - 1) / g.cols
			g.cells = (m + g.rows - 1) / g.rows * g.across
			if cost := c.cost(g, min(workers, g.cells), k, packed); cost < least {
				best, least = g, cost
			}
		}
	}
	return best
}

// cost estimates the time of a grid.
func (c *CPU) cost(g grid, workers, k int, packed bool) float64 {
	pack := g.rows
	if !packed {
		pack += g.cols
	}
	cell := float64(k) * float64(g.rows*g.cols+packCost*pack)
	rounds := float64((g.cells + workers - 1) / workers)
	if workers == 1 {
		return cell * rounds
	}
	return cell*(rounds+tailCost) + wakeCost
}
