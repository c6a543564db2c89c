package tensor_test

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/tensor"
)

func normals64(r *rand.Rand, n int) tensor.Dense[float64] {
	d := tensor.New[float64](n)
	for i := range d.Values() {
		d.Values()[i] = r.NormFloat64()
	}
	return d
}

// A regression is what TestWide computes with.
type regression struct {
	x       array
	by      tensor.Dense[float64]
	classes []uint32
}

type regressed struct {
	arrays map[string][]float64
	loss   float64
	wrong  int
}

func newRegression(m, n int) regression {
	r := rand.New(rand.NewPCG(uint64(m), uint64(n)))
	wide := tensor.New[float32](m, n+3)
	for i := range wide.Values() {
		wide.Values()[i] = float32(r.NormFloat64())
	}
	g := regression{x: wide.Slice(1, 2, n+2), by: normals64(r, n), classes: make([]uint32, m)}
	for i := range g.classes {
		g.classes[i] = r.Uint32N(2)
	}
	return g
}

// run computes it in blocks of rows.
func (g regression) run(t *testing.T, cpu *tensor.CPU, block int) regressed {
	t.Helper()
	m, n := len(g.classes), g.by.Len()
	z, losses, slopes := tensor.New[float64](m), tensor.New[float64](m), tensor.New[float64](m)
	sums, moments, squares := tensor.New[float64](n), tensor.New[float64](n), tensor.New[float64](n)
	out := regressed{arrays: map[string][]float64{
		"dots": z.Values(), "slopes": slopes.Values(), "sums": sums.Values(), "moments": moments.Values(), "squares": squares.Values(),
	}}
	for lo := 0; lo < m; lo += block {
		hi := min(lo+block, m)
		part := func(d tensor.Dense[float64]) tensor.Dense[float64] { return d.Slice(0, lo, hi) }
		rows := g.x.Slice(0, lo, hi)
		err := cpu.RowDots(part(z), rows, g.by, 0.5)
		loss, wrong, failed := cpu.Logistic(part(slopes), part(losses), part(z), g.classes[lo:hi])
		err = errors.Join(err, failed, cpu.AddRows(sums, rows, part(slopes)), cpu.AddMoments(moments, squares, rows))
		if err != nil {
			t.Fatal(err)
		}
		out.wrong += wrong
		out.loss += loss
	}
	return out
}

// plain computes it by plain loops.
func (g regression) plain() regressed {
	m, n := len(g.classes), g.by.Len()
	dots, slopes := make([]float64, m), make([]float64, m)
	sums, moments, squares := make([]float64, n), make([]float64, n), make([]float64, n)
	out := regressed{arrays: map[string][]float64{"dots": dots, "slopes": slopes, "sums": sums, "moments": moments, "squares": squares}}
	for i, class := range g.classes {
		z := 0.5
		for j := range n {
			v := float64(g.x.At(i, j))
			z += v * g.by.At(j)
			moments[j] += v
			squares[j] += v * v
		}
		dots[i], slopes[i] = z, 1/(1+math.Exp(-z))
		margin := -z
		if class == 1 {
			slopes[i]--
			margin = z
		}
		out.loss += math.Log1p(math.Exp(-margin))
		if (z > 0) != (class == 1) {
			out.wrong++
		}
		for j := range n {
			sums[j] += slopes[i] * float64(g.x.At(i, j))
		}
	}
	return out
}

// TestWide: products, sums and losses in float64 beside plain loops, the same bits with every
// instruction set and for any cut of the rows.
func TestWide(t *testing.T) {
	for _, shape := range [][2]int{{0, 5}, {3, 0}, {1, 1}, {37, 7}, {100, 64}, {61, 133}} {
		g, whole := newRegression(shape[0], shape[1]), max(shape[0], 1)
		first, want := g.run(t, cpu(t, tensor.Config{Cores: 1}), whole), g.plain()
		near := func(a, b float64) bool { return math.Abs(a-b) < 1e-11*(1+math.Abs(b)) }
		for name, values := range first.arrays {
			if !slices.EqualFunc(values, want.arrays[name], near) {
				t.Errorf("%v: %s are %v, want %v", shape, name, values, want.arrays[name])
			}
		}
		if first.wrong != want.wrong || !near(first.loss, want.loss) {
			t.Errorf("%v: loss %g, %d are wrong, want %g, %d", shape, first.loss, first.wrong, want.loss, want.wrong)
		}
		for _, cpu := range cpus(t) {
			for _, block := range []int{whole, 8, 5} {
				got := g.run(t, cpu, block)
				if !maps.EqualFunc(got.arrays, first.arrays, slices.Equal) || got.wrong != first.wrong || block == whole && got.loss != first.loss {
					t.Errorf("%v in blocks of %d: %s has other bits", shape, block, cpu.Instructions())
				}
			}
		}
	}
}

func TestWideRefused(t *testing.T) {
	cpu := cpu(t, tensor.Config{Cores: 1})
	x := tensor.New[float32](3, 4)
	two, three, four := tensor.New[float64](2), tensor.New[float64](3), tensor.New[float64](4)
	logistic := func(slopes, losses, z tensor.Dense[float64], classes ...uint32) error {
		_, _, err := cpu.Logistic(slopes, losses, z, classes)
		return err
	}
	for name, err := range map[string]error{
		"columns side by side":     cpu.RowDots(four, x.T(), three, 0),
		"no weight for a column":   cpu.RowDots(three, x, three, 0),
		"no place for a row":       cpu.RowDots(two, x, four, 0),
		"no number for a row":      cpu.AddRows(four, x, two),
		"sums with gaps":           cpu.AddRows(tensor.New[float64](8, 2).Slice(1, 0, 1), x, three),
		"no sum for a column":      cpu.AddMoments(three, four, x),
		"no square for a column":   cpu.AddMoments(four, three, x),
		"two classes of three":     logistic(three, three, three, 0, 1),
		"slopes of two of three":   logistic(two, three, three, 0, 1, 1),
		"losses of two of three":   logistic(three, two, three, 0, 1, 1),
		"classes of an empty list": logistic(three, three, tensor.New[float64](0)),
	} {
		if s := (*tensor.ShapeError)(nil); !errors.As(err, &s) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if i := (*tensor.IndexError)(nil); !errors.As(logistic(three, three, three, 0, 2, 1), &i) || i.Row != 1 || i.Index != 2 {
		t.Error("a class that is not there is accepted")
	}
}
