package nn

import (
	"fmt"

	"scalar/tensor"
)

// An Executor runs a net. It belongs to one goroutine at a time, and so does its CPU.
type Executor struct {
	g       *Graph
	cpu     *tensor.CPU
	cells   []cell // one per node
	scratch [][]float32
	dims    [tensor.MaxRank]int

	rows     int  // that views are for
	training bool // and in which mode
	batch    Batch
	arena    []float32 // that parameters are views of
	weights  *Weights  // or these
	outputs  array     // of inference
	grads    []float32

	x       tensor.Shifted // the batch that is trained on
	shifted bool           // or it is taken as it is
	turned  bool           // arenas are as Graph.Turn makes them
	version uint64         // of the weights
	reuse   bool           // some steps have several batches with the same weights
}

// A cell is what an executor has of a node.
type cell struct {
	n             *node
	in            []array // values that it takes
	out           array   // what the operation gives
	final         array   // and what the activation makes of it; the same memory where that need not be kept
	dout          array   // gradient of final, then of out
	dins          []array // gradients of in; zero where none is wanted
	adds          []array // which dins are to be added to what is there
	params, grads []array

	value, gradient, given []float32 // what out, dout and final are views of

	kept    []float32 // by the operation, for its gradient
	places  []int32   // likewise
	panels  [2]*tensor.Packed
	version [2]uint64      // of the weights in panels
	packed  *tensor.Packed // of InferPacked
	sums    []float32      // of the rows' gradients, where a layer without biases takes a shifted batch
}

// NewExecutor returns an executor for a net on a CPU.
func NewExecutor(g *Graph, cpu *tensor.CPU) *Executor {
	e := &Executor{g: g, cpu: cpu, cells: make([]cell, len(g.nodes)), scratch: make([][]float32, g.widest), rows: -1}
	for i := range e.cells {
		c, n := &e.cells[i], &g.nodes[i]
		c.n = n
		c.in, c.dins, c.adds = make([]array, len(n.from)), make([]array, len(n.from)), make([]array, len(n.from))
		c.params, c.grads = make([]array, len(n.params)), make([]array, len(n.params))
	}
	return e
}

// Graph returns the net.
func (e *Executor) Graph() *Graph { return e.g }

// forward runs all nodes.
func (e *Executor) forward() error {
	for i := 1; i < len(e.cells); i++ {
		c := &e.cells[i]
		if _, ok := c.n.op.(*dropout); ok && !e.training {
			continue
		}
		if err := c.n.op.forward(e, c); err != nil {
			return c.failed(err)
		}
		if c.n.active && !c.n.fused {
			if err := e.cpu.Activate(c.final, c.out, c.n.act); err != nil {
				return c.failed(err)
			}
		}
	}
	return nil
}

// backward sets the gradients of all parameters from that of the output.
func (e *Executor) backward() error {
	for i := len(e.cells) - 1; i > 0; i-- {
		c := &e.cells[i]
		if !c.n.learns {
			continue
		}
		if c.n.active {
			kept := c.final
			if c.n.act.SlopeOfInput() {
				kept = c.out
			}
			if err := e.cpu.ActivateGrad(c.dout, kept, c.dout, c.n.act); err != nil {
				return c.failed(err)
			}
		}
		if err := c.n.op.backward(e, c); err != nil {
			return c.failed(err)
		}
		for j, sum := range c.adds {
			if !sum.IsZero() {
				if err := e.cpu.Add(sum, sum, c.dins[j]); err != nil {
					return c.failed(err)
				}
			}
		}
	}
	return nil
}

func (c *cell) failed(err error) error { return fmt.Errorf("net: layer %s: %w", c.n.name, err) }

// panels returns a dense layer's weights packed for a product, or nil where a product packs
// them itself: they are worth keeping where several batches have the same weights.
func (e *Executor) panels(c *cell, product int) (*tensor.Packed, error) {
	if !e.training {
		return c.packed, nil
	}
	if !e.reuse {
		return nil, nil
	}
	if c.version[product] != e.version {
		w := c.params[0]
		if product == toValues {
			w = w.T()
		}
		packed, err := e.cpu.Pack(c.panels[product], w)
		if err != nil {
			return nil, err
		}
		c.panels[product], c.version[product] = packed, e.version
	}
	return c.panels[product], nil
}

