package kernel_test

import (
	"bytes"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"scalar/tensor/internal/kernel"
)

// TestGenerated checks that the committed assembly is what the generator writes.
func TestGenerated(t *testing.T) {
	out := filepath.Join(t.TempDir(), "kernels_amd64.s")
	if msg, err := exec.CommandContext(t.Context(), "go", "run", "./gen", "-out", out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, msg)
	}
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("kernels_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("kernels_amd64.s is not what gen writes: run go generate ./tensor/...")
	}
}

// odd returns values at which rounding is delicate: any bits, few bits, neighbours of
// powers of two, the ends of the range.
func odd(r *rand.Rand) float32 {
	for {
		var x float32
		switch r.IntN(6) {
		case 0:
			x = math.Float32frombits(r.Uint32())
		case 1:
			x = float32(r.IntN(33) - 16)
		case 2:
			x = math.Float32frombits(uint32(100+r.IntN(56))<<23 + uint32(r.IntN(5)-2) + uint32(r.IntN(2))<<31)
		case 3:
			x = math.Float32frombits(r.Uint32() & 0x807fffff) // below the normal range
		case 4:
			x = math.Float32frombits(r.Uint32()&0x80000fff + uint32(r.IntN(254))<<23)
		default:
			x = float32(r.NormFloat64())
		}
		if x-x == 0 {
			return x
		}
	}
}

// exact returns x·y + z by arithmetic of any precision.
func exact(x, y, z float32) float32 {
	const enough = 700 // bits: the range of products and sums
	f := func(x float32) *big.Float { return new(big.Float).SetPrec(enough).SetFloat64(float64(x)) }
	s := new(big.Float).SetPrec(enough).Mul(f(x), f(y))
	sum, _ := s.Add(s, f(z)).Float32()
	return sum
}

func TestFMAIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	twice := 0 // how often rounding twice would have been wrong
	for range 400_000 {
		x, y, z := odd(r), odd(r), odd(r)
		if r.IntN(2) == 0 { // a sum about half way between two float32
			p := x * y
			z = math.Float32frombits(math.Float32bits(p) + uint32(r.IntN(50)<<23) - 25<<23)
			if z-z != 0 {
				continue
			}
		}
		got, want := kernel.FMA(x, y, z), exact(x, y, z)
		if got != want || want != 0 && math.Signbit(float64(got)) != math.Signbit(float64(want)) {
			t.Fatalf("fma(%x, %x, %x) = %x, want %x", x, y, z, got, want)
		}
		if float32(float64(x)*float64(y)+float64(z)) != want {
			twice++
		}
	}
	if twice == 0 {
		t.Error("no case in which rounding twice is wrong: the test shows nothing")
	}
}

// TestFMACases has sums that are hard by construction.
func TestFMACases(t *testing.T) {
	ulp := func(e int) float32 { return float32(math.Ldexp(1, e)) }
	inf := float32(math.Inf(1))
	for _, c := range [][3]float32{
		{1 + ulp(-12), 1 + ulp(-12), ulp(-80)},
		{1 + ulp(-12), 1 + ulp(-12), -ulp(-80)}, // a tie, but for a little
		{1 + ulp(-12), -1 - ulp(-12), ulp(-80)},
		{1 + ulp(-12), 1 + ulp(-12), 0},
		{ulp(-75), ulp(-75), ulp(-149)},
		{ulp(-75), ulp(-75), -ulp(-149)},
		{3 * ulp(-76), ulp(-75), ulp(-127)},
		{math.MaxFloat32, 1, ulp(103)},
		{math.MaxFloat32, 1, ulp(102)},
		{math.MaxFloat32, 2, -math.MaxFloat32},
		{ulp(-149), ulp(-149), 0},
		{ulp(-149), -ulp(-149), 0},
	} {
		if got, want := kernel.FMA(c[0], c[1], c[2]), exact(c[0], c[1], c[2]); got != want {
			t.Errorf("fma(%x, %x, %x) = %x, want %x", c[0], c[1], c[2], got, want)
		}
	}
	if got := kernel.FMA(inf, 0, 1); got == got {
		t.Errorf("∞·0 + 1 = %v", got)
	}
	if got := kernel.FMA(inf, -1, 1); got != -inf {
		t.Errorf("-∞ + 1 = %v", got)
	}
	if got := kernel.FMA(0, -1, float32(math.Copysign(0, -1))); got != 0 || !math.Signbit(float64(got)) {
		t.Errorf("-0 + -0 = %v", got)
	}
}

// same reports whether two values have the same bits or are both NaN.
func same(x, y float32) bool {
	return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
}

// fill draws values; one row in 8 holds what is delicate.
func fill(r *rand.Rand, to []float32) {
	for i := range to {
		if to[i] = float32(r.NormFloat64()); i/64%8 == 7 {
			to[i] = odd(r)
		}
	}
}

