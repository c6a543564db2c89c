package nn

import (
	"fmt"
	"math"

	"scalar/tensor"
)

// A Batch is what a step of training takes, or a shard of one.
type Batch struct {
	// Arena has the weights, and Grads gets the gradient of Scale · the sum of the rows'
	// losses; both are [Graph.Size] long. Grads is set, not added to. In it, the places of
	// statistics get the batch's own mean and unbiased variance, times the rows · Scale: with
	// Scale 1/rows of the step, the sum over all shards is their mean.
	Arena, Grads []float32
	// Same says that the arena has the values that it had in the last call of Train, as for
	// further shards of a step: what is packed of them is used again.
	Same bool

	X       tensor.Dense[float32] // rows × features, or rows × the net's input; without gaps
	Base    []float32             // a row that most are like in most features; nil: none. See [Graph.Shifts]
	Coded   *tensor.Coded         // instead of X and Base where it is there, of a net and as many rows as [Graph.ShiftsOnly] says
	Labels  []int32               // for cross-entropy, in [0, Outputs)
	Targets []float32             // for squared loss, rows × Outputs, row-major

	Scale float32 // of the loss: 1 / rows of the whole step

	// Dropout draws from a generator keyed by Seed, Step, and the number of the row in the whole
	// step, of which Row is the first.
	Seed, Step uint64
	Row        int
}

// A Loss is what a batch has lost.
type Loss struct {
	Sum    float64 // over rows: nats, or half of the squared error
	Wrong  int     // rows whose largest logit, the first of equals, is not that of the label; with cross-entropy
	Finite bool    // whether Sum is
}

// Train computes the loss and the gradients of a batch. A batch without rows has gradients of
// 0. A label out of range, and an index that an embedding does not have, are a *job.Failure of
// kind FaultInput.
func (e *Executor) Train(b Batch) (Loss, error) {
	if err := e.g.CheckBatch(&b); err != nil {
		return Loss{}, err
	}
	rows := b.rows()
	if rows == 0 {
		clear(b.Grads)
		return Loss{Finite: true}, nil
	}
	if !b.Same || len(e.arena) == 0 || &e.arena[0] != &b.Arena[0] {
		e.version++
	} else {
		e.reuse = true
	}
	e.bind(rows, true)
	if b.Coded == nil {
		e.input(b.X)
	}
	e.use(b.Arena, b.Grads)
	for _, gap := range e.g.gaps {
		clear(b.Grads[gap[0]:gap[1]])
	}
	if err := e.shift(&b); err != nil {
		return Loss{}, err
	}
	e.batch = b
	defer func() { e.batch = Batch{} }()
	if err := e.forward(); err != nil {
		return Loss{}, err
	}
	c := &e.cells[e.g.output]
	loss, err := b.Lose(e.cpu, e.g.spec.Loss, e.viewRows(c.gradient, rows, c.n.size), e.viewRows(c.value, rows, c.n.size))
	if err != nil {
		return Loss{}, err
	}
	return loss, e.backward()
}

// CheckBatch returns what is wrong with the sizes of a batch, as Train does.
func (g *Graph) CheckBatch(b *Batch) error {
	if err := g.checkRows(b); err != nil {
		return err
	}
	rows := b.rows()
	switch {
	case len(b.Arena) != g.size || len(b.Grads) != g.size:
		return fmt.Errorf("net: the arena has %d values and the gradients %d: want %d", len(b.Arena), len(b.Grads), g.size)
	case b.Base != nil && len(b.Base) != g.Features():
		return fmt.Errorf("net: the base has %d values: want %d", len(b.Base), g.Features())
	case g.spec.Loss == CrossEntropy && len(b.Labels) != rows:
		return fmt.Errorf("net: %d labels for %d rows", len(b.Labels), rows)
	case g.spec.Loss == Squared && len(b.Targets) != rows*g.Outputs():
		return fmt.Errorf("net: %d targets for %d rows: want %d each", len(b.Targets), rows, g.Outputs())
	}
	return nil
}

// checkRows returns what is wrong with the rows of a batch.
func (g *Graph) checkRows(b *Batch) error {
	if b.Coded == nil {
		return g.checkInput(b.X)
	}
	if rows, features := b.Coded.Shape(); features != g.Features() || rows > 0 && !g.ShiftsOnly(rows) {
		return fmt.Errorf("net: %d rows of %d bytes: want at least %d of %d, of a net that shifts all that it reads", rows, features, shiftedRows, g.Features())
	}
	return nil
}

// rows returns how many there are.
func (b *Batch) rows() int {
	if b.Coded != nil {
		rows, _ := b.Coded.Shape()
		return rows
	}
	return b.X.Dim(0)
}

// Lose computes the loss of a batch whose outputs are known, [CrossEntropy] or [Squared], and
// sets their gradient; both are rows × outputs without gaps. A label out of range is a
// *job.Failure of kind FaultInput.
func (b *Batch) Lose(cpu *tensor.CPU, kind string, gradient, outputs tensor.Dense[float32]) (loss Loss, err error) {
	if kind == CrossEntropy {
		loss.Wrong = Wrong(outputs, b.Labels)
		loss.Sum, err = cpu.CrossEntropy(gradient, outputs, b.Labels, b.Scale)
		if err != nil {
			return Loss{}, netError("%v", err)
		}
	} else if loss.Sum, err = b.squared(cpu, gradient, outputs); err != nil {
		return Loss{}, err
	}
	loss.Finite = !math.IsInf(loss.Sum, 0) && !math.IsNaN(loss.Sum)
	return loss, nil
}

// squared returns half of the sum of (output - target)² and sets its gradient.
func (b *Batch) squared(cpu *tensor.CPU, grad, out array) (float64, error) {
	targets, err := tensor.From(b.Targets, out.Dim(0), out.Dim(1))
	if err != nil {
		return 0, err
	}
	if err := grad.CopyFrom(out); err != nil {
		return 0, err
	}
	if err := cpu.AddScaled(grad, targets, -1); err != nil {
		return 0, err
	}
	sum, err := cpu.Dot(grad, grad)
	if err != nil {
		return 0, err
	}
	return sum / 2, cpu.Scale(grad, grad, b.Scale)
}

// Wrong counts the rows whose largest logit, the first of equals, is not that of the label.
// NaN is never right.
func Wrong(logits tensor.Dense[float32], labels []int32) (n int) {
	columns := logits.Dim(1)
	values := logits.Values()
	for i, label := range labels {
		if row := values[i*columns:][:columns]; Largest(row) != int(label) {
			n++
		}
	}
	return n
}

// Largest returns the place of the largest value, the first of equals; -1 where one is NaN.
func Largest(row []float32) int {
	at := 0
	for i, x := range row {
		switch {
		case x != x:
			return -1
		case x > row[at]:
			at = i
		}
	}
	return at
}
