package tensor_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"scalar/tensor"
	"scalar/tensor/internal/kernel"
)

// chain is the definition of MatMul, value by value.
func chain(out, a, b array, e tensor.Epilogue) {
	for i := range out.Dim(0) {
		for j := range out.Dim(1) {
			s := float32(0)
			if e.Add {
				s = out.At(i, j)
			}
			for k := range a.Dim(1) {
				s = kernel.FMA(a.At(i, k), b.At(k, j), s)
			}
			if !e.Bias.IsZero() {
				s += e.Bias.At(j)
			}
			if e.ReLU && s < 0 {
				s = 0
			}
			out.Set(s, i, j)
		}
	}
}

// size draws a dimension: small ones, those around a tile's, 0 and 1.
func size(r *rand.Rand, most int) int {
	switch r.IntN(5) {
	case 0:
		return r.IntN(3)
	case 1:
		return min(most, 46+r.IntN(5))
	}
	return r.IntN(most)
}

func TestMatMulBits(t *testing.T) {
	all := cpus(t)
	r := rand.New(rand.NewPCG(1, 1))
	for trial := range trials(300) {
		m, n, k := size(r, 70), size(r, 120), size(r, 90)
		a, b, out := random(r, m, k), random(r, k, n), random(r, m, n)
		e := tensor.Epilogue{Add: r.IntN(2) == 0, ReLU: r.IntN(2) == 0}
		if r.IntN(2) == 0 {
			e.Bias = clone(t, random(r, n))
		}
		want := clone(t, out)
		chain(want, a, b, e)
		around := random(r, m+2, n+2)
		for i, c := range all {
			what := fmt.Sprintf("trial %d, CPU %d (%s, %d cores), %d×%d×%d, %+v", trial, i, c.Instructions(), c.Cores(), m, n, k, e)
			guard := clone(t, around)
			got := guard.Slice(0, 1, m+1).Slice(1, 1, n+1)
			if r.IntN(3) == 0 {
				got = tensor.New[float32](n, m).T()
			}
			if err := got.CopyFrom(out); err != nil {
				t.Fatal(err)
			}
			run := c.MatMul
			if r.IntN(2) == 0 {
				run = func(out, a, b array, e tensor.Epilogue) error {
					p, err := c.Pack(nil, b)
					if err != nil {
						return err
					}
					return c.MatMulPacked(out, a, p, e)
				}
			}
			if err := run(got, a, b, e); err != nil {
				t.Fatal(what, err)
			}
			equalBits(t, what, got, want)
			if err := guard.Slice(0, 1, m+1).Slice(1, 1, n+1).CopyFrom(around.Slice(0, 1, m+1).Slice(1, 1, n+1)); err != nil {
				t.Fatal(err)
			}
			equalBits(t, what+": around it", guard, around)
		}
	}
}

// TestMatMulLarge has products of several standard blocks and cells, the same bits
// with all CPUs, and close to float64: an error of k roundings of what is added.
func TestMatMulLarge(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	const eps = 1.0 / (1 << 24)
	for _, s := range [][3]int{{200, 130, 1100}, {9, 2000, 530}, {1, 500, 1030}, {413, 389, 211}, {100, 200, 150}} {
		m, n, k := s[0], s[1], s[2]
		a, b := random(r, m, k), random(r, k, n)
		var first array
		for _, c := range cpus(t) {
			out := tensor.New[float32](m, n)
			if err := c.MatMul(out, a, b, tensor.Epilogue{}); err != nil {
				t.Fatal(err)
			}
			if first.IsZero() {
				first = out
			}
			equalBits(t, fmt.Sprint(s, c.Instructions(), c.Cores()), out, first)
		}
		for range 2000 {
			i, j := r.IntN(m), r.IntN(n)
			sum, sizes := 0.0, 0.0
			for p := range k {
				x := float64(a.At(i, p)) * float64(b.At(p, j))
				sum += x
				sizes += math.Abs(x)
			}
			if got := float64(first.At(i, j)); math.Abs(got-sum) > float64(k+1)*eps*sizes {
				t.Fatalf("%v at %d, %d: %v, float64 says %v", s, i, j, got, sum)
			}
		}
	}
}

// TestRowsAlone checks that a row's answer does not depend on its batch.
func TestRowsAlone(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	a, b, bias := random(r, 37, 300), random(r, 300, 123), clone(t, random(r, 123))
	for _, c := range cpus(t) {
		p, err := c.Pack(nil, b)
		if err != nil {
			t.Fatal(err)
		}
		e := tensor.Epilogue{Bias: bias, ReLU: true}
		batch, alone := tensor.New[float32](37, 123), tensor.New[float32](1, 123)
		if err := c.MatMulPacked(batch, a, p, e); err != nil {
			t.Fatal(err)
		}
		for i := range 37 {
			if err := c.MatMulPacked(alone, a.Slice(0, i, i+1), p, e); err != nil {
				t.Fatal(err)
			}
			equalBits(t, fmt.Sprint("row ", i), alone, batch.Slice(0, i, i+1))
		}
	}
}

