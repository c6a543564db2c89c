package nn

import "scalar/internal/splitmix"

// A dropout sets a share of the values to 0 in training, and divides the others by the
// share that is left (Srivastava et al., JMLR 15, 2014, scaled in training instead of after it).
// In inference it is not run.
type dropout struct {
	below uint64  // which of 2^32 draws drop a value
	scale float32 // of the others
	layer uint64  // which of the net's layers it is, as they are listed
}

func buildDropout(b *builder, n *node) error {
	r := b.current.Rate
	if !(r >= 0 && r < 1) {
		return b.fail("rate is %v: want from 0, below 1", r)
	}
	n.op, n.shape = &dropout{uint64(r * (1 << 32)), float32(1 / (1 - r)), uint64(b.number)}, n.from[0].shape
	return nil
}

func (d *dropout) keeps(n *node, rows int) int { return rows * n.size }

// draw sets what each value is multiplied by: a function of seed, step, layer, row and place.
func (d *dropout) draw(b *Batch, factors []float32, size int) {
	layer := drawsOf(b.Seed, b.Step, d.layer)
	for i := 0; i*size < len(factors); i++ {
		state := splitmix.Next(layer + uint64(b.Row+i))
		row := factors[i*size:][:size]
		for k := 0; k < size; k += 2 {
			first, second := twoDraws(state, k)
			row[k] = d.factor(first)
			if k+1 < size {
				row[k+1] = d.factor(second)
			}
		}
	}
}

// drawsOf returns the state of a layer's generator in a step.
func drawsOf(seed, step, layer uint64) uint64 {
	return splitmix.Next(splitmix.Next(stream(seed, forDropout)+step) + layer)
}

// twoDraws returns the draws of places k and k+1 of a row, 32 bits each; k is even.
func twoDraws(row uint64, k int) (first, second uint64) {
	both := splitmix.Next(row + uint64(k)*splitmix.Gamma)
	return both >> 32, both & (1<<32 - 1)
}

// Draw returns the number in [0, 1) by which dropout, layer number layer of the net from 0 as
// they are listed, decides about a place of a row of a step: it drops what is below its rate.
func Draw(b *Batch, layer, row, place int) float64 {
	first, second := twoDraws(splitmix.Next(drawsOf(b.Seed, b.Step, uint64(layer))+uint64(row)), place&^1)
	if place&1 > 0 {
		first = second
	}
	return float64(first) / (1 << 32)
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
