package eval_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"scalar/ml/eval"

	"pgregory.net/rapid"
)

// near compares with a tolerance for the order of sums.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*(1+math.Abs(b)) }

// drawn are rows with their true classes.
type drawn struct {
	classes   []string
	logits    [][]float32
	truth     []int
	p         [][]float64
	predicted []int
}

func draw(r *rapid.T) *drawn {
	k, n := rapid.IntRange(2, 5).Draw(r, "classes"), rapid.IntRange(1, 60).Draw(r, "rows")
	some := rapid.IntRange(1, k).Draw(r, "classes that are there")
	pool := make([][]float32, rapid.IntRange(1, n).Draw(r, "different rows")) // others are ties
	for i := range pool {
		for range k {
			pool[i] = append(pool[i], rapid.Float32Range(-3, 3).Draw(r, "logit"))
		}
		for _, other := range pool[:i] { // almost equal probabilities are made equal ones
			for class, p := range softmax(pool[i]) {
				if math.Abs(p-softmax(other)[class]) < 1e-9 {
					pool[i] = other
				}
			}
		}
	}
	d := &drawn{classes: []string{"a", "b", "c", "d", "e"}[:k]}
	for range n {
		z := pool[rapid.IntRange(0, len(pool)-1).Draw(r, "row")]
		d.truth = append(d.truth, rapid.IntRange(0, some-1).Draw(r, "class"))
		d.logits, d.p = append(d.logits, z), append(d.p, softmax(z))
		d.predicted = append(d.predicted, slices.Index(z, slices.Max(z)))
	}
	return d
}

func softmax(z []float32) []float64 {
	p, sum := make([]float64, len(z)), 0.
	for i, v := range z {
		p[i] = math.Exp(float64(v))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// count counts the rows of a true class that are predicted to be another.
func (d *drawn) count(truth, predicted int) (n int) {
	for i := range d.truth {
		if d.truth[i] == truth && d.predicted[i] == predicted {
			n++
		}
	}
	return n
}

// A classifier's figures are those of their definitions, computed naively.
func TestClassifier(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := draw(r)
		c, n := eval.NewClassifier(d.classes, true), float64(len(d.truth))
		right, loss := 0., 0.
		for i, z := range d.logits {
			c.Add(z, d.truth[i])
			loss -= math.Log(d.p[i][d.truth[i]]) / n
		}
		got := c.Result()
		f1s, areas := []float64{}, []float64{}
		for k := range d.classes {
			tp, there, predicted := float64(d.count(k, k)), 0., 0.
			for o := range d.classes {
				there += float64(d.count(k, o))
				predicted += float64(d.count(o, k))
				if got.Confusion[k][o] != d.count(k, o) {
					r.Fatalf("confusion %v: want %d at %d, %d", got.Confusion, d.count(k, o), k, o)
				}
			}
			right += tp
			precision, recall, f1 := 0., 0., 0.
			if tp > 0 {
				precision, recall = tp/predicted, tp/there
				f1 = 2 * precision * recall / (precision + recall)
			}
			if !near(got.Precision[k], precision) || !near(got.Recall[k], recall) || !near(got.F1[k], f1) {
				r.Fatalf("class %d: %+v, want %g %g %g", k, got.Full, precision, recall, f1)
			}
			if there+predicted > 0 {
				f1s = append(f1s, f1)
			}
			area, ok := pairs(d.p, d.truth, k)
			many := len(d.classes) > 2
			if ok && (many || k == 1) {
				areas = append(areas, area)
			}
			if many && ((got.AUCs[k] != nil) != ok || ok && !near(*got.AUCs[k], area)) {
				r.Fatalf("class %d: area %v, want %g", k, got.AUCs[k], area)
			}
		}
		if got.N != len(d.truth) || !near(got.Accuracy, right/n) || !near(got.Error, 1-right/n) || !near(got.Loss, loss) {
			r.Fatalf("%+v, want %g right of %g, a loss of %g", got, right, n, loss)
		}
		if !near(got.MacroF1, mean(f1s)) || (got.AUC != nil) != (len(areas) > 0) || got.AUC != nil && !near(*got.AUC, mean(areas)) {
			r.Fatalf("%+v, want %g and %v", got.Full, mean(f1s), areas)
		}
	})
}

// pairs is the area under the curve by looking at all pairs of rows.
func pairs(p [][]float64, truth []int, class int) (area float64, ok bool) {
	won, all := 0., 0.
	for i := range p {
		for j := range p {
			if truth[i] == class && truth[j] != class {
				all++
				switch a, b := p[i][class], p[j][class]; {
				case a == b:
					won += .5
				case a > b:
					won++
				}
			}
		}
	}
	return won / all, all > 0
}