// place makes operands that are packed, or lie in matrices with gaps.
func place(r *rand.Rand, t *kernel.Tile, width int) {
	t.ARow, t.AStep, t.BStep = 1, t.Rows, width
	switch r.IntN(4) {
	case 0:
		t.AStep, t.BStep = t.Rows+r.IntN(9), width+r.IntN(70)
	case 1:
		t.ARow, t.AStep = t.K+r.IntN(9), 1
	case 2:
		t.AStep = 0
	}
	last := max(t.K-1, 0)
	if t.A = make([]float32, (t.Rows-1)*t.ARow+last*t.AStep+1); t.AStep == 0 {
		t.A = make([]float32, t.Rows*t.K)
	}
	t.B = make([]float32, last*t.BStep+width)
}

// unpacked returns a tile whose A is not in panels of so many rows.
func unpacked(t kernel.Tile, mr int) kernel.Tile {
	if t.AStep > 0 {
		return t
	}
	a := make([]float32, t.Rows*t.K+1)
	for row := range t.Rows {
		first := row / mr * mr
		n := min(mr, t.Rows-first)
		for k := range t.K {
			a[row*t.K+k] = t.A[first*t.K+k*n+row-first]
		}
	}
	t.A, t.ARow, t.AStep = a, t.K, 1
	return t
}

// TestTile compares every shape of a tile, and several of them below each other, with plain Go, bit by bit,
// and sees that nothing is written around C.
func TestTile(t *testing.T) {
	for _, isa := range kernel.All() {
		r := rand.New(rand.NewPCG(3, 4))
		for rows := 1; rows <= 3*isa.MR(); rows++ {
			for cols := 1; cols <= isa.NR(); cols++ {
				for _, k := range []int{0, 1, 2, 3, 4, 5, 7, 9, 64} {
					testTile(t, r, isa, [3]int{rows, cols, k})
				}
			}
		}
	}
}

// testTile tests a tile of rows, columns and k.
func testTile(t *testing.T, r *rand.Rand, isa kernel.ISA, shape [3]int) {
	t.Helper()
	rows, cols, k := shape[0], shape[1], shape[2]
	tile := kernel.Tile{K: k, Rows: rows, Stride: cols + r.IntN(9)}
	tile.Flags = r.IntN(4)
	tile.SetCols(isa, cols)
	place(r, &tile, isa.Width(cols))
	c := make([]float32, tile.Stride*rows+32)
	fill(r, tile.A)
	fill(r, tile.B)
	fill(r, c)
	if r.IntN(2) == 0 {
		tile.Bias = make([]float32, cols)
		fill(r, tile.Bias)
	}
	want := append([]float32(nil), c...)
	end := (rows-1)*tile.Stride + cols
	plain := unpacked(tile, isa.MR())
	plain.C = want[:end]
	kernel.PlainTile(&plain)
	tile.C = c[:end]
	isa.Run(&tile)
	for i := range c {
		if !same(c[i], want[i]) {
			t.Fatalf("%v, %d×%d, k %d, flags %d: value %d is %x, want %x", isa, rows, cols, k, tile.Flags, i, c[i], want[i])
		}
	}
	if len(tile.C) != end || tile.Rows != rows {
		t.Fatalf("%v, %d×%d: a run leaves %d values of C and %d rows, want %d and %d", isa, rows, cols, len(tile.C), tile.Rows, end, rows)
	}
}

// TestPair compares a row of two panels with the rows of each.
func TestPair(t *testing.T) {
	for _, isa := range kernel.All() {
		r := rand.New(rand.NewPCG(13, 14))
		for cols := 1; cols <= isa.NR(); cols++ {
			if !isa.Pairs(cols) {
				continue
			}
			for flags := range 4 {
				for _, k := range []int{0, 1, 2, 3, 4, 5, 7, 9, 64} {
					testPair(t, r, isa, kernel.Tile{K: k, Rows: 1, Stride: 2 * cols, Flags: flags, ARow: k, AStep: 1, BStep: cols}, cols)
				}
			}
		}
	}
}

func testPair(t *testing.T, r *rand.Rand, isa kernel.ISA, tile kernel.Tile, cols int) {
	t.Helper()
	tile.SetCols(isa, cols)
	panels, c := make([]float32, 2*tile.K*cols), make([]float32, 2*cols+16)
	tile.A, tile.Bias = make([]float32, tile.K), make([]float32, 2*cols)
	for _, s := range [][]float32{tile.A, panels, c, tile.Bias} {
		fill(r, s)
	}
	if r.IntN(3) == 0 {
		tile.Bias = nil
	}
	want := append([]float32(nil), c...)
	for half := range 2 {
		one := tile
		one.B, one.C = panels[half*tile.K*cols:], want[half*cols:]
		if tile.Bias != nil {
			one.Bias = tile.Bias[half*cols:]
		}
		kernel.PlainTile(&one)
	}
	tile.B, tile.C = panels, c
	isa.RunPair(&tile, panels[tile.K*cols:])
	for i := range c {
		if !same(c[i], want[i]) {
			t.Fatalf("%v, %d columns each, k %d, flags %d: value %d is %x, want %x", isa, cols, tile.K, tile.Flags, i, c[i], want[i])
		}
	}
}

