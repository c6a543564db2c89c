package nn

import (
	"fmt"

	"scalar/tensor"
)

// Infer computes the outputs of rows, rows × [Graph.Outputs], valid until the next call of the
// executor: logits where the loss is cross-entropy. Dropout does nothing, batch norm takes its
// statistics. x is rows × features, or rows × the net's input, without gaps.
func (e *Executor) Infer(arena []float32, x tensor.Dense[float32]) (tensor.Dense[float32], error) {
	if len(arena) != e.g.size {
		return array{}, arenaError(len(arena), e.g.size)
	}
	if err := e.g.checkInput(x); err != nil {
		return array{}, err
	}
	e.bind(x.Dim(0), false)
	e.use(arena, nil)
	return e.answer(x)
}

func arenaError(has, want int) error {
	return fmt.Errorf("net: the arena has %d values: want %d", has, want)
}

// answer runs the net in inference.
func (e *Executor) answer(x array) (array, error) {
	e.input(x)
	if e.rows > 0 {
		if err := e.forward(); err != nil {
			return array{}, err
		}
	}
	return e.outputs, nil
}

// Probabilities turns what Infer gave into probabilities, in place: softmax of each row where
// the loss is cross-entropy, and nothing else.
func (e *Executor) Probabilities(logits tensor.Dense[float32]) error {
	if e.g.spec.Loss != CrossEntropy {
		return nil
	}
	return e.cpu.Softmax(logits, logits)
}
