package linear_test

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"scalar/ml/data"
	"scalar/ml/linear"
)

// example is rows of a few features, of which many are 0, and labels of so many classes.
type example struct {
	x [][]float64
	y []int
}

func newExample(rows, features, classes int, offset float64) example {
	r := rand.New(rand.NewPCG(uint64(rows), uint64(features)))
	var e example
	for range rows {
		x, y, best := make([]float64, features), 0, math.Inf(-1)
		for j := range x {
			if r.Float64() < 0.6 {
				x[j] = float64(float32(offset + r.NormFloat64()*float64(1+j)))
			}
		}
		for c := range classes {
			z := r.NormFloat64()
			for j := c; j < features; j += classes {
				z += (x[j] - offset) / float64(1+j)
			}
			if z > best {
				best, y = z, c
			}
		}
		e.x, e.y = append(e.x, x), append(e.y, y)
	}
	return e
}

// shift moves a column far from 0, more than its deviation.
func (e example) shift(column int) {
	for _, x := range e.x {
		x[column] = float64(float32(5000 + x[column]/100))
	}
}

// file writes the rows as CSV or LIBSVM.
func (e example) file(tb testing.TB, sparse bool) string {
	tb.Helper()
	var b strings.Builder
	for i, x := range e.x {
		if sparse {
			b.WriteString("k" + strconv.Itoa(e.y[i]))
		}
		for j, v := range x {
			switch {
			case !sparse:
				b.WriteString(strconv.FormatFloat(v, 'g', -1, 64) + ",")
			case v != 0 || i == 0:
				b.WriteString(" " + strconv.Itoa(j+1) + ":" + strconv.FormatFloat(v, 'g', -1, 64))
			}
		}
		if !sparse {
			b.WriteString("k" + strconv.Itoa(e.y[i]))
		}
		b.WriteByte('\n')
	}
	name := filepath.Join(tb.TempDir(), map[bool]string{true: "a.libsvm", false: "a.csv"}[sparse])
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}

// input says how the file is read.
func (e example) input(sparse bool) data.Input {
	if sparse {
		return data.Input{Format: data.LIBSVM, Scale: data.None}
	}
	return data.Input{Format: data.CSV, Scale: data.None, Header: data.HeaderNo}
}

func (e example) set(tb testing.TB, sparse bool) *data.Set {
	tb.Helper()
	in := e.input(sparse)
	in.URL, in.Target = e.file(tb, sparse), data.Classes
	set, _, err := data.Load(tb.Context(), in)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

// loss is the mean loss of softmax with a penalty and its gradient, as in books: model has
// free weights for each feature, then free intercepts; the outputs before first are 0.
func (e example) loss(set *data.Set, f linear.Form, model []float64, l2 float64) (float64, []float64) {
	free, sum, g := f.Free(), 0.0, make([]float64, len(model))
	for i, x := range e.x {
		z := make([]float64, f.Outputs)
		for c := range free {
			z[f.First+c] = model[f.Features*free+c]
			for j, v := range x {
				z[f.First+c] += v * model[j*free+c]
			}
		}
		most, total := math.Inf(-1), 0.0
		for _, v := range z {
			most = math.Max(most, v)
		}
		for _, v := range z {
			total += math.Exp(v - most)
		}
		label := set.Class(i)
		sum += most + math.Log(total) - z[label]
		for c := range free {
			d := math.Exp(z[f.First+c]-most) / total
			if f.First+c == label {
				d--
			}
			for j, v := range x {
				g[j*free+c] += d * v / float64(len(e.x))
			}
			g[f.Features*free+c] += d / float64(len(e.x))
		}
	}
	sum /= float64(len(e.x))
	for i, w := range model[:f.Features*free] {
		sum += l2 * w * w / 2
		g[i] += l2 * w
	}
	return sum, g
}

// same fails unless a model is another one, up to rounding.
func same(t *testing.T, got, want []float64) {
	t.Helper()
	for i, v := range got {
		if math.Abs(v-want[i]) > 1e-9*(1+math.Abs(want[i])) {
			t.Fatalf("number %d is %g, want %g", i, v, want[i])
		}
	}
}

// TestObjective compares losses and gradients with those of books, by the chain rule through
// the change of variables, and goes there and back.
func TestObjective(t *testing.T) {
	for _, c := range []struct {
		name    string
		classes int
		first   int
		sparse  bool
		offset  float64
		within  float64
	}{
		{"softmax", 4, 0, false, 0, 1e-5},
		{"softmax, sparse", 4, 0, true, 0, 1e-5},
		{"softmax, far from 0", 4, 0, false, 300, 1e-4},
		{"logistic", 2, 1, false, 0, 1e-9},
		{"logistic, sparse", 2, 1, true, 0, 1e-5},
		{"logistic, far from 0", 2, 1, false, 300, 1e-7},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newExample(700, 9, c.classes, c.offset)
			if c.offset > 0 {
				e.shift(2)
			}
			set := e.set(t, c.sparse)
			f := linear.Form{Features: 9, Outputs: c.classes, First: c.first}
			goal, sums := linear.NewGoal(newCPU(t), set, f, 0.3)
			if goal.Shifted() != (c.offset > 0 && c.first == 0) {
				t.Fatalf("shifted: %v", goal.Shifted())
			}
			model, r := make([]float64, f.Size()), rand.New(rand.NewPCG(1, 1))
			for i := range model {
				model[i] = 0.1 * r.NormFloat64()
			}
			for c := range f.Free() { // keep outputs moderate
				for j := range 9 {
					model[9*f.Free()+c] -= model[j*f.Free()+c] * sums[j] / 700
				}
			}
			point := goal.Point(model)
			same(t, goal.Model(point), model)
			loss, g, err := goal.Evaluate(point)
			if err != nil {
				t.Fatal(err)
			}
			want, _ := e.loss(set, f, model, 0.3)
			if d := math.Abs(loss - want); d > c.within*want {
				t.Errorf("loss %.9g is off by %g", loss, d)
			}
			for i := range point { // the slope along each variable, of the book's loss
				const h = 1e-5
				at := func(by float64) float64 {
					moved := append([]float64(nil), point...)
					moved[i] += by
					loss, _ := e.loss(set, f, goal.Model(moved), 0.3)
					return loss
				}
				if slope := (at(h) - at(-h)) / (2 * h); math.Abs(g[i]-slope) > c.within*10*(0.1+math.Abs(slope)) {
					t.Errorf("slope %d is %.9g, by differences %.9g", i, g[i], slope)
				}
			}
		})
	}
}