// TestTileChain checks plain Go itself against the definition of a tile.
func TestTileChain(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	const rows, cols, k, stride = 3, 7, 11, 9
	tile := kernel.Tile{K: k, Rows: rows, Stride: stride, Flags: kernel.Load | kernel.ReLU, ARow: 1, AStep: rows, BStep: kernel.Plain.Width(cols)}
	tile.SetCols(kernel.Plain, cols)
	width := kernel.Plain.Width(cols)
	tile.A, tile.B, tile.C, tile.Bias = make([]float32, k*rows), make([]float32, k*width), make([]float32, rows*stride), make([]float32, cols)
	for _, s := range [][]float32{tile.A, tile.B, tile.C, tile.Bias} {
		fill(r, s)
	}
	want := make([]float32, 0, rows*cols)
	for i := range rows {
		for j := range cols {
			s := tile.C[i*stride+j]
			for p := range k {
				s = exact(tile.A[p*rows+i], tile.B[p*width+j], s)
			}
			want = append(want, max(s+tile.Bias[j], 0))
		}
	}
	kernel.Plain.Run(&tile)
	for n, w := range want {
		if got := tile.C[n/cols*stride+n%cols]; got != w {
			t.Errorf("value %d is %v, want %v", n, got, w)
		}
	}
}

func TestPack(t *testing.T) {
	for _, isa := range kernel.All() {
		r := rand.New(rand.NewPCG(7, 8))
		for range 4000 {
			p := kernel.Panel{Width: 1 + r.IntN(isa.NR()), K: r.IntN(70)}
			if r.IntN(2) == 0 {
				p.Width = isa.Width(p.Width)
			}
			p.Lines = p.Width
			if r.IntN(3) == 0 {
				p.Lines = r.IntN(p.Width + 1)
			}
			switch gap := r.IntN(4); r.IntN(3) {
			case 0:
				p.Line, p.Step = 1, p.Lines+gap
			case 1:
				p.Line, p.Step = p.K+gap, 1
			default:
				p.Line, p.Step = 2, 2*p.Lines+gap
			}
			p.From = make([]float32, max(0, p.Lines-1)*p.Line+max(0, p.K-1)*p.Step+1)
			fill(r, p.From)
			to := make([]float32, p.Width*p.K+16)
			fill(r, to)
			guard := append([]float32(nil), to...)
			isa.Pack(to, p)
			for n := range to {
				want := guard[n]
				if n < p.Width*p.K {
					want = 0
					if l := n % p.Width; l < p.Lines {
						want = p.From[l*p.Line+n/p.Width*p.Step]
					}
				}
				if !same(to[n], want) {
					t.Fatalf("%v, %d of %d lines of %d: place %d holds %v, want %v", isa, p.Lines, p.Width, p.K, n, to[n], want)
				}
			}
		}
	}
}

func TestUsable(t *testing.T) {
	all := kernel.All()
	if all[0] != kernel.Plain || kernel.Best() != all[len(all)-1] {
		t.Errorf("best of %v is %v", all, kernel.Best())
	}
	t.Log("this machine has", all)
}

// TestTileRefuses checks that nothing reaches outside of slices.
func TestTileRefuses(t *testing.T) {
	for name, change := range map[string]func(*kernel.Tile){
		"no rows":      func(t *kernel.Tile) { t.Rows = 0 },
		"too many":     func(t *kernel.Tile) { t.Rows = 9 },
		"short a":      func(t *kernel.Tile) { t.A = t.A[1:] },
		"short b":      func(t *kernel.Tile) { t.B = t.B[1:] },
		"short c":      func(t *kernel.Tile) { t.C = t.C[1:] },
		"short bias":   func(t *kernel.Tile) { t.Bias = make([]float32, 2) },
		"k below zero": func(t *kernel.Tile) { t.K = -1 },
		"far rows":     func(t *kernel.Tile) { t.ARow = 2 },
		"far columns":  func(t *kernel.Tile) { t.AStep = 3 },
		"far b":        func(t *kernel.Tile) { t.BStep++ },
		"backwards":    func(t *kernel.Tile) { t.BStep = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			tile := kernel.Tile{K: 4, Rows: 2, Stride: 5, ARow: 1, AStep: 2, BStep: kernel.Best().Width(5)}
			tile.SetCols(kernel.Best(), 5)
			tile.A, tile.B, tile.C = make([]float32, 8), make([]float32, 4*kernel.Best().Width(5)), make([]float32, 10)
			change(&tile)
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			kernel.Best().Run(&tile)
		})
	}
}
