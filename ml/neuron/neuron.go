package neuron

import "scalar/ml/nn"

// A Synapse is a connection, seen from one of its neurons.
type Synapse struct {
	// Input is what the neuron before has given: of a Forward's synapses, and of
	// [Context.In].
	Input float32
	// Delta is the gradient that the neuron behind has backpropagated: of a Backward's synapses.
	Delta float32
	// Weight is the connection's.
	Weight float32
}

// A Neuron is what each unit of a layer does. It is used by one goroutine at a time, for all
// units of its layer, and keeps nothing of one row for the next.
type Neuron interface {
	// Forward takes what the layer before has given, and calls [Context.Feed]. The last
	// synapse is the bias.
	Forward(c *Context, in []Synapse)
	// Backward takes what the layer behind wants to change, and calls [Context.Backpropagate],
	// and [Context.Push] for each weight of its own that is to learn. A neuron of the last
	// layer has one synapse: the gradient of the loss, with weight 1.
	Backward(c *Context, up []Synapse)
}

// Batch is what a neuron may have besides: the same for whole batches, by products of matrices.
type Batch interface {
	// Batch returns what ml/nn computes after the weighted sum: an activation, as in net files,
	// or none; and the rate of a dropout behind it, or 0.
	Batch() (activation string, dropout float64)
}

// A Context is one neuron at work on one row.
type Context struct {
	Layer, Unit int    // from 0
	Row         int    // in the whole step's batch
	Step        uint64 // of training
	Training    bool   // false in inference

	in       []Synapse
	output   float32
	gradient float32
	pushes   []float32
	draw     *nn.Batch // nil in inference
	number   int       // of its dropout among the net's layers
}

// Feed sets what the neuron gives to the layer behind.
func (c *Context) Feed(output float32) { c.output = output }

// Output returns what the neuron has given.
func (c *Context) Output() float32 { return c.output }

// In returns the synapses that Forward has got, valid until the end of the call.
func (c *Context) In() []Synapse { return c.in }

// Backpropagate sets the gradient of the loss by the neuron's weighted sum: the Delta that the
// layer before gets.
func (c *Context) Backpropagate(gradient float32) { c.gradient = gradient }

// Push adds to the gradient of a weight: that of synapse i of [Context.In]. What a step does
// with the sum over all rows is the optimiser's.
func (c *Context) Push(i int, gradient float32) { c.pushes[i] += gradient }

// Draw returns a number in [0, 1) that is a function of the batch's seed, its step, the row,
// the layer and the unit: 1 in inference.
func (c *Context) Draw() float64 {
	if c.draw == nil {
		return 1
	}
	return nn.Draw(c.draw, c.number, c.Row, c.Unit)
}
