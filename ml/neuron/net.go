package neuron

import (
	"strconv"

	"scalar/bsp/job"
	"scalar/ml/nn"
)

// A Net is layers of neurons, each connected with all of the layer before.
type Net struct {
	Inputs int
	Layers []Layer // the last is the output
	Loss   string  // nn.CrossEntropy, also if empty, of the last layer's outputs as logits; or nn.Squared
}

// A Layer is units of one kind of neuron.
type Layer struct {
	Units  int
	Neuron Neuron
}

// spec returns the net in ml/nn's words, with the place of each layer's dropout. Neurons without
// Batch are dense layers there, for their weights alone: batched says that there are none.
func (n Net) spec() (s *nn.Spec, numbers []int, batched bool, err error) {
	s, batched = &nn.Spec{Input: []int{n.Inputs}, Loss: n.Loss}, true
	for i, l := range n.Layers {
		name := "layer" + strconv.Itoa(i+1)
		if l.Neuron == nil {
			return nil, nil, false, job.Fail(job.FaultInput, "neurons: %s has no neuron", name)
		}
		if c, ok := l.Neuron.(interface{ check() error }); ok {
			if err := c.check(); err != nil {
				return nil, nil, false, job.Fail(job.FaultInput, "neurons: %s: %v", name, err)
			}
		}
		b, ok := l.Neuron.(Batch)
		layer := nn.Layer{Name: name, Type: nn.Dense, Units: l.Units}
		rate := 0.0
		if ok {
			layer.Activation, rate = b.Batch()
		}
		s.Layers = append(s.Layers, layer)
		numbers = append(numbers, nn.MaxLayers+i) // no layer of ml/nn draws these
		batched = batched && ok
		if rate != 0 {
			numbers[i] = len(s.Layers)
			s.Layers = append(s.Layers, nn.Layer{Type: nn.Dropout, Rate: rate})
		}
	}
	return s, numbers, batched, nil
}
