package nn

import "scalar/internal/splitmix"

// A dropout sets a share of the values to 0 in training, and divides the others by the
// share that is left (Srivastava et al., JMLR 15, 2014, scaled in training instead of after it).
// In inference it is not run.
type dropout struct {
	below uint64  // which of 2^32 draws drop a value
	scale float32 // of the others
	layer uint64  // which of the net's nodes it is
}

func buildDropout(b *builder, n *node) error {
	r := b.current.Rate
	if !(r >= 0 && r < 1) {
		return b.fail("rate is %v: want from 0, below 1", r)
	}
	n.op, n.shape = &dropout{uint64(r * (1 << 32)), float32(1 / (1 - r)), uint64(len(b.nodes))}, n.from[0].shape
	return nil
}

func (d *dropout) keeps(n *node, rows int) int { return rows * n.size }

// draw sets what each value is multiplied by: a function of seed, step, layer, row and place.
func (d *dropout) draw(b *Batch, factors []float32, size int) {
	layer := splitmix.Next(splitmix.Next(stream(b.Seed, forDropout)+b.Step) + d.layer)
	for i := 0; i*size < len(factors); i++ {
		state := splitmix.Next(layer + uint64(b.Row+i))
		row := factors[i*size:][:size]
		for k := 0; k < size; k += 2 { // two draws of 32 bits each
			draws := splitmix.Next(state + uint64(k)*splitmix.Gamma)
			row[k] = d.factor(draws >> 32)
			if k+1 < size {
				row[k+1] = d.factor(draws & (1<<32 - 1))
			}
		}
	}
}

func (d *dropout) factor(draw uint64) float32 {
	if draw < d.below {
		return 0
	}
	return d.scale
}

func (d *dropout) forward(e *Executor, c *cell) error {
	d.draw(&e.batch, c.kept, c.n.size)
	return e.cpu.Mul(c.out, c.in[0], e.view(c.kept, c.n.shape))
}

func (d *dropout) backward(e *Executor, c *cell) error {
	if c.dins[0].IsZero() {
		return nil
	}
	return e.cpu.Mul(c.dins[0], c.dout, e.view(c.kept, c.n.shape))
}
