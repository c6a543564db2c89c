package linear_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"scalar/ml/linear"
	"scalar/tensor"
)

func newCPU(tb testing.TB) *tensor.CPU {
	tb.Helper()
	cpu, err := tensor.NewCPU(tensor.Config{Cores: 1})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(cpu.Close)
	return cpu
}

// solve solves normal equations as the program does.
func solve(tb testing.TB, x [][]float32, y []float64, l2 float64) linear.Fit {
	tb.Helper()
	f := len(x[0])
	means := make([]float64, f+1)
	for i, row := range x {
		for j, v := range row {
			means[j] += float64(v) / float64(len(x))
		}
		means[f] += y[i] / float64(len(x))
	}
	g := linear.NewGram(newCPU(tb), means)
	for i, row := range x {
		if err := g.Add(row, y[i]); err != nil {
			tb.Fatal(err)
		}
	}
	sums, err := g.Sums()
	if err != nil {
		tb.Fatal(err)
	}
	fit, err := linear.Solve(sums, means, len(x), l2)
	if err != nil {
		tb.Fatal(err)
	}
	return fit
}

// exact solves the equations (XᵀX + l2·n·I)w = Xᵀy, with a column of ones that is not
// penalised, in numbers of 300 bits by Gauss's elimination.
func exact(x [][]float32, y []float64, l2 float64) []float64 {
	f := len(x[0]) + 1
	number := func(v float64) *big.Float { return new(big.Float).SetPrec(300).SetFloat64(v) }
	a := make([][]*big.Float, f)
	for i := range a {
		a[i] = make([]*big.Float, f+1)
		for j := range a[i] {
			a[i][j] = number(0)
		}
		if i < f-1 {
			a[i][i] = number(l2 * float64(len(x)))
		}
	}
	for r, row := range x {
		z := make([]*big.Float, 0, f+1)
		for _, v := range row {
			z = append(z, number(float64(v)))
		}
		z = append(z, number(1), number(y[r]))
		for i := range f {
			for j := range f + 1 {
				a[i][j].Add(a[i][j], number(0).Mul(z[i], z[j]))
			}
		}
	}
	for i := range f {
		for k := range f {
			if k == i {
				continue
			}
			q := number(0).Quo(a[k][i], a[i][i])
			for j := i; j <= f; j++ {
				a[k][j].Sub(a[k][j], number(0).Mul(q, a[i][j]))
			}
		}
	}
	w := make([]float64, f)
	for i := range w {
		w[i], _ = number(0).Quo(a[i][f], a[i][i]).Float64()
	}
	return w
}

// measurements are rows of columns that go together, in units far apart.
func measurements(n, f int, seed uint64) (x [][]float32, y []float64) {
	r := rand.New(rand.NewPCG(seed, 2))
	for range n {
		common, row, target := r.NormFloat64(), make([]float32, f), 150.0
		for j := range row {
			row[j] = float32(math.Pow(10, float64(j%5-2)) * (100 + 10*common + r.NormFloat64()*float64(j+1)))
			target += float64(row[j]) * math.Pow(10, -float64(j%5-2)) * float64(j%3-1)
		}
		x, y = append(x, row), append(y, target+50*r.NormFloat64())
	}
	return x, y
}

func TestSolve(t *testing.T) {
	for _, l2 := range []float64{0, 0.1, 10} {
		x, y := measurements(442, 10, 1)
		fit, want := solve(t, x, y, l2), exact(x, y, l2)
		for j, w := range append(fit.Weights, fit.Intercept) {
			if math.Abs(w-want[j]) > 1e-8*(1e-3+math.Abs(want[j])) {
				t.Errorf("l2=%g: weight %d is %.12g, want %.12g", l2, j, w, want[j])
			}
		}
		if got, want := fit.Error, squaredError(x, y, fit); math.Abs(got-want) > 1e-8*want || fit.Dependent != 0 {
			t.Errorf("l2=%g: error %.12g, want %.12g; %d dependent", l2, got, want, fit.Dependent)
		}
	}
}

func squaredError(x [][]float32, y []float64, fit linear.Fit) float64 {
	sum := 0.0
	for i, row := range x {
		z := fit.Intercept - y[i]
		for j, v := range row {
			z += float64(v) * fit.Weights[j]
		}
		sum += z * z
	}
	return sum
}

// TestSolveDependent: columns that are constant or sums of others leave the predictions those
// of the columns without them.
func TestSolveDependent(t *testing.T) {
	x, y := measurements(300, 4, 3)
	more := make([][]float32, 0, len(x))
	for i, row := range x {
		a, b := float32(i%2), float32(1-i%2) // categories, with a feature each
		more = append(more, append(append([]float32(nil), row...), 7, row[2], row[2], a, b))
	}
	plain := make([][]float32, 0, len(x))
	for i, row := range x {
		plain = append(plain, append(append([]float32(nil), row...), float32(i%2)))
	}
	want := solve(t, plain, y, 0)
	fit := solve(t, more, y, 0)
	if fit.Dependent != 4 {
		t.Errorf("%d features depend on others, want 4", fit.Dependent)
	}
	if got, want := squaredError(more, y, fit), squaredError(plain, y, want); math.Abs(got-want) > 1e-6*want {
		t.Errorf("error %.12g, without the columns that depend on others %.12g", got, want)
	}
	if w := fit.Weights; w[4] != 0 || math.Abs(w[5]-w[6]) > 1e-4*math.Abs(w[5]) || math.Abs(w[2]-w[5]) > 1e-4*math.Abs(w[5]) {
		t.Errorf("weights %g: a constant has none, and equal columns the same", w)
	}
}

func TestSolveNotFinite(t *testing.T) {
	sums := make([]float64, linear.GramLen(1))
	sums[0] = math.Inf(1)
	if _, err := linear.Solve(sums, []float64{0, 0}, 3, 0); err == nil {
		t.Error("infinite sums are accepted")
	}
}
