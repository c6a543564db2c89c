package nn

import "scalar/bsp/job"

// An embedding has a vector for each index: a row of F indices becomes F vectors.
type embedding struct{ vocabulary, units int }

func buildEmbedding(b *builder, n *node) error {
	l, in := b.current, n.from[0]
	if in.node != 0 {
		return b.fail("it takes %s: want the input, whose values are indices", l.From[0])
	}
	if err := b.size(keyVocabulary, l.Vocabulary); err != nil {
		return err
	}
	if err := b.size(keyUnits, l.Units); err != nil {
		return err
	}
	weight, err := b.param("weight", fill{how: normal}, l.Vocabulary, l.Units)
	n.op, n.shape, n.params = &embedding{l.Vocabulary, l.Units}, []int{volume(in.shape), l.Units}, []int{weight}
	return err
}

func (m *embedding) forward(e *Executor, c *cell) error {
	x := c.in[0].Values()
	c.places = indices(c.places, len(x))
	for i, v := range x {
		if !(v >= 0 && v < float32(m.vocabulary)) || v != float32(int32(v)) {
			return job.Fail(job.FaultInput, "row %d has %v: want an index from 0 to %d", i/c.n.shape[0], v, m.vocabulary-1)
		}
		c.places[i] = int32(v)
	}
	return e.cpu.Embed(e.viewRows(c.out.Values(), len(x), m.units), c.params[0], c.places)
}

func (m *embedding) backward(e *Executor, c *cell) error {
	clear(c.grads[0].Values())
	return e.cpu.EmbedGrad(c.grads[0], e.viewRows(c.dout.Values(), len(c.places), m.units), c.places)
}
