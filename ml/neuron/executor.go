package neuron

import (
	"fmt"

	"scalar/ml/nn"
	"scalar/tensor"
)

// An Executor runs a net of neurons. It belongs to one goroutine at a time, and so does its CPU.
type Executor struct {
	net     Net
	graph   *nn.Graph
	cpu     *tensor.CPU
	batched *nn.Executor // nil: neuron by neuron
	numbers []int        // of dropouts

	layers  []layer
	outputs []float32 // of all rows
	losses  []float32 // their gradients
	batch   nn.Batch
}

// A layer is what the neurons of a layer have, of one row.
type layer struct {
	contexts []Context
	weights  []float32 // [units, inputs]
	bias     []float32
	grads    [2][]float32
	up       []Synapse // to one neuron
	pushes   []float32 // of one neuron; the last is the bias's
}

// NewExecutor returns an executor for a net. What is wrong with the net is a *job.Failure of
// kind FaultInput.
func NewExecutor(n Net, cpu *tensor.CPU) (*Executor, error) {
	spec, numbers, batched, err := n.spec()
	if err != nil {
		return nil, err
	}
	g, err := nn.Compile(spec)
	if err != nil {
		return nil, err
	}
	e := &Executor{net: n, graph: g, cpu: cpu, numbers: numbers}
	if batched {
		e.batched = nn.NewExecutor(g, cpu)
		return e, nil
	}
	e.layers = make([]layer, len(n.Layers))
	inputs := n.Inputs
	for i, l := range n.Layers {
		up := 1
		if i+1 < len(n.Layers) {
			up = n.Layers[i+1].Units
		}
		contexts := make([]Context, l.Units)
		for u := range contexts {
			contexts[u] = Context{Layer: i, Unit: u, number: numbers[i], in: make([]Synapse, inputs+1)}
		}
		e.layers[i] = layer{contexts: contexts, up: make([]Synapse, up), pushes: make([]float32, inputs+1)}
		inputs = l.Units
	}
	return e, nil
}

// Graph returns the net's weights, and, where Batched says so, the net.
func (e *Executor) Graph() *nn.Graph { return e.graph }

// Batched reports whether all neurons have [Batch], so that ml/nn runs the net.
func (e *Executor) Batched() bool { return e.batched != nil }

// Train computes the loss and the gradients of a batch, as [nn.Executor.Train] does.
func (e *Executor) Train(b nn.Batch) (nn.Loss, error) {
	if e.batched != nil {
		return e.batched.Train(b)
	}
	if err := e.graph.CheckBatch(&b); err != nil {
		return nn.Loss{}, err
	}
	e.batch = b
	clear(b.Grads)
	e.use(b.Arena, 0)
	e.use(b.Grads, 1)
	if b.X.Dim(0) == 0 {
		return nn.Loss{Finite: true}, nil
	}
	outputs, err := e.forward(b.X, &e.batch)
	if err != nil {
		return nn.Loss{}, err
	}
	gradient, err := tensor.From(resize(&e.losses, outputs.Len()), outputs.Dim(0), outputs.Dim(1))
	if err != nil {
		return nn.Loss{}, err
	}
	loss, err := b.Lose(e.cpu, e.graph.Loss(), gradient, outputs)
	if err != nil {
		return nn.Loss{}, err
	}
	for r := range b.X.Dim(0) { // forward again: a neuron keeps no row
		e.row(b.X, r, &e.batch)
		e.back(gradient.Row(r).Values())
	}
	return loss, nil
}

// Infer computes the outputs of rows, as [nn.Executor.Infer] does.
func (e *Executor) Infer(arena []float32, x tensor.Dense[float32]) (tensor.Dense[float32], error) {
	if e.batched != nil {
		return e.batched.Infer(arena, x)
	}
	if len(arena) != e.graph.Size() || x.Rank() != 2 || x.Dim(1) != e.graph.Features() || !x.Contiguous() {
		return tensor.Dense[float32]{}, fmt.Errorf("neurons: an arena of %d values and rows %v: want %d, and %d features", len(arena), x, e.graph.Size(), e.graph.Features())
	}
	e.use(arena, 0)
	return e.forward(x, nil)
}

// use finds the layers' weights, or their gradients, in an arena.
func (e *Executor) use(arena []float32, grads int) {
	i := 0
	for _, values := range e.graph.Arrays(arena) {
		l := &e.layers[i/2]
		switch {
		case grads > 0:
			l.grads[i%2] = values
		case i%2 == 0:
			l.weights = values
		default:
			l.bias = values
		}
		i++
	}
}

// forward returns the outputs of all rows; in training, draw has the keys of draws.
func (e *Executor) forward(x tensor.Dense[float32], draw *nn.Batch) (tensor.Dense[float32], error) {
	rows, n := x.Dim(0), e.graph.Outputs()
	values := resize(&e.outputs, rows*n)
	for r := range rows {
		e.row(x, r, draw)
		for u, c := range e.layers[len(e.layers)-1].contexts {
			values[r*n+u] = c.output
		}
	}
	return tensor.From(values, rows, n)
}

// row takes a row forward.
func (e *Executor) row(x tensor.Dense[float32], r int, draw *nn.Batch) {
	features := e.graph.Features()
	input := x.Values()[r*features:][:features]
	for i := range e.layers {
		l := &e.layers[i]
		inputs := len(l.pushes) - 1
		for u := range l.contexts {
			c := &l.contexts[u]
			c.Training, c.draw, c.Row, c.Step = draw != nil, draw, r, 0
			if draw != nil {
				c.Row, c.Step = draw.Row+r, draw.Step
			}
			for k := range inputs {
				c.in[k].Weight = l.weights[u*inputs+k]
				if i == 0 {
					c.in[k].Input = input[k]
				} else {
					c.in[k].Input = e.layers[i-1].contexts[k].output
				}
			}
			c.in[inputs] = Synapse{Input: 1, Weight: l.bias[u]}
			e.net.Layers[i].Neuron.Forward(c, c.in)
		}
	}
}

// back takes the gradient of a row's outputs backward.
func (e *Executor) back(gradient []float32) {
	for i := len(e.layers) - 1; i >= 0; i-- {
		l := &e.layers[i]
		inputs := len(l.pushes) - 1
		for u := range l.contexts {
			c := &l.contexts[u]
			if i == len(e.layers)-1 {
				l.up[0] = Synapse{Delta: gradient[u], Weight: 1}
			} else {
				above := &e.layers[i+1]
				for k := range above.contexts {
					l.up[k] = Synapse{Delta: above.contexts[k].gradient, Weight: above.weights[k*len(l.contexts)+u]}
				}
			}
			clear(l.pushes)
			c.gradient, c.pushes = 0, l.pushes
			e.net.Layers[i].Neuron.Backward(c, l.up)
			for k, g := range l.pushes[:inputs] {
				l.grads[0][u*inputs+k] += g
			}
			l.grads[1][u] += l.pushes[inputs]
		}
	}
}

// resize returns n values of a slice that grows.
func resize(s *[]float32, n int) []float32 {
	if cap(*s) < n {
		*s = make([]float32, n)
	}
	*s = (*s)[:n]
	return *s
}
