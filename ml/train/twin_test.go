package train_test

import (
	"math"

	"scalar/ml/data"
)

// twin is a net of one hidden layer, in plain float64.
type twin struct {
	in, hidden, out int
	params          [][]float64 // weights and biases of both layers, as the arena has them
	speed           [][]float64
}

func newTwin(in, hidden, out int, params [][]float64) *twin {
	t := &twin{in: in, hidden: hidden, out: out, params: params}
	for _, p := range params {
		t.speed = append(t.speed, make([]float64, len(p)))
	}
	return t
}

// step is one step of descent with momentum; it returns the sum of the losses.
func (t *twin) step(set *data.Set, batch []uint32, rate, momentum float64) (loss float64) {
	grads := make([][]float64, len(t.params))
	for i, p := range t.params {
		grads[i] = make([]float64, len(p))
	}
	row := make([]float32, t.in)
	for _, i := range batch {
		set.Row(row, int(i))
		loss += t.row(row, set.Class(int(i)), grads)
	}
	for i, p := range t.params {
		for j := range p {
			t.speed[i][j] = momentum*t.speed[i][j] + grads[i][j]/float64(len(batch))
			p[j] -= rate * t.speed[i][j]
		}
	}
	return loss
}

// row adds a row's gradients and returns its loss.
func (t *twin) row(x []float32, label int, grads [][]float64) float64 {
	w1, b1, w2, b2 := t.params[0], t.params[1], t.params[2], t.params[3]
	h := make([]float64, t.hidden)
	for i := range h {
		h[i] = b1[i]
		for j, v := range x {
			h[i] += w1[i*t.in+j] * float64(v)
		}
		h[i] = max(h[i], 0)
	}
	z, sum := make([]float64, t.out), 0.0
	for i := range z {
		z[i] = b2[i]
		for j, v := range h {
			z[i] += w2[i*t.hidden+j] * v
		}
		sum += math.Exp(z[i])
	}
	dh := make([]float64, t.hidden)
	for i := range z {
		d := math.Exp(z[i]) / sum
		if i == label {
			d--
		}
		grads[3][i] += d
		for j, v := range h {
			grads[2][i*t.hidden+j] += d * v
			dh[j] += d * w2[i*t.hidden+j]
		}
	}
	for i, d := range dh {
		if h[i] == 0 {
			continue
		}
		grads[1][i] += d
		for j, v := range x {
			grads[0][i*t.in+j] += d * float64(v)
		}
	}
	return math.Log(sum) - z[label]
}
