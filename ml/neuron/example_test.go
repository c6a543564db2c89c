package neuron_test

import (
	"fmt"
	"math"

	"scalar/ml/neuron"
	"scalar/ml/nn"
	"scalar/ml/opt"
	"scalar/tensor"
)

// Exclusive or, which no single neuron computes, learnt neuron by neuron.
func Example() {
	cpu, err := tensor.NewCPU(tensor.Config{Cores: 1})
	if err != nil {
		panic(err)
	}
	defer cpu.Close()
	e, err := neuron.NewExecutor(neuron.Net{Inputs: 2, Loss: nn.Squared, Layers: []neuron.Layer{
		{Units: 4, Neuron: tanhNeuron{}},
		{Units: 1, Neuron: neuron.Standard{Activation: "sigmoid"}},
	}}, cpu)
	if err != nil {
		panic(err)
	}
	x, err := tensor.From([]float32{0, 0, 0, 1, 1, 0, 1, 1}, 4, 2)
	if err != nil {
		panic(err)
	}
	g := e.Graph()
	b := nn.Batch{Arena: make([]float32, g.Size()), Grads: make([]float32, g.Size()), X: x, Targets: []float32{0, 1, 1, 0}, Scale: 1}
	g.Init(b.Arena, 1)
	adam, err := opt.New(opt.Config{Name: opt.Adam, Rate: 0.05})
	if err != nil {
		panic(err)
	}
	slots := [][]float32{make([]float32, g.Size()), make([]float32, g.Size())}
	for step := range 500 {
		if _, err := e.Train(b); err != nil {
			panic(err)
		}
		if err := adam.Update(cpu, opt.Range{Weights: b.Arena, Grads: b.Grads, Slots: slots}, step, 500); err != nil {
			panic(err)
		}
	}
	out, err := e.Infer(b.Arena, x)
	if err != nil {
		panic(err)
	}
	for r := range 4 {
		fmt.Printf("%v xor %v = %.0f\n", x.At(r, 0), x.At(r, 1), out.At(r, 0))
	}
	fmt.Println("in products:", e.Batched())
	// Output:
	// 0 xor 0 = 0
	// 0 xor 1 = 1
	// 1 xor 0 = 1
	// 1 xor 1 = 0
	// in products: false
}

// A tanhNeuron is a neuron as a user writes it.
type tanhNeuron struct{}

func (tanhNeuron) Forward(c *neuron.Context, in []neuron.Synapse) {
	sum := float32(0)
	for _, m := range in {
		sum += m.Input * m.Weight
	}
	c.Feed(float32(math.Tanh(float64(sum))))
}

func (tanhNeuron) Backward(c *neuron.Context, up []neuron.Synapse) {
	gradient := float32(0)
	for _, m := range up {
		gradient += m.Delta * m.Weight
	}
	gradient *= 1 - c.Output()*c.Output()
	c.Backpropagate(gradient)
	for i, m := range c.In() {
		c.Push(i, gradient*m.Input)
	}
}
