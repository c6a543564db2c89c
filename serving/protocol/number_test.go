package protocol_test

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"scalar/serving/protocol"
)

var numbers = flag.Int("numbers", 100_000, "random numbers of TestNumbers")

// checkNumber compares a number with strconv, in the middle of a body and at its end.
func checkNumber(t *testing.T, s *protocol.Signature, r *protocol.Request, text string) {
	t.Helper()
	want, bad := strconv.ParseFloat(text, 32)
	for _, pad := range []string{"", strings.Repeat(" ", 60)} {
		err := r.ParseNative(s, []byte("application/json"), []byte("["+text+","+text+"]"+pad))
		if (err == nil) != (bad == nil) {
			t.Fatalf("%s: %v, want %v %v", text, err, want, bad)
		}
		for _, got := range r.X[:min(len(r.X), 2)] {
			if err == nil && math.Float32bits(got) != math.Float32bits(float32(want)) {
				t.Fatalf("%s: %v (%x), want %v (%x)", text, got, math.Float32bits(got), want, math.Float32bits(float32(want)))
			}
		}
	}
}

// numberText returns the text of a number, of one of several kinds.
func numberText(rng *rand.Rand) string {
	x32 := math.Float32frombits(rng.Uint32())
	if x32-x32 != 0 {
		x32 = 1
	}
	switch rng.IntN(12) {
	case 0:
		return strconv.FormatFloat(float64(x32), 'g', -1, 32)
	case 1:
		return strconv.FormatFloat(float64(x32), 'f', -1, 32)
	case 2:
		return strconv.FormatFloat(float64(rng.Float32()), 'g', -1, 32)
	case 3:
		return strconv.FormatFloat(rng.NormFloat64(), 'g', -1, 64)
	case 4: // a midpoint between two float32s, and its neighbours
		mid := (float64(x32) + float64(math.Nextafter32(x32, math.MaxFloat32))) / 2
		for range rng.IntN(3) {
			mid = math.Nextafter(mid, float64(rng.IntN(3)-1)*math.MaxFloat64)
		}
		return strconv.FormatFloat(mid, 'e', []int{-1, 40, 60}[rng.IntN(3)], 64)
	case 5: // a midpoint of numbers that are written without an exponent
		x := float32(rng.NormFloat64() * 100)
		mid := (float64(x) + float64(math.Nextafter32(x, 1000))) / 2
		return strconv.FormatFloat(mid, 'f', -1, 64) + []string{"", "0", "1", "00000001"}[rng.IntN(4)]
	case 6:
		return strconv.FormatInt(rng.Int64()>>rng.IntN(63), 10)
	case 7:
		return fmt.Sprintf("%d.%0*d", rng.Int64()>>rng.IntN(63), 1+rng.IntN(30), rng.Int64()>>rng.IntN(63)&math.MaxInt64)
	case 8:
		return fmt.Sprintf("%de%d", rng.Int64()>>rng.IntN(63), rng.IntN(120)-60)
	case 9:
		return fmt.Sprintf("%d.%dE%+d", rng.IntN(10), rng.Uint64()>>rng.IntN(64), rng.IntN(100)-50)
	case 10: // near the ends of float32
		return fmt.Sprintf("%.*ge%d", 1+rng.IntN(20), rng.Float64()*10, []int{38, 37, -38, -39, -44, -45, -46}[rng.IntN(7)])
	}
	return strings.Repeat("0", 1) + "." + strings.Repeat("0", rng.IntN(50)) + strconv.Itoa(rng.IntN(1e9))
}

func TestNumbers(t *testing.T) {
	s, r := iris2(t), &protocol.Request{}
	rng := rand.New(rand.NewPCG(5, 6))
	for range *numbers {
		text := numberText(rng)
		if strings.Contains(text, "ee") || strings.Contains(text, ".-") || strings.Count(text, "e") > 1 {
			continue
		}
		checkNumber(t, s, r, text)
	}
	for _, text := range []string{
		"0", "-0", "0.0", "-0.0e10", "0e99", "0e-99", "3.4028235e38", "3.4028235677973366e38", "3.4028235677973367e38", "-3.4028236e38", "1e39", "1e400", "-1e39", "1e-46", "1.4e-45", "7e-46",
		"7.1e-46", "1e-400", "16777217", "16777217.0", "16777216.9999999999999999", "16777217.00000000000000001", "0.1", "0.3", "123456789012345678901234567890", "1.1754943508222875e-38",
		"1.1754942807573643e-38", "99999999", "9999999", "0.99999999", "0.9999999999999999", "0.99999999999999999999999999", "1e60", "1e-60", "1e61", "9999999.9999999999999999999999e-60",
	} {
		checkNumber(t, s, r, text)
	}
}

// What is no number is refused by all that read one.
func TestNoNumbers(t *testing.T) {
	s, r := iris2(t), &protocol.Request{}
	for _, text := range []string{"", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1.e5", "NaN", "nan", "Infinity", "-Infinity", "0x1", "1_000", "1a", "--1", "1.2.3", "1e5.5", "00", "１", "true", `"1"`, "[1]", "{}", "nul"} {
		for _, pad := range []string{"", strings.Repeat(" ", 60)} {
			if err := r.ParseNative(s, []byte("application/json"), []byte("["+text+",1]"+pad)); err == nil {
				t.Errorf("%q is taken as %v", text, r.X)
			}
		}
	}
}

// iris2 has two columns.
func iris2(tb testing.TB) *protocol.Signature {
	tb.Helper()
	s := &protocol.Signature{
		Model: "two", Version: "1", Inputs: []protocol.Tensor{{Name: "input", Datatype: protocol.FP32, Shape: []int{-1, 2}}},
		Outputs: []protocol.Tensor{{Name: "prediction", Datatype: protocol.FP32, Shape: []int{-1, 1}}},
	}
	if err := s.Init(); err != nil {
		tb.Fatal(err)
	}
	return s
}

func FuzzNumber(f *testing.F) {
	for _, text := range []string{"0", "-0.5", "1e39", "16777217", "0.123456789012345678", "1E+05", "3.4028236e38", "00", "1."} {
		f.Add(text)
	}
	s, r := iris2(f), &protocol.Request{}
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range []byte(text) {
			if !bytes.ContainsRune([]byte("0123456789+-.eE"), rune(c)) {
				t.Skip()
			}
		}
		if len(text) == 0 || protocol.CheckJSON([]byte(text)) != nil {
			return
		}
		checkNumber(t, s, r, text)
	})
}