// bind makes the views for a number of rows.
func (e *Executor) bind(rows int, training bool) {
	if rows == e.rows && training == e.training {
		return
	}
	e.rows, e.training = rows, training
	e.cells[0].value = nil
	for i := 1; i < len(e.cells); i++ {
		c := &e.cells[i]
		n := c.n
		if _, ok := n.op.(*dropout); ok && !training {
			continue
		}
		c.value = atLeast(c.value, rows*n.size)
		c.final = e.view(c.value, n.shape)
		c.out = c.final
		if training && n.active && n.act.SlopeOfInput() {
			c.given = atLeast(c.given, rows*n.size)
			c.out = e.view(c.given, n.shape)
		}
		if k, ok := n.op.(keeper); ok && training {
			c.kept = atLeast(c.kept, k.keeps(n, rows))
		}
		from := n.from
		if !training {
			from = n.seen
		}
		for j, r := range from {
			if r.node > 0 {
				c.in[j] = e.view(e.cells[r.node].value, r.shape)
			}
		}
		if training && n.learns {
			c.gradient = atLeast(c.gradient, rows*n.size)
			c.dout = e.view(c.gradient, n.shape)
			e.bindGradients(c)
		}
	}
}

// bindGradients makes the views of the gradients that a node sets: the first of a value
// goes where its node reads it, further ones are added from scratch.
func (e *Executor) bindGradients(c *cell) {
	for j, r := range c.n.from {
		c.dins[j], c.adds[j] = array{}, array{}
		to := &e.cells[r.node]
		if !to.n.learns {
			continue
		}
		into := e.view(to.gradient, r.shape)
		if c.n.first[j] {
			c.dins[j] = into
			continue
		}
		e.scratch[j] = atLeast(e.scratch[j], into.Len())
		c.dins[j], c.adds[j] = e.view(e.scratch[j], r.shape), into
	}
}

// view returns values, as many as there are, in a shape for each row.
func (e *Executor) view(values []float32, shape []int) array {
	return e.viewRows(values, e.rows, shape...)
}

func (e *Executor) viewRows(values []float32, rows int, shape ...int) array {
	dims := append(append(e.dims[:0], rows), shape...)
	d, err := tensor.From(values[:rows*volume(shape)], dims...)
	if err != nil {
		panic(err) // the sizes were checked by Compile
	}
	return d
}

// atLeast returns a slice of n values, s itself where it is long enough.
func atLeast(s []float32, n int) []float32 {
	if cap(s) < n {
		return tensor.New[float32](n).Values()
	}
	return s[:n]
}

// input makes the views of the net's input, which was checked, and of what inference makes of it. Those of the last input stand
// where this one is in the same memory: of a short row they cost as much as its arithmetic.
func (e *Executor) input(x array) {
	values, in := x.Values(), &e.cells[0]
	if len(values) > 0 && len(values) == len(in.value) && &values[0] == &in.value[0] {
		return
	}
	in.value = values
	for i := 1; i < len(e.cells); i++ {
		c := &e.cells[i]
		from := c.n.from
		if !e.training {
			from = c.n.seen
		}
		for j, r := range from {
			if r.node == 0 {
				c.in[j] = e.view(values, r.shape)
			}
		}
	}
	if !e.training {
		e.outputs = e.viewRows(e.cells[e.g.answer].value, e.rows, e.g.Outputs())
	}
}

// checkInput returns what is wrong with rows for the net.
func (g *Graph) checkInput(x array) error {
	if x.Rank() < 1 || x.Len() != x.Dim(0)*g.Features() || !x.Contiguous() {
		return fmt.Errorf("net: rows are %v: want rows of %s without gaps", x, shapeText(g.spec.Input))
	}
	return nil
}

// use makes the views of parameters, and of their gradients.
func (e *Executor) use(arena, grads []float32) {
	if len(e.arena) == 0 || &e.arena[0] != &arena[0] {
		e.arena, e.weights = arena, nil
		for i := range e.cells {
			e.cells[i].packed = nil
		}
		e.share(arena, func(c *cell) []array { return c.params })
	}
	if len(grads) > 0 && (len(e.grads) == 0 || &e.grads[0] != &grads[0]) {
		e.grads = grads
		e.share(grads, func(c *cell) []array { return c.grads })
	}
}

func (e *Executor) share(values []float32, views func(c *cell) []array) {
	for i := range e.cells {
		for j, at := range e.cells[i].n.params {
			p := &e.g.params[at]
			if j == 0 && e.turns(&e.cells[i]) {
				views(&e.cells[i])[j] = e.viewRows(values[p.Offset:], p.Shape[1], p.Shape[0]).T()
				continue
			}
			views(&e.cells[i])[j] = e.viewRows(values[p.Offset:], p.Shape[0], p.Shape[1:]...)
		}
	}
}