// TestSpecialValues checks that NaN and infinities come through.
func TestSpecialValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range cpus(t) {
		a, b, out := tensor.New[float32](3, 2), tensor.New[float32](2, 3), tensor.New[float32](3, 3)
		copy(a.Values(), []float32{1, 1, inf, 1, nan, 1})
		copy(b.Values(), []float32{1, -1, 0, 0, 0, 0})
		if err := c.MatMul(out, a, b, tensor.Epilogue{ReLU: true}); err != nil {
			t.Fatal(err)
		}
		want := tensor.New[float32](3, 3)
		copy(want.Values(), []float32{1, 0, 0, inf, 0, nan, nan, nan, nan})
		equalBits(t, c.Instructions(), out, want)
	}
}

func TestMatMulRefuses(t *testing.T) {
	c := cpu(t, tensor.Config{Cores: 1})
	z := tensor.New[float32]
	for _, x := range []struct {
		out, a, b array
		bias      array
		want      string
	}{
		{z(3, 6), z(3, 4), z(5, 6), array{}, "tensor: matmul: a is 3×4 and b is 5×6: 4 columns beside 5 rows"},
		{z(3, 5), z(3, 4), z(4, 6), array{}, "tensor: matmul: out is 3×5: a·b is 3×6"},
		{z(3, 6), z(3, 4), z(4, 6), z(5), "tensor: matmul: bias is [5] with stride 1: want [6] without gaps"},
		{z(3, 6), z(3, 4), z(4, 6), z(6, 2).T().Row(0), "tensor: matmul: bias is [6] with stride 2: want [6] without gaps"},
		{z(3, 6), z(12), z(4, 6), array{}, "tensor: matmul: a is [12]: want 2 dimensions"},
		{z(3, 6), z(3, 4), z(4, 6, 1), array{}, "tensor: matmul: b is 4×6×1: want 2 dimensions"},
		{z(18), z(3, 4), z(4, 6), array{}, "tensor: matmul: out is [18]: want 2 dimensions"},
	} {
		if err := c.MatMul(x.out, x.a, x.b, tensor.Epilogue{Bias: x.bias}); err == nil || err.Error() != x.want {
			t.Errorf("got %v, want %s", err, x.want)
		}
	}
	if _, err := c.Pack(nil, z(3)); err == nil || err.Error() != "tensor: pack: b is [3]: want 2 dimensions" {
		t.Error(err)
	}
	other := cpu(t, tensor.Tuned(1, kernel.Plain, 0, 0, 0))
	p, err := other.Pack(nil, z(4, 6))
	if err != nil {
		t.Fatal(err)
	}
	if k, n := p.Shape(); k != 4 || n != 6 {
		t.Errorf("packed %d×%d", k, n)
	}
	if kernel.Best() != kernel.Plain {
		if err := c.MatMulPacked(z(3, 6), z(3, 4), p, tensor.Epilogue{}); err == nil || !strings.Contains(err.Error(), "b is packed for plain Go") {
			t.Error(err)
		}
	}
}

func TestMatMulAllocatesNothing(t *testing.T) {
	for _, cores := range []int{1, 2} {
		c := cpu(t, tensor.Config{Cores: cores})
		a, b, out, bias := tensor.New[float32](130, 300), tensor.New[float32](200, 300), tensor.New[float32](130, 200), tensor.New[float32](200)
		turned := tensor.New[float32](200, 130).T()
		p, err := c.Pack(nil, b.T())
		if err != nil {
			t.Fatal(err)
		}
		e := tensor.Epilogue{Bias: bias, ReLU: true, Add: true}
		step := func() {
			for _, err := range []error{c.MatMul(out, a, b.T(), e), c.MatMul(turned, a, b.T(), e), c.MatMulPacked(out, a, p, e)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			if p, err = c.Pack(p, b.T()); err != nil {
				t.Fatal(err)
			}
		}
		for range 20 { // which worker takes which cell is chance: all of them have got buffers by then
			step()
		}
		if n := testing.AllocsPerRun(50, step); n > 0 {
			t.Errorf("%d cores: %v allocations", cores, n)
		}
	}
}

func ExampleCPU_MatMul() {
	cpu, err := tensor.NewCPU(tensor.Config{Cores: 2})
	if err != nil {
		panic(err)
	}
	defer cpu.Close()
	x, _ := tensor.From([]float32{1, 2, 3, 4}, 2, 2)
	w, _ := tensor.From([]float32{1, 0, 0, 1, 1, 1}, 3, 2) // as most frameworks keep weights: outputs × inputs
	y := tensor.New[float32](2, 3)
	if err := cpu.MatMul(y, x, w.T(), tensor.Epilogue{}); err != nil {
		panic(err)
	}
	fmt.Println(y, y.Values())
	// Output: 2×3 [1 2 3 3 4 7]
}
