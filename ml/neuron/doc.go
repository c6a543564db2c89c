// Package neuron describes nets neuron by neuron, as Apache Horn does: what one neuron does with
// what its synapses bring, forward and backward.
//
//	Net{Inputs, Layers of Neuron} ─ NewExecutor ─▶ Train(batch): loss, gradients;  Infer(rows)
//	                                    │
//	             all neurons have Batch │ else
//	                 ml/nn: products ◀──┴──▶ each neuron of each row by itself
//
// A [Neuron] is called for each unit of a layer and each row, with a [Context] of its own: one
// synapse for each neuron of the layer before, and one for the bias, whose input is 1. It shows
// how nets learn, and tries out neurons of other kinds. A neuron that has [Batch] says which
// layers of ml/nn compute the same; a net of such neurons runs as they do, some thousand times
// faster, and can be kept as a model. Both ways have the same weights at the same places, and
// agree within rounding. Neuron by neuron, exp and tanh are those of Go, which may differ in a last bit
// between kinds of processors.
//
// Weights are [nn.Graph]'s of dense layers: LAYER.weight [units, inputs] and LAYER.bias, where
// layers are called layer1, layer2 and so on. They are changed by ml/opt, not by neurons.
package neuron
