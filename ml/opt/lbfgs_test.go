package opt_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/bsp/job"
	"scalar/ml/opt"
)

type function func(x []float64) (loss float64, gradient []float64)

// minimise runs to the end and checks the strong Wolfe conditions of every step, whose
// constants it knows from the book.
func minimise(t *testing.T, c opt.LBFGSConfig, start []float64, f function) (*opt.LBFGS, opt.Status) {
	t.Helper()
	l, err := opt.NewLBFGS(c, slices.Clone(start))
	if err != nil {
		t.Fatal(err)
	}
	x := slices.Clone(start)
	for evaluations := 1; ; evaluations++ {
		if evaluations > 5000 {
			t.Fatal("it does not end")
		}
		loss, gradient := f(l.Point())
		status, err := l.Tell(loss, gradient)
		if err != nil {
			t.Fatal(err)
		}
		if n := l.State().Evaluations; n != evaluations {
			t.Fatalf("%d evaluations, want %d", n, evaluations)
		}
		if now, loss := l.X(); status == opt.Moved || status == opt.Converged && !slices.Equal(now, x) {
			before, g0 := f(x)
			after, g1 := f(now)
			slope0, slope1 := 0.0, 0.0
			for i := range x {
				slope0 += g0[i] * (now[i] - x[i])
				slope1 += g1[i] * (now[i] - x[i])
			}
			exact := math.Abs(slope0) > 1e-13*before // else rounding says nothing
			if after != loss || exact && (after > before+0.9999e-4*slope0 || math.Abs(slope1) > 0.90001*math.Abs(slope0)) {
				t.Fatalf("a step from %v to %v (%v), with slopes %v and %v, breaks Wolfe's conditions", before, after, loss, slope0, slope1)
			}
			x = slices.Clone(now)
		}
		if status == opt.Converged || status == opt.Stalled {
			return l, status
		}
	}
}

// rosenbrock is Σ 100·(x[i+1] - x[i]²)² + (1 - x[i])² (Rosenbrock, The Computer Journal 3(3),
// 1960), least at 1, 1, ….
func rosenbrock(x []float64) (loss float64, g []float64) {
	g = make([]float64, len(x))
	for i := range len(x) - 1 {
		a, b := x[i+1]-x[i]*x[i], 1-x[i]
		loss += 100*a*a + b*b
		g[i] += -400*a*x[i] - 2*b
		g[i+1] += 200 * a
	}
	return loss, g
}

// TestRosenbrock finds the end of the valley.
func TestRosenbrock(t *testing.T) {
	for _, n := range []int{2, 10, 100} {
		start := make([]float64, n)
		for i := range start {
			start[i] = []float64{-1.2, 1}[i%2]
		}
		for _, history := range []int{3, 10} {
			l, status := minimise(t, opt.LBFGSConfig{History: history, Gradient: 1e-8, Decrease: 1e-300}, start, rosenbrock)
			x, loss := l.X()
			for _, v := range x {
				if math.Abs(v-1) > 1e-6 {
					t.Fatalf("%d variables: %v (%s)", n, x, status)
				}
			}
			most := 80
			if n > 2 {
				most = 15 * n
			}
			if e := l.State().Evaluations; status != opt.Converged || loss > 1e-14 || e > most {
				t.Errorf("%d variables: %s at %v after %d evaluations", n, status, loss, e)
			}
		}
	}
}

// problem is a logistic regression with a penalty, of rows that no plane separates.
type problem struct {
	x      [][]float64
	y      []float64 // 1 and -1
	lambda float64
}

func newProblem(r *rand.Rand, rows, features int) *problem {
	p := &problem{lambda: 0.01}
	w := make([]float64, features)
	for k := range w {
		w[k] = r.NormFloat64()
	}
	for range rows {
		x, z := make([]float64, features), 0.0
		for k := range x {
			x[k] = r.NormFloat64() * math.Pow(3, float64(k%3)) // columns of different size
			z += w[k] * x[k] / float64(features)
		}
		y := 1.0
		if r.Float64() > 1/(1+math.Exp(-z)) {
			y = -1
		}
		p.x, p.y = append(p.x, x), append(p.y, y)
	}
	return p
}

