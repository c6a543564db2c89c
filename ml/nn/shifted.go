package nn

import (
	"iter"
	"slices"

	"scalar/tensor"
)

// A dense layer that takes the net's rows multiplies them as a shifted matrix where they have a base (docs/decisions/0042). From measurements on
// Zen 3, which that page has: with fewer units than these it is slower where two to three tenths of the values differ, and fewer rows were not measured.
const (
	shiftedUnits = 64
	shiftedRows  = 16
)

// shifts reports whether a layer can take rows so.
func (n *node) shifts() bool {
	_, ok := n.op.(*dense)
	return ok && n.from[0].node == 0 && n.size >= shiftedUnits
}

// Shifts reports whether a batch's base is of use to the net.
func (g *Graph) Shifts() bool {
	return slices.ContainsFunc(g.nodes, func(n node) bool { return n.shifts() })
}

// ShiftsOnly reports whether nothing in the net takes so many rows but as what they differ in from a base, so that [Batch.Coded] will do.
func (g *Graph) ShiftsOnly(rows int) bool {
	return rows >= shiftedRows && g.Shifts() && !slices.ContainsFunc(g.nodes, func(n node) bool { return n.takesInput() && !n.shifts() })
}

// takesInput reports whether a node takes the net's rows.
func (n *node) takesInput() bool {
	return slices.ContainsFunc(n.from, func(r ref) bool { return r.node == 0 })
}

// Turn makes the arena, [Graph.Size] values, one of an executor made by [NewTurned]: the weights of a layer that multiplies a batch by what its rows
// differ in lie by input, [inputs, units], as both products read and write them. In an arena as others have it two thirds of what these
// products move is turned around twice a step, on every core that trains.
func (g *Graph) Turn(arena []float32) {
	for p := range g.shifting() {
		transpose(arena[p.Offset:][:p.Len()], p.Shape[0], p.Shape[1])
	}
}

// TurnBack makes an arena that Turn has made what it was.
func (g *Graph) TurnBack(arena []float32) {
	for p := range g.shifting() {
		transpose(arena[p.Offset:][:p.Len()], p.Shape[1], p.Shape[0])
	}
}

// shifting returns the weights of layers that take rows so.
func (g *Graph) shifting() iter.Seq[*Param] {
	return func(yield func(*Param) bool) {
		for i := range g.nodes {
			if n := &g.nodes[i]; n.shifts() && !yield(&g.params[n.params[0]]) {
				return
			}
		}
	}
}

// transpose turns a matrix around in its place.
func transpose(values []float32, rows, cols int) {
	was := slices.Clone(values)
	for r := range rows {
		for c, v := range was[r*cols:][:cols] {
			values[c*rows+r] = v
		}
	}
}

// NewTurned returns an executor whose arenas, of weights and of gradients, are as [Graph.Turn] makes them. What it computes has the bits that
// one of [NewExecutor] gives.
func NewTurned(g *Graph, cpu *tensor.CPU) *Executor {
	e := NewExecutor(g, cpu)
	e.turned = true
	return e
}

// turns reports whether a cell's weights lie by input.
func (e *Executor) turns(c *cell) bool { return e.turned && c.n.shifts() }

// shift makes the batch a shifted matrix, if it has a base and a layer takes it so: rows often differ little from one row, as those of
// images do from the background, of classes from none, and of counts from 0.
func (e *Executor) shift(b *Batch) error {
	if e.shifted = b.Coded != nil; e.shifted {
		return e.cpu.ShiftCoded(&e.x, b.Coded)
	}
	if e.shifted = b.Base != nil && b.rows() >= shiftedRows && e.g.Shifts(); !e.shifted {
		return nil
	}
	row, err := tensor.From(b.Base, len(b.Base))
	if err != nil {
		return err
	}
	return e.cpu.Shift(&e.x, e.viewRows(b.X.Values(), b.rows(), len(b.Base)), row)
}

// takesShifted reports whether a cell multiplies the batch so.
func (e *Executor) takesShifted(c *cell) bool { return e.training && e.shifted && c.n.shifts() }

func (d *dense) forwardShifted(e *Executor, c *cell) error {
	bias := array{}
	if d.bias {
		bias = c.params[1]
	}
	if err := e.cpu.MatMulShifted(c.out, &e.x, c.params[0].T(), bias); err != nil || !c.n.fused {
		return err
	}
	return e.cpu.Activate(c.out, c.out, c.n.act)
}

// backwardShifted sets the gradients: that of the weights needs the sums of the rows, which are that of the bias.
func (d *dense) backwardShifted(e *Executor, c *cell) error {
	var sums array
	if d.bias {
		sums = c.grads[1]
	} else {
		c.sums = atLeast(c.sums, c.n.size)
		sums = e.viewRows(c.sums, c.n.size)
	}
	if err := e.cpu.SumRows(sums, c.dout, false); err != nil {
		return err
	}
	return e.cpu.MatMulShiftedT(c.grads[0].T(), &e.x, c.dout, sums)
}
