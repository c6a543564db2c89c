package tensor_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/tensor"
)

// Products with a matrix whose rows differ little from a base are those of the matrix, as near as the sizes of their terms allow, and have
// the same bits on any number of cores and for any view of the operands.
func TestShifted(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	all := cpus(t)
	used := make([]tensor.Shifted, len(all))
	for range trials(60) {
		m, k, n := r.IntN(20), 1+r.IntN(200), 1+r.IntN(150)
		if r.IntN(4) == 0 { // several blocks of rows
			m, k, n = 100+r.IntN(300), 1+r.IntN(40), 1+r.IntN(20)
		}
		x, base, w, bias, dy := plain(r, m, k), plain(r, k), plain(r, k, n), plain(r, n), plain(r, m, n)
		part := r.Float64()
		for i, v := range x.Values() {
			if r.Float64() > part {
				x.Values()[i] = base.Values()[i%k]
			} else if r.IntN(9) == 0 {
				x.Values()[i] = v * 1e6
			}
		}
		if r.IntN(3) == 0 {
			bias = array{}
		}
		turned := tensor.New[float32](n, k).T()
		check(t, turned.CopyFrom(w))
		var first []float32
		for at, cpu := range all {
			s := &used[at]
			check(t, cpu.Shift(s, x, base))
			if rows, cols := s.Shape(); rows != m || cols != k {
				t.Fatalf("%d×%d, of %d×%d", rows, cols, m, k)
			}
			out, other := tensor.New[float32](m, n), tensor.New[float32](m, n+3).Slice(1, 0, n)
			check(t, cpu.MatMulShifted(out, s, w, bias))
			check(t, cpu.MatMulShifted(other, s, turned, bias))
			same(t, "product", out, other)
			sums := tensor.New[float32](n)
			check(t, cpu.SumRows(sums, dy, false))
			grad, columns := tensor.New[float32](k, n), tensor.New[float32](n, k)
			check(t, cpu.MatMulShiftedT(grad, s, dy, sums))
			check(t, cpu.MatMulShiftedT(columns.T(), s, dy, sums))
			same(t, "gradient", grad, columns.T())
			if bits := slices.Concat(out.Values(), grad.Values()); at == 0 {
				first = bits
				exact{x, w, bias, base}.near(t, out)
				exact{x.T(), dy, array{}, base}.near(t, grad)
			} else if !slices.Equal(bits, first) {
				t.Fatalf("%d×%d×%d: CPU %d has other values", m, k, n, at)
			}
		}
	}
}

// An exact product is x·w + bias, of an x that is mostly its base.
type exact struct{ x, w, bias, base array }

// near compares out with it in float64, by the size of all terms that were added up.
func (e exact) near(t *testing.T, out array) {
	t.Helper()
	x, w, bias, base := e.x, e.w, e.bias, e.base
	m, k, n := x.Dim(0), x.Dim(1), w.Dim(1)
	for i := range m {
		for j := range n {
			sum, size := 0., 0.
			if !bias.IsZero() {
				sum = float64(bias.At(j))
				size = math.Abs(sum)
			}
			for c := range k {
				b := base.Values()[min(c, base.Len()-1)]
				if base.Len() == m && m != k { // x is turned
					b = base.Values()[i]
				}
				sum += float64(x.At(i, c)) * float64(w.At(c, j))
				size += (math.Abs(float64(x.At(i, c))) + 2*math.Abs(float64(b))) * math.Abs(float64(w.At(c, j)))
			}
			if got := float64(out.At(i, j)); math.Abs(got-sum) > size*float64(k+4)*0x1p-23 {
				t.Fatalf("%d×%d×%d: value %d,%d is %g, want %g", m, k, n, i, j, got, sum)
			}
		}
	}
}

func same(t *testing.T, what string, a, b array) {
	t.Helper()
	for i := range a.Dim(0) {
		for j := range a.Dim(1) {
			if math.Float32bits(a.At(i, j)) != math.Float32bits(b.At(i, j)) {
				t.Fatalf("%s of %v: value %d,%d is %g in one view and %g in another", what, a, i, j, a.At(i, j), b.At(i, j))
			}
		}
	}
}

// Shapes that do not fit are refused.
func TestShiftedShapes(t *testing.T) {
	cpu := cpus(t)[0]
	array := func(shape ...int) array { return tensor.New[float32](shape...) }
	var s tensor.Shifted
	check(t, cpu.Shift(&s, array(3, 4), array(4)))
	for name, err := range map[string]error{
		"base":      cpu.Shift(&s, array(3, 4), array(3)),
		"x":         cpu.Shift(&s, array(4, 3).T(), array(4)),
		"rows":      cpu.MatMulShifted(array(2, 5), &s, array(4, 5), array(5)),
		"k":         cpu.MatMulShifted(array(3, 5), &s, array(3, 5), array(5)),
		"bias":      cpu.MatMulShifted(array(3, 5), &s, array(4, 5), array(4)),
		"gaps":      cpu.MatMulShifted(array(5, 4).T().Slice(0, 0, 3), &s, array(4, 5), array(5)),
		"columns":   cpu.MatMulShifted(array(5, 3).T(), &s, array(4, 5), array(5)),
		"sums":      cpu.MatMulShiftedT(array(4, 5), &s, array(3, 5), array(4)),
		"no sums":   cpu.MatMulShiftedT(array(4, 5), &s, array(3, 5), tensor.Dense[float32]{}),
		"gradients": cpu.MatMulShiftedT(array(3, 5), &s, array(3, 5), array(5)),
	} {
		if shape := (*tensor.ShapeError)(nil); !errors.As(err, &shape) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What was once large enough is used again.
func TestShiftedAllocations(t *testing.T) {
	r, cpu := rand.New(rand.NewPCG(21, 22)), cpus(t)[0]
	x, base, w, out, sums := plain(r, 30, 200), tensor.New[float32](200), plain(r, 200, 100), tensor.New[float32](30, 100), tensor.New[float32](100)
	for i := range x.Values() {
		if i%4 > 0 {
			x.Values()[i] = 0
		}
	}
	var s tensor.Shifted
	step := func() {
		check(t, cpu.Shift(&s, x, base))
		check(t, cpu.MatMulShifted(out, &s, w, sums))
		check(t, cpu.MatMulShiftedT(w, &s, out, sums))
	}
	step()
	if n := testing.AllocsPerRun(20, step); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// plain returns an array of normal values without gaps.
func plain(r *rand.Rand, shape ...int) array {
	d := tensor.New[float32](shape...)
	for i := range d.Values() {
		d.Values()[i] = float32(r.NormFloat64())
	}
	return d
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
