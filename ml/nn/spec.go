package nn

import "slices"

// A Spec describes a net. It is what net files and model.json hold; [Compile] checks it.
type Spec struct {
	// Input is the shape of one row: [features], or [channels, height, width]. A net file
	// may leave it to the data: [Spec.WithOutputs].
	Input  []int   `json:"input,omitempty" yaml:"input"`
	Layers []Layer `json:"layers" yaml:"layers"`
	Loss   string  `json:"loss,omitempty" yaml:"loss"` // cross-entropy, also if empty, or squared
}

// The losses.
const (
	// CrossEntropy is -log softmax(logits)[label] of each row, in nats.
	CrossEntropy = "cross-entropy"
	// Squared is half of Σ (output - target)² of each row.
	Squared = "squared"
)

// Types of layers, of which the last four are also activations of other layers.
const (
	Dense     = "dense"
	Conv2D    = "conv2d"
	MaxPool   = "maxpool"
	AvgPool   = "avgpool"
	Flatten   = "flatten"
	Dropout   = "dropout"
	BatchNorm = "batchnorm"
	Embedding = "embedding"
	Add       = "add"
	Concat    = "concat"
	ReLU      = "relu"
	Sigmoid   = "sigmoid"
	Tanh      = "tanh"
	GELU      = "gelu"
)

// Types returns the types of layers.
func Types() []string {
	return []string{Dense, Conv2D, MaxPool, AvgPool, Flatten, Dropout, BatchNorm, Embedding, Add, Concat, ReLU, Sigmoid, Tanh, GELU}
}

// Softmax is the activation of outputs that cross-entropy has in it.
const Softmax = "softmax"

// InputName is what layers call the net's input in From.
const InputName = "input"

// A Layer is one layer. Which fields count depends on its type; docs/nets.md lists them.
type Layer struct {
	Name string `json:"name,omitempty" yaml:"name"` // letters, digits, - and _; empty: the type and a number
	Type string `json:"type" yaml:"type"`
	// From names the layers whose values it takes; empty: the layer before, of the first the
	// input.
	From []string `json:"from,omitempty" yaml:"from"`

	Units  int  `json:"units,omitempty" yaml:"units"`     // of dense: outputs; of embedding: values per index
	NoBias bool `json:"no_bias,omitempty" yaml:"no_bias"` // of dense and conv2d

	Filters int  `json:"filters,omitempty" yaml:"filters"` // of conv2d: channels of its output
	Kernel  Pair `json:"kernel,omitzero" yaml:"kernel"`    // of conv2d
	Window  Pair `json:"window,omitzero" yaml:"window"`    // of maxpool and avgpool
	Stride  Pair `json:"stride,omitzero" yaml:"stride"`    // 0: 1 for conv2d, the window for pooling
	Pad     Pair `json:"pad,omitzero" yaml:"pad"`          // of conv2d: zeros on either side

	Rate float64 `json:"rate,omitempty" yaml:"rate"` // of dropout: the share that is dropped, [0, 1)

	Momentum float64 `json:"momentum,omitempty" yaml:"momentum"` // of batchnorm: (0, 1]; 0: 0.1
	Epsilon  float64 `json:"epsilon,omitempty" yaml:"epsilon"`   // of batchnorm: above 0, up to 1; 0: 1e-5

	Vocabulary int `json:"vocabulary,omitempty" yaml:"vocabulary"` // of embedding: indices are below it

	// Activation is applied to what dense, conv2d, batchnorm and add give: relu, sigmoid, tanh
	// or gelu. On the output of a net with cross-entropy it may be softmax, which the loss has
	// in it anyway.
	Activation string `json:"activation,omitempty" yaml:"activation"`
}

// A Pair is a size down and across. In a net file, one number stands for both.
type Pair [2]int

// MLP returns a multi-layer perceptron: dense layers with ReLU of the hidden sizes, then a
// dense layer, and cross-entropy. Without hidden layers it is softmax regression.
func MLP(features int, hidden []int, outputs int) *Spec {
	s := &Spec{Input: []int{features}, Loss: CrossEntropy}
	for i, units := range hidden {
		s.Layers = append(s.Layers, Layer{Name: numbered("hidden", i+1), Type: Dense, Units: units, Activation: ReLU})
	}
	s.Layers = append(s.Layers, Layer{Name: "output", Type: Dense, Units: outputs})
	return s
}

// LeNet5 returns the convolutional net of LeCun et al. (Gradient-based learning applied to
// document recognition, Proc. IEEE 86(11), 1998, figure 2) as it is used today: for images
// of 28×28, all of conv2 connected, ReLU, max pooling and cross-entropy.
func LeNet5(outputs int) *Spec {
	return &Spec{Input: []int{1, 28, 28}, Loss: CrossEntropy, Layers: []Layer{
		{Name: "conv1", Type: Conv2D, Filters: 6, Kernel: Pair{5, 5}, Pad: Pair{2, 2}, Activation: ReLU},
		{Name: "pool1", Type: MaxPool, Window: Pair{2, 2}},
		{Name: "conv2", Type: Conv2D, Filters: 16, Kernel: Pair{5, 5}, Activation: ReLU},
		{Name: "pool2", Type: MaxPool, Window: Pair{2, 2}},
		{Name: "flatten", Type: Flatten},
		{Name: "dense1", Type: Dense, Units: 120, Activation: ReLU},
		{Name: "dense2", Type: Dense, Units: 84, Activation: ReLU},
		{Name: "output", Type: Dense, Units: outputs},
	}}
}

// clone returns a copy that shares nothing.
func (s *Spec) clone() *Spec {
	c := &Spec{Input: slices.Clone(s.Input), Layers: slices.Clone(s.Layers), Loss: s.Loss}
	for i := range c.Layers {
		c.Layers[i].From = slices.Clone(c.Layers[i].From)
	}
	return c
}
