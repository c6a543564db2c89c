package kernel_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/tensor/internal/kernel"
)

// wides returns n normal values of very different sizes.
func wides(r *rand.Rand, n int) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = r.NormFloat64() * math.Exp(20*r.NormFloat64())
	}
	return all
}

// exactly returns a sum of products, rounded once, and the sum of their sizes.
func exactly(bias float64, x []float32, by func(j int) float64) (sum, size float64) {
	s := new(big.Float).SetPrec(2000).SetFloat64(bias)
	size = math.Abs(bias)
	for j, v := range x {
		p := new(big.Float).SetPrec(200).SetFloat64(float64(v))
		p.Mul(p, big.NewFloat(by(j)))
		s.Add(s, p)
		size += math.Abs(float64(v) * by(j))
	}
	sum, _ = s.Float64()
	return sum, size
}

// TestDots compares with the plain operation, bit by bit, and with exact sums, for every width.
func TestDots(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for width := range 70 {
		stride, rows := width+r.IntN(3), r.IntN(11)
		d := kernel.Dots{From: make([]float32, max(rows-1, 0)*stride+width), By: wides(r, kernel.Wide(width)), To: make([]float64, rows), Stride: stride, Width: width, Bias: r.NormFloat64()}
		for i := range d.From {
			d.From[i] = float32(r.NormFloat64() * math.Exp(10*r.NormFloat64()))
		}
		want := slices.Clone(d.To)
		plain := d
		plain.To = want
		kernel.PlainDots(&plain)
		for i, got := range want {
			sum, size := exactly(d.Bias, d.From[i*stride:][:width], func(j int) float64 { return d.By[j] })
			if math.Abs(got-sum) > float64(width+1)*0x1p-52*size {
				t.Fatalf("width %d: %g, want %g", width, got, sum)
			}
		}
		for _, isa := range kernel.All() {
			clear(d.To)
			isa.Dots(&d)
			if !slices.Equal(d.To, want) {
				t.Fatalf("%v: width %d: %v, want %v", isa, width, d.To, want)
			}
		}
	}
}

// TestStrips compares with plain Go, bit by bit, and with exact sums, for every width.
func TestStrips(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for width := range 200 {
		stride, rows := width+r.IntN(3), 1+r.IntN(20)
		from := make([]float32, (rows-1)*stride+width)
		for i := range from {
			from[i] = float32(r.NormFloat64())
		}
		by, sums, squares := wides(r, rows), wides(r, kernel.Wide(width)), wides(r, kernel.Wide(width))
		run := func(isa kernel.ISA) [3][]float64 {
			spread := kernel.Strips{Sums: slices.Clone(sums), From: from, By: by, Stride: stride, Width: width}
			isa.Spread(&spread)
			moments := kernel.Strips{Sums: slices.Clone(sums), Squares: slices.Clone(squares), From: from, Rows: rows, Stride: stride, Width: width}
			isa.Moments(&moments)
			return [3][]float64{spread.Sums[:width], moments.Sums[:width], moments.Squares[:width]}
		}
		want := run(kernel.Plain)
		for j := range width {
			column := make([]float32, rows)
			for i := range column {
				column[i] = from[i*stride+j]
			}
			for k, of := range []func(i int) float64{
				func(i int) float64 { return by[i] },
				func(int) float64 { return 1 },
				func(i int) float64 { return float64(column[i]) },
			} {
				sum, size := exactly([][]float64{sums, sums, squares}[k][j], column, of)
				if math.Abs(want[k][j]-sum) > float64(rows+1)*0x1p-53*size {
					t.Fatalf("width %d, sum %d of column %d: %g, want %g", width, k, j, want[k][j], sum)
				}
			}
		}
		for _, isa := range kernel.All() {
			got := run(isa)
			for k := range got {
				if !slices.Equal(got[k], want[k]) {
					t.Fatalf("%v: width %d, sum %d: %v, want %v", isa, width, k, got[k], want[k])
				}
			}
		}
	}
}

// TestLogits compares with plain Go, bit by bit, and with big numbers.
func TestLogits(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	const random = 20_000
	z := append(make([]float64, 0, random+21),
		0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 1e-300, -1e-300, 5e-324,
		708, -708, 709.5, -745, 36.7, -36.8, 0x1p-53, -0x1p-54, math.Log(math.Sqrt2-1), math.Ln2/2, -math.Ln2/2,
	)
	for i := range random {
		z = append(z, r.NormFloat64()*math.Pow(10, float64(i%8-4)))
	}
	n := len(z)
	run := func(isa kernel.ISA, z []float64, class uint32) (l kernel.Logits, wrong int) {
		l = kernel.Logits{Z: z, Losses: make([]float64, len(z)), Slopes: make([]float64, len(z)), Classes: slices.Repeat([]uint32{class}, len(z))}
		return l, isa.Logits(&l)
	}
	for class := range uint32(2) {
		want, wrong := run(kernel.Plain, z, class)
		checkLogits(t, z, class, want)
		if w := wrongOf(z, class); w != wrong {
			t.Errorf("%d are wrong, want %d", wrong, w)
		}
		for _, isa := range kernel.All() {
			for _, some := range [][2]int{{0, n}, {1, 9}, {0, 7}, {5, 20}, {3, 3}} {
				part := z[some[0]:some[1]]
				got, wrong := run(isa, part, class)
				if !sameBits(got.Losses, want.Losses[some[0]:some[1]]) || !sameBits(got.Slopes, want.Slopes[some[0]:some[1]]) || wrong != wrongOf(part, class) {
					t.Fatalf("%v: rows %v of class %d differ from plain Go's", isa, some, class)
				}
			}
		}
	}
}

