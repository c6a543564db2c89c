package decimal_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"

	"scalar/serving/internal/decimal"
)

// twin appends a float32 by strconv, as encoding/json does.
func twin(dst []byte, x float32) []byte {
	format := byte('f')
	if abs := math.Abs(float64(x)); abs != 0 && (float32(abs) < 1e-6 || float32(abs) >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, float64(x), format, -1, 32)
	if n := len(dst); format == 'e' && n >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1] // e-09 is e-9
		dst = dst[:n-1]
	}
	return dst
}

// same compares the text of a float32 with that of strconv.
func same(t *testing.T, x float32, got, want []byte) {
	t.Helper()
	if x-x != 0 {
		return
	}
	got, want = decimal.Append(got[:0], x), twin(want[:0], x)
	if string(got) != string(want) {
		t.Fatalf("%x: %s: want %s", math.Float32bits(x), got, want)
	}
}

func TestAppend(t *testing.T) {
	got, want := make([]byte, 0, 64), make([]byte, 0, 64)
	both := func(bits uint32) {
		same(t, math.Float32frombits(bits), got, want)
		same(t, math.Float32frombits(bits|1<<31), got, want)
	}
	// Of each exponent the first and the last significands, which are unlike others, and some of the rest.
	rng := rand.New(rand.NewPCG(5, 6))
	for exponent := range uint32(255) {
		for i := range uint32(1000) {
			both(exponent<<23 | i)
			both(exponent<<23 | 1<<23 - 1 - i)
			both(exponent<<23 | rng.Uint32()>>9)
		}
		for bit := range 23 {
			both(exponent<<23 | 1<<bit)
		}
	}
	// Powers of ten, and numbers of few digits, with their neighbours.
	for e := -46; e <= 38; e++ {
		for m := range 1000 {
			x, _ := strconv.ParseFloat(strconv.Itoa(m)+"e"+strconv.Itoa(e), 32)
			if bits := math.Float32bits(float32(x)); bits > 0 && x <= math.MaxFloat32 {
				both(bits - 1)
				both(bits)
				both(bits + 1)
			}
		}
	}
	for n := range uint32(200_000) { // whole numbers
		same(t, float32(n), got, want)
		same(t, float32(rng.Uint32()), got, want)
		same(t, rng.Float32(), got, want)
	}
	if text := decimal.Append([]byte("x"), -0.5); string(text) != "x-0.5" {
		t.Errorf("%q", text)
	}
}

// The powers are those of ten, rounded up.
func TestTens(t *testing.T) {
	for i, ten := range decimal.Tens {
		e := i + decimal.Lowest
		x := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(e, -e))), nil))
		if e < 0 {
			x.Inv(x)
		}
		least := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 63))
		for x.Cmp(least) < 0 {
			x.Mul(x, big.NewRat(2, 1))
		}
		for most := new(big.Rat).Add(least, least); x.Cmp(most) >= 0; {
			x.Mul(x, big.NewRat(1, 2))
		}
		up := new(big.Int).Add(x.Num(), x.Denom())
		up.Sub(up, big.NewInt(1)).Div(up, x.Denom())
		if up.Cmp(new(big.Int).SetUint64(ten)) != 0 {
			t.Errorf("10^%d: %x: want %x", e, ten, up)
		}
	}
}

func FuzzAppend(f *testing.F) {
	f.Add(uint32(0x3f800000))
	f.Fuzz(func(t *testing.T, bits uint32) { same(t, math.Float32frombits(bits), nil, nil) })
}

func BenchmarkAppend(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 1000)
	for i := range x {
		x[i] = float32(math.Exp(-8 * rng.Float64())) // as probabilities are
	}
	for _, w := range []struct {
		name string
		f    func(dst []byte, x float32) []byte
	}{{"own", decimal.Append}, {"strconv", twin}} {
		b.Run(w.name, func(b *testing.B) {
			buf, i := make([]byte, 0, 64), 0
			for b.Loop() {
				buf = w.f(buf[:0], x[i])
				if i++; i == len(x) {
					i = 0
				}
			}
		})
	}
}
