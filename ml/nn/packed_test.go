package nn_test

import (
	"fmt"
	"math"
	"testing"

	"scalar/ml/nn"
)

// bits are the outputs of rows, as numbers that differ where a bit does.
func bits(t *testing.T, out array, err error) (all []uint32) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range out.Values() {
		all = append(all, math.Float32bits(x))
	}
	return all
}

// TestRows checks that a row's outputs have the same bits alone and in any batch, of packed
// weights or not, on any number of cores.
func TestRows(t *testing.T) {
	const rows = 29
	for name, spec := range nets() {
		t.Run(name, func(t *testing.T) {
			g := compile(t, spec)
			e := draw(t, g, newRand(), rows)
			x := nn.NewExecutor(g, cpu(t, 1))
			out, err := x.Infer(e.Arena, e.X)
			want := bits(t, out, err)
			three := cpu(t, 3)
			y := nn.NewExecutor(g, three)
			w, err := g.Pack(three, e.Arena)
			if err != nil {
				t.Fatal(err)
			}
			n := g.Outputs()
			for _, size := range []int{1, 2, 7, 16, rows} {
				for from := 0; from < rows; from += size {
					part := e.X.Slice(0, from, min(from+size, rows))
					alone := fmt.Sprint(want[from*n : min(from+size, rows)*n])
					plain, err := y.Infer(e.Arena, part)
					if got := fmt.Sprint(bits(t, plain, err)); got != alone {
						t.Fatalf("rows from %d, %d of them: %s, want %s", from, size, got, alone)
					}
					packed, err := y.InferPacked(w, part)
					if got := fmt.Sprint(bits(t, packed, err)); got != alone {
						t.Fatalf("rows from %d, %d of them, packed: %s, want %s", from, size, got, alone)
					}
				}
			}
			for i := range e.Arena { // packed weights are a copy
				e.Arena[i] = 0
			}
			packed, err := y.InferPacked(w, e.X)
			if got := fmt.Sprint(bits(t, packed, err)); got != fmt.Sprint(want) {
				t.Error("packed weights change with the arena")
			}
			one := e.X.Slice(0, 0, 1)
			if a := testing.AllocsPerRun(5, func() {
				if _, err := y.InferPacked(w, one); err != nil {
					t.Fatal(err)
				}
			}); a > 0 {
				t.Errorf("a row allocates %v times", a)
			}
		})
	}
}

// TestInputAgain checks that an executor whose input is in the memory of the last one sees what is there now, after a
// step of training too.
func TestInputAgain(t *testing.T) {
	for name, spec := range nets() {
		t.Run(name, func(t *testing.T) {
			g := compile(t, spec)
			e := draw(t, g, newRand(), 4)
			infer := func(x *nn.Executor, rows array) string {
				out, err := x.Infer(e.Arena, rows)
				return fmt.Sprint(bits(t, out, err))
			}
			fresh := func(rows array) string { return infer(nn.NewExecutor(g, cpu(t, 1)), rows) }
			x, one := nn.NewExecutor(g, cpu(t, 1)), e.X.Slice(0, 0, 1)
			infer(x, one)
			copy(one.Values(), e.X.Slice(0, 1, 2).Values())
			if got, want := infer(x, one), fresh(one); got != want {
				t.Errorf("another row in the same memory: %s, want %s", got, want)
			}
			for range 2 {
				if got, want := infer(x, e.X), fresh(e.X); got != want {
					t.Errorf("all rows: %s, want %s", got, want)
				}
				if _, err := x.Train(e.Batch); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestPackErrors checks that weights of another net are refused.
func TestPackErrors(t *testing.T) {
	g, other := compile(t, nn.MLP(3, nil, 2)), compile(t, nn.MLP(3, nil, 2))
	c := cpu(t, 1)
	if _, err := g.Pack(c, make([]float32, 3)); err == nil {
		t.Error("an arena of 3 values is packed")
	}
	w, err := other.Pack(c, make([]float32, other.Size()))
	if err != nil {
		t.Fatal(err)
	}
	x := nn.NewExecutor(g, c)
	if _, err := x.InferPacked(w, array{}); err == nil {
		t.Error("weights of another graph are taken")
	}
	if _, err := x.Infer(make([]float32, 3), array{}); err == nil {
		t.Error("an arena of 3 values is taken")
	}
}

// TestProbabilities checks that probabilities are the softmax of logits, and only with
// cross-entropy.
func TestProbabilities(t *testing.T) {
	for _, loss := range []string{nn.CrossEntropy, nn.Squared} {
		g := compile(t, net([]int{3}, loss, nn.Layer{Type: nn.Dense, Units: 4}))
		e := draw(t, g, newRand(), 5)
		x := nn.NewExecutor(g, cpu(t, 1))
		out, err := x.Infer(e.Arena, e.X)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Probabilities(out); err != nil {
			t.Fatal(err)
		}
		for r, z := range newTwin(g, e.Arena).output(e.x) {
			total := 0.0
			for _, v := range z {
				total += math.Exp(v)
			}
			for k, v := range z {
				want := v
				if loss == nn.CrossEntropy {
					want = math.Exp(v) / total
				}
				if math.Abs(float64(out.At(r, k))-want) > 1e-6 {
					t.Errorf("%s: row %d, output %d: %v, want %v", loss, r, k, out.At(r, k), want)
				}
			}
		}
	}
}
