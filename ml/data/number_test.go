package data_test

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"scalar/ml/data"

	"pgregory.net/rapid"
)

// parse compares both parsers with strconv, which takes 1_0 and 0x1p-2 too.
func parse(t rapid.TB, field string) {
	t.Helper()
	decimal := !strings.ContainsAny(field, "_xX")
	x, ok := data.Parse32([]byte(field))
	want, err := strconv.ParseFloat(field, 32)
	finite := decimal && err == nil && want-want == 0
	if ok != finite || ok && math.Float32bits(x) != math.Float32bits(float32(want)) {
		t.Fatalf("%q: %g, %v; want %g, %v", field, x, ok, want, err)
	}
	y, ok := data.Parse64([]byte(field))
	want, err = strconv.ParseFloat(field, 64)
	finite = decimal && err == nil && want-want == 0
	if ok != finite || ok && math.Float64bits(y) != math.Float64bits(want) {
		t.Fatalf("%q: %g, %v; want %g, %v", field, y, ok, want, err)
	}
}

func TestNumbers(t *testing.T) {
	for _, field := range []string{
		"", "0", "-0", "-", ".", "1.", ".5", "-.5", "+1", "1e5", "0x1p-2", "1_0", "nan", "NaN", "inf", "-Infinity",
		"3.4028235e38", "3.4028236e38", "1e39", "1e-46", "0.000000000000001", "16777217", "16777217.0", "16777216.9999999",
		"33554434.9999999", "123456789012345", "1234567890123456", "1.0000000596046448", "1.000000059604645", "8388608.5", "8388609.5", "00000000000000000001.5",
	} {
		parse(t, field)
	}
	rapid.Check(t, func(t *rapid.T) {
		parse(t, rapid.StringMatching(`-?[0-9]{0,9}\.?[0-9]{0,9}|[0-9.e+-]{1,14}`).Draw(t, "field"))
	})
	// Half-way between two float32, and next to it, in as many digits as fit.
	rapid.Check(t, func(t *rapid.T) {
		x := math.Float32frombits(rapid.Uint32Range(0x3a000000, 0x4b000000).Draw(t, "bits"))
		mid := (float64(x) + float64(math.Nextafter32(x, math.MaxFloat32))) / 2
		parse(t, strconv.FormatFloat(mid, 'f', rapid.IntRange(0, 24).Draw(t, "decimals"), 64))
	})
}

func FuzzNumbers(f *testing.F) {
	for _, seed := range []string{"0", "-1.5", "1e-7", "16777217.25", "nan"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) { parse(t, field) })
}

// A sum is what rational numbers say, in any grouping and over the wire.
func TestExactSum(tt *testing.T) {
	rapid.Check(tt, func(t *rapid.T) {
		xs := rapid.SliceOf(rapid.Float32()).Draw(t, "xs")
		want := new(big.Rat)
		terms := make([]float64, 0, len(xs))
		for i, x := range xs {
			v := float64(x)
			if i%2 == 1 {
				v *= v
			}
			if v-v != 0 {
				v = 1
			}
			terms = append(terms, v)
			want.Add(want, new(big.Rat).SetFloat64(v))
		}
		cut := rapid.IntRange(0, len(terms)).Draw(t, "cut")
		got, ok := data.ExactSum(terms[:cut], terms[cut:])
		if !ok || got.Cmp(want) != 0 {
			t.Fatalf("%v: %v, %v; want %v", terms, got, ok, want)
		}
	})
	tiny, huge := float64(math.SmallestNonzeroFloat32), float64(math.MaxFloat32)
	got, ok := data.ExactSum([]float64{huge * huge, tiny * tiny}, []float64{-huge * huge, -tiny})
	want := new(big.Rat).Sub(new(big.Rat).SetFloat64(tiny*tiny), new(big.Rat).SetFloat64(tiny))
	if !ok || got.Cmp(want) != 0 {
		tt.Errorf("%v, %v; want %v", got, ok, want)
	}
}

func TestMoments(t *testing.T) {
	sums, squares := big.NewRat(10, 1), big.NewRat(30, 1) // 1 2 3 4
	if mean, deviation := data.Moments(4, sums, squares); mean != 2.5 || deviation != math.Sqrt(1.25) {
		t.Errorf("%v, %v", mean, deviation)
	}
	if mean, deviation := data.Moments(0, new(big.Rat), new(big.Rat)); mean != 0 || deviation != 0 {
		t.Errorf("of nothing: %v, %v", mean, deviation)
	}
}

// All numbers of 16 bits that are finite, against the definition.
func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		sign, exponent, mantissa := 1.0, h>>10&31, float64(h&1023)
		if h>>15 == 1 {
			sign = -1
		}
		want := sign * math.Pow(2, float64(exponent)-15) * (1 + mantissa/1024)
		switch {
		case exponent == 0:
			want = sign * math.Pow(2, -14) * mantissa / 1024
		case exponent == 31 && mantissa == 0:
			want = math.Inf(int(sign))
		case exponent == 31:
			want = math.NaN()
		}
		if got := data.Half(uint16(h)); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("%04x: %v, want %v", h, got, want)
		}
	}
}