func wrongOf(z []float64, class uint32) (n int) {
	for _, v := range z {
		if !(v > 0 && class == 1 || v <= 0 && class == 0) {
			n++
		}
	}
	return n
}

// sameBits compares numbers, any NaN with any.
func sameBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool {
		return math.Float64bits(x) == math.Float64bits(y) || x != x && y != y
	})
}

// checkLogits compares with sums of series of big numbers, within 4 units of the last place.
func checkLogits(t *testing.T, z []float64, class uint32, l kernel.Logits) {
	t.Helper()
	most := 0.0
	for i, v := range z {
		m := v
		if class == 0 {
			m = -v
		}
		if math.IsNaN(m) {
			if l.Losses[i] == l.Losses[i] || l.Slopes[i] == l.Slopes[i] {
				t.Fatalf("of NaN: %g and %g", l.Losses[i], l.Slopes[i])
			}
			continue
		}
		if i > 4000 && math.Abs(m) < 700 && i%7 != 0 {
			continue // big numbers take long
		}
		loss, slope := bigLogit(m)
		if class == 1 {
			slope = -slope
		}
		for k, pair := range [2][2]float64{{l.Losses[i], loss}, {l.Slopes[i], slope}} {
			got, want := pair[0], pair[1]
			if got == want || math.Abs(got-want) < 1e-307 {
				continue
			}
			ulp := math.Nextafter(math.Abs(want), math.Inf(1)) - math.Abs(want)
			if most = max(most, math.Abs(got-want)/ulp); most > 4 {
				t.Fatalf("%g of class %d: %d is %g, want %g", v, class, k, got, want)
			}
		}
	}
	t.Logf("largest error: %.2f units of the last place", most)
}

// bigLogit returns log(1 + exp(-m)) and 1/(1 + exp(m)).
func bigLogit(m float64) (loss, slope float64) {
	if math.Abs(m) > 800 {
		return max(-m, 0), map[bool]float64{true: 0, false: 1}[m > 0]
	}
	num := func(x float64) *big.Float { return new(big.Float).SetPrec(300).SetFloat64(x) }
	e := num(1) // exp(-|m|) = exp(-|m|/2^12)^(2^12), by Taylor's series
	x := num(-math.Abs(m))
	x.SetMantExp(x, -12)
	for i := 40; i > 0; i-- {
		e.Mul(e, x)
		e.Quo(e, num(float64(i)))
		e.Add(e, num(1))
	}
	for range 12 {
		e.Mul(e, e)
	}
	d := num(1)
	d.Add(d, e)
	p := num(1)
	if m > 0 {
		p.Set(e)
	}
	p.Quo(p, d)
	slope, _ = p.Float64()
	s, den := num(0).Set(e), num(2) // log(1 + e) = 2·atanh(e/(2+e))
	s.Quo(s, den.Add(den, e))
	square := num(0).Mul(s, s)
	sum := num(0)
	for i := 141; i > 0; i -= 2 {
		sum.Mul(sum, square)
		sum.Add(sum, num(0).Quo(num(1), num(float64(i))))
	}
	sum.Mul(sum, s)
	sum.SetMantExp(sum, 1)
	if m < 0 {
		sum.Add(sum, num(-m))
	}
	loss, _ = sum.Float64()
	return loss, slope
}

func TestWideBounds(t *testing.T) {
	const x = kernel.Plain
	eight := make([]float64, 8)
	for name, f := range map[string]func(){
		"too few rows":    func() { x.Dots(&kernel.Dots{To: eight, From: make([]float32, 7), By: eight, Stride: 1, Width: 1}) },
		"too few weights": func() { x.Dots(&kernel.Dots{To: eight[:1], From: make([]float32, 9), By: eight, Stride: 9, Width: 9}) },
		"no row": func() {
			x.Spread(&kernel.Strips{Sums: eight, From: make([]float32, 3), By: eight, Stride: 1, Width: 1})
		},
		"no sums": func() {
			x.Spread(&kernel.Strips{Sums: eight[:7], From: make([]float32, 8), By: eight, Stride: 1, Width: 1})
		},
		"no squares":       func() { x.Moments(&kernel.Strips{Sums: eight, From: make([]float32, 8), Rows: 1, Width: 1}) },
		"a negative width": func() { x.Moments(&kernel.Strips{Sums: eight, Squares: eight, Rows: 1, Width: -1}) },
		"no losses":        func() { x.Logits(&kernel.Logits{Z: eight, Slopes: eight, Classes: make([]uint32, 8)}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is no panic", name)
				}
			}()
			f()
		}()
	}
}