func (p *problem) loss(w []float64) (loss float64, g []float64) {
	g = make([]float64, len(w))
	n := float64(len(p.x))
	for i, x := range p.x {
		z := p.y[i] * dot(w, x)
		loss += math.Log1p(math.Exp(-z)) / n
		for k := range g {
			g[k] -= p.y[i] * x[k] / (1 + math.Exp(z)) / n
		}
	}
	for k := range w {
		loss += p.lambda * w[k] * w[k] / 2
		g[k] += p.lambda * w[k]
	}
	return loss, g
}

// newton minimises by Newton's method: another way to the same minimum.
func (p *problem) newton(features int) []float64 {
	w := make([]float64, features)
	for range 30 {
		_, g := p.loss(w)
		h := make([][]float64, features)
		for a := range h {
			h[a] = append(make([]float64, features), g[a])
			h[a][a] += p.lambda
		}
		for i, x := range p.x {
			s := 1 / (1 + math.Exp(-p.y[i]*dot(w, x)))
			for a := range x {
				for b := range x {
					h[a][b] += s * (1 - s) * x[a] * x[b] / float64(len(p.x))
				}
			}
		}
		for a := range h { // Gauss-Jordan; h is positive definite
			for b := range h {
				if f := h[b][a] / h[a][a]; a != b {
					for k := a; k <= features; k++ {
						h[b][k] -= f * h[a][k]
					}
				}
			}
		}
		for a := range w {
			w[a] -= h[a][features] / h[a][a]
		}
	}
	return w
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// TestLogistic compares with the minimum that Newton's method finds.
func TestLogistic(t *testing.T) {
	const features = 9
	p := newProblem(rand.New(rand.NewPCG(1, 2)), 300, features)
	want := p.newton(features)
	if _, g := p.loss(want); slices.ContainsFunc(g, func(x float64) bool { return math.Abs(x) > 1e-12 }) {
		t.Fatalf("the gradient at Newton's minimum is %v", g)
	}
	l, status := minimise(t, opt.LBFGSConfig{Gradient: 1e-8, Decrease: 1e-15}, make([]float64, features), p.loss)
	x, _ := l.X()
	for k := range x {
		if math.Abs(x[k]-want[k]) > 1e-6 {
			t.Errorf("weight %d is %v, want %v", k, x[k], want[k])
		}
	}
	if e := l.State().Evaluations; status != opt.Converged || e > 60 {
		t.Errorf("%s after %d evaluations", status, e)
	}
}

// TestResume checks that a state that was written and read after any evaluation leads to the
// same bits.
func TestResume(t *testing.T) {
	c := opt.LBFGSConfig{History: 4}
	start := []float64{-1.2, 1, -1.2, 1, 0.3}
	whole, _ := minimise(t, c, start, rosenbrock)
	l, err := opt.NewLBFGS(c, slices.Clone(start))
	if err != nil {
		t.Fatal(err)
	}
	for status := opt.Ask; status < opt.Converged; {
		loss, g := rosenbrock(l.Point())
		if status, err = l.Tell(loss, g); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(l.State())
		if err != nil {
			t.Fatal(err)
		}
		var s opt.LBFGSState
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		if l, err = opt.ResumeLBFGS(c, s); err != nil {
			t.Fatal(err)
		}
	}
	x, loss := l.X()
	if want, wantLoss := whole.X(); !slices.Equal(x, want) || loss != wantLoss || l.State().Steps != whole.State().Steps {
		t.Errorf("%v with %v, want %v with %v", x, loss, want, wantLoss)
	}
}

// TestWalls checks that points outside of a function's domain are only too far.
func TestWalls(t *testing.T) {
	barrier := func(x []float64) (float64, []float64) { // x - log x - log(2 - x), outside NaN
		v := 2*x[0] - math.Log(x[0]) - math.Log(2-x[0])
		return v, []float64{2 - 1/x[0] + 1/(2-x[0])}
	}
	for _, start := range []float64{1.999999, 1e-9, 1} {
		l, status := minimise(t, opt.LBFGSConfig{Gradient: 1e-9, Decrease: 1e-300}, []float64{start}, barrier)
		x, _ := l.X()
		if want := (3 - math.Sqrt(5)) / 2; status != opt.Converged || math.Abs(x[0]-want) > 1e-8 { // of 2x² - 6x + 2 = 0
			t.Errorf("from %v: %v, %s, want %v", start, x, status, want)
		}
	}
}

// TestEnds checks how it ends where there is nothing to find.
func TestEnds(t *testing.T) {
	flat := func([]float64) (float64, []float64) { return 3, []float64{0, 0} }
	if l, status := minimise(t, opt.LBFGSConfig{}, []float64{1, 2}, flat); status != opt.Converged || l.State().Evaluations != 1 {
		t.Errorf("a flat function: %s", status)
	}
	wrong := func(x []float64) (float64, []float64) { return x[0] * x[0], []float64{-2 * x[0]} }
	if l, status := minimise(t, opt.LBFGSConfig{}, []float64{1}, wrong); status != opt.Stalled || l.State().Steps != 0 {
		t.Errorf("a wrong gradient: %s", status)
	}
	coarse := func(x []float64) (float64, []float64) { // exact to three digits
		loss, g := rosenbrock(x)
		return math.Round(loss*1e3) / 1e3, g
	}
	l, err := opt.NewLBFGS(opt.LBFGSConfig{}, []float64{-1.2, 1})
	if err != nil {
		t.Fatal(err)
	}
	status := opt.Ask
	for status < opt.Converged {
		loss, g := coarse(l.Point())
		if status, err = l.Tell(loss, g); err != nil || l.State().Evaluations > 1000 {
			t.Fatalf("%v, %d evaluations", err, l.State().Evaluations)
		}
	}
	if _, loss := l.X(); loss > 0.01 {
		t.Errorf("a coarse loss: %s at %v", status, loss)
	}
}

// TestLBFGSErrors checks what is refused.
func TestLBFGSErrors(t *testing.T) {
	x := []float64{1, 2}
	for want, c := range map[string]opt.LBFGSConfig{
		"history is 101: want 1 to 100":                                              {History: 101},
		"tolerances are -1 of the gradient and 1e-09 of the decrease: want above 0":  {Gradient: -1},
		"tolerances are 1e-06 of the gradient and NaN of the decrease: want above 0": {Decrease: math.NaN()},
		"trials are 1: want 2 to 1000":                                               {Trials: 1},
	} {
		if _, err := opt.NewLBFGS(c, x); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if _, err := opt.NewLBFGS(opt.LBFGSConfig{}, nil); err == nil {
		t.Error("no variables are taken")
	}
	if _, err := opt.ResumeLBFGS(opt.LBFGSConfig{}, opt.LBFGSState{X: x}); err == nil {
		t.Error("a state without vectors is taken")
	}
	l, err := opt.NewLBFGS(opt.LBFGSConfig{}, x)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Tell(1, []float64{1}); err == nil {
		t.Error("a short gradient is taken")
	}
	_, err = l.Tell(math.NaN(), x)
	if f, ok := errors.AsType[*job.Failure](err); !ok || f.Kind != job.FaultInput {
		t.Errorf("a start of NaN: %v", err)
	}
}

// TestFewTrials checks that searches which end before they have found a good point still
// lead down: with what is lower, or along the gradient anew.
func TestFewTrials(t *testing.T) {
	for _, trials := range []int{2, 3} {
		l, err := opt.NewLBFGS(opt.LBFGSConfig{Trials: trials, Gradient: 1e-5, Decrease: 1e-300}, []float64{-1.2, 1, -1.2, 1})
		if err != nil {
			t.Fatal(err)
		}
		least := math.Inf(1)
		for status := opt.Ask; status < opt.Converged; {
			loss, g := rosenbrock(l.Point())
			if status, err = l.Tell(loss, g); err != nil || l.State().Evaluations > 2000 {
				t.Fatalf("%v, %d evaluations", err, l.State().Evaluations)
			}
			x, loss := l.X()
			if want, g := rosenbrock(x); loss != want || !slices.Equal(l.State().Gradient, g) || loss > least {
				t.Fatalf("at %v: loss %v and gradient %v, want %v and %v, less than %v", x, loss, l.State().Gradient, want, g, least)
			}
			least = loss
		}
		if least > 1e-8 {
			t.Errorf("%d trials: it ends at %v", trials, least)
		}
	}
}