func mean(xs []float64) (m float64) {
	for _, x := range xs {
		m += x / float64(len(xs))
	}
	return m
}

// A large logit does not overflow; without --full there are the four figures.
func TestLoss(t *testing.T) {
	c := eval.NewClassifier([]string{"a", "b"}, false)
	c.Add([]float32{1e30, -1e30}, 0)
	c.Add([]float32{1000, 0}, 1)
	b, err := json.Marshal(c.Result())
	if want := `{"n":2,"error":0.5,"accuracy":0.5,"loss":500}`; err != nil || string(b) != want {
		t.Errorf("%s, want %s: %v", b, want, err)
	}
	sure := eval.NewClassifier([]string{"a", "b"}, true) // the probabilities of b are 1 in float64
	sure.Add([]float32{0, 80}, 0)
	sure.Add([]float32{0, 90}, 1)
	sure.Add([]float32{0, 70}, 1)
	if a := sure.Result().AUC; a == nil || *a != .5 {
		t.Errorf("area %v", a)
	}
	full := eval.NewClassifier([]string{"a", "b"}, true)
	full.Add([]float32{1, 0}, 0)
	b, err = json.Marshal(full.Result())
	if want := `"classes":["a","b"],"confusion":[[1,0],[0,0]],"precision":[1,0],"recall":[1,0],"f1":[1,0],"macro_f1":1,"auc":null}`; err != nil || !strings.HasSuffix(string(b), want) {
		t.Errorf("%s, want %s: %v", b, want, err)
	}
}

func TestRegressor(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(2, 50).Draw(r, "rows")
		far := rapid.SampledFrom([]float64{0, 1e3}).Draw(r, "far")
		g := eval.NewRegressor(true)
		p, y := make([]float64, 0, n), make([]float64, 0, n)
		for range n {
			a, b := float32(rapid.Float64Range(-1, 1).Draw(r, "prediction")+far), rapid.Float64Range(-1, 1).Draw(r, "value")+far
			g.Add(a, b)
			p, y = append(p, float64(a)), append(y, b)
		}
		m, errors, around, off, most := mean(y), 0., 0., 0., 0.
		for i := range y {
			errors += (p[i] - y[i]) * (p[i] - y[i])
			around += (y[i] - m) * (y[i] - m)
			off, most = off+math.Abs(p[i]-y[i])/float64(n), max(most, math.Abs(p[i]-y[i]))
		}
		got := g.Result()
		if got.N != n || !near(got.Loss, errors/float64(n)) || !near(got.Error, math.Sqrt(errors/float64(n))) || !near(got.Mean, off) || !near(got.Max, most) {
			r.Fatalf("%+v %+v", got, got.Errors)
		}
		if want := 1 - errors/around; around > 1e-6 && math.Abs(got.Accuracy-want) > 1e-6*(1+math.Abs(want)) { // 1 less a ratio: near 0 it has few digits
			r.Fatalf("R² %g, want %g", got.Accuracy, want)
		}
	})
	for prediction, want := range map[float32]string{3: `{"n":2,"error":0,"accuracy":1,"loss":0}`, 4: `{"n":2,"error":1,"accuracy":0,"loss":1}`} {
		g := eval.NewRegressor(false)
		g.Add(prediction, 3)
		g.Add(prediction, 3)
		if b, err := json.Marshal(g.Result()); err != nil || string(b) != want {
			t.Errorf("%s, want %s: %v", b, want, err)
		}
	}
}

func TestClusterer(t *testing.T) {
	for full, want := range map[bool]string{false: `{"n":3,"loss":3,"inertia":3}`, true: `{"n":3,"loss":3,"inertia":3,"sizes":[2,0,1]}`} {
		c := eval.NewClusterer(3, false, full)
		c.Add(0, 1)
		c.Add(2, 2)
		c.Add(0, 2)
		if b, err := json.Marshal(c.Result()); err != nil || string(b) != want {
			t.Errorf("%s, want %s: %v", b, want, err)
		}
	}
	c := eval.NewClusterer(2, true, false)
	c.Add(0, 0.5)
	c.Add(1, 1)
	if r := c.Result(); r.Inertia != 0.75 || r.Loss != 0.75 {
		t.Errorf("cosine distances 0.5 and 1 have an inertia of %v", r.Inertia)
	}
}
