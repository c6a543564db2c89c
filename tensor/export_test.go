package tensor

import "scalar/tensor/internal/kernel"

// Tuned returns a Config with instructions of its own and blocks of kc, mc and nc; 0 is
// the standard.
func Tuned(cores int, isa kernel.ISA, kc, mc, nc int) Config {
	b := standard(isa)
	if kc > 0 {
		b.kc, b.mc, b.nc = kc, mc, nc
	}
	return Config{Cores: cores, tuning: &tuning{isa, b}}
}

// RunUnits runs n units on a pool of its own, so many times, and returns after closing it.
func RunUnits(workers, times, n int, unit func(worker, i int)) {
	p, err := newPool(workers)
	if err != nil {
		panic(err)
	}
	defer p.close()
	for range times {
		p.run(units(unit), n)
	}
}

type units func(worker, i int)

func (u units) unit(worker, i int) { u(worker, i) }

// Cells returns the cells of a product, as rows and columns from and until.
func Cells(c *CPU, m, n, k int, packed bool) (cells [][4]int) {
	g := c.gridOf(cutting{m, n, k, packed})
	for i := range g.cells {
		r, col := i/g.across*g.rows, i%g.across*g.cols
		cells = append(cells, [4]int{r, min(r+g.rows, m), col, min(col+g.cols, n)})
	}
	return cells
}

// Even is what cuts a size into blocks.
var Even = even
