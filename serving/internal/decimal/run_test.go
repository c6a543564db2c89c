//go:build amd64 || arm64

package decimal_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"scalar/serving/internal/decimal"
)

// check runs over a text that has a window behind it in all ways, and compares what was read with strconv. It returns how many
// numbers there were.
func check(t *testing.T, text string) int {
	t.Helper()
	words := checkRun(t, decimal.Words, text)
	vectors := checkRun(t, decimal.Vectors, text)
	n := checkRun(t, decimal.Run, text)
	if n < min(max(words, vectors), room) || n > room {
		t.Fatalf("%q: %d numbers, %d by words and %d by vectors", text, n, words, vectors)
	}
	return n
}

const room = 64

func checkRun(t *testing.T, run func(x []float32, b []byte, i int) (n, end int), text string) int {
	t.Helper()
	x := make([]float32, room)
	b := []byte(text + strings.Repeat(" ", decimal.Window))
	n, end := run(x, b, 0)
	if n == 0 {
		if end != 0 {
			t.Fatalf("%q: ends at %d", text, end)
		}
		return 0
	}
	tokens := strings.Split(string(b[:end]), ",")
	if len(tokens) != n {
		t.Fatalf("%q: %d numbers of %q", text, n, b[:end])
	}
	for i, token := range tokens {
		if i > 0 {
			token = strings.TrimPrefix(token, " ")
		}
		want, err := strconv.ParseFloat(token, 32)
		if err != nil || !json.Valid([]byte(token)) || strings.TrimSpace(token) != token || math.Float32bits(x[i]) != math.Float32bits(float32(want)) {
			t.Fatalf("%q: %q is %v: want %v %v", text, token, x[i], want, err)
		}
	}
	if next := b[end]; next|0x20 == 'e' || next-'0' <= 9 {
		t.Fatalf("%q: ends before %q", text, next)
	}
	return n
}

func TestRun(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "0123456789"[rng.IntN(10)]
		}
		return string(b)
	}
	read, all := 0, 0
	for range 100_000 {
		numbers := 1 + rng.IntN(4)
		if rng.IntN(50) == 0 {
			numbers = 70
		}
		texts := make([]string, 0, numbers)
		for range numbers {
			var text string
			switch rng.IntN(4) {
			case 0:
				text = strconv.FormatFloat(float64(rng.Float32()), 'f', -1, 32)
			case 1:
				text = strconv.FormatFloat(rng.NormFloat64(), 'f', -1, 64)
			case 2: // at and around midpoints
				x := float32(rng.NormFloat64())
				mid := (float64(x) + float64(math.Nextafter32(x, 9))) / 2
				text = strconv.FormatFloat(math.Nextafter(mid, float64(rng.IntN(3)-1)*9), 'f', 10+rng.IntN(14), 64)
			default:
				text = strconv.Itoa(rng.IntN(1e9)>>rng.IntN(30)) + "." + digits(1+rng.IntN(26))
			}
			if rng.IntN(4) == 0 {
				text = strings.TrimPrefix("-"+text, "--")
			}
			texts = append(texts, text)
		}
		all += len(texts)
		read += check(t, strings.Join(texts, []string{",", ", "}[rng.IntN(2)])+[]string{"", "]", ",x", "e5", ",5e-3", "\n"}[rng.IntN(6)])
	}
	if read < all/3 {
		t.Errorf("read %d of %d", read, all)
	}
	for _, text := range []string{"", "-", "00", "01", "-0", "0", "1.", "1.,2", ".5", "1e5", "1,2e5", "1,-", "1,,2", "1,  2", "1, 2", "99999999", "9999999", "123456789", "0.1234567e1", "16777217", "1:", "1/", "1.2:3", "--1", "1.2.3", "1,]"} {
		check(t, text)
	}
}

// Numbers of all forms that vectors read, with what may follow one, and bytes changed: none is read otherwise than strconv does.
func TestForms(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for whole := range 17 {
		for decimals := -1; decimals < 17; decimals++ {
			for _, sign := range []string{"", "-"} {
				for range 20 {
					text := sign + fmt.Sprintf("%0*d", whole, rng.Int64N(1e15))[:whole]
					if decimals >= 0 {
						text += "." + fmt.Sprintf("%016d", rng.Int64N(1e16))[:decimals]
					}
					check(t, text+",1"+[]string{"", "e5", ".", ".e", "x", ","}[rng.IntN(6)])
					b := []byte(text + ",2")
					b[rng.IntN(len(b))] = "0123456789.-+eE, ]/:"[rng.IntN(20)]
					check(t, string(b))
				}
			}
		}
	}
}

// Long runs are read as a whole.
func TestLong(t *testing.T) {
	const n = 20_000
	b := []byte(strings.Repeat("0.5,-0.0123456789012345678, ", n/2) + strings.Repeat(" ", decimal.Window))
	x := make([]float32, n+1)
	if got, end := decimal.Run(x, b, 0); got != n || string(b[end-4:end+2]) != "5678, " || x[n-2] != .5 || x[n-1] != -0.0123456789012345678 {
		t.Errorf("%d numbers up to %d", got, end)
	}
	b = []byte(strings.Repeat("0.5,", n) + strings.Repeat(" ", decimal.Window))
	if got, end := decimal.Run(x, b, 0); got != n || end != 4*n-1 || x[n-1] != .5 {
		t.Errorf("%d numbers up to %d", got, end)
	}
}

// Nothing is read where less than a window is left, a number with a window behind its first byte always, and runs end when there is no room.
func TestEnds(t *testing.T) {
	b := []byte("1,2,3,4" + strings.Repeat(" ", decimal.Window))
	for size := range b {
		n, end := decimal.Run(make([]float32, 3), b[:size:size], 0)
		least := 0
		if size >= decimal.Window {
			least = min((size-decimal.Window)/2+1, 3)
		}
		if n < least || n > 3*least || n > 3 || end != max(0, 2*n-1) {
			t.Errorf("%d bytes: %d numbers up to %d: want %d", size, n, end, least)
		}
	}
	if n, end := decimal.Run(nil, b, 2); n != 0 || end != 2 {
		t.Error(n, end)
	}
}

func FuzzRun(f *testing.F) {
	for _, text := range []string{"0.5,1,-2.25]", "12345678.123456789", "0.12345678901234567,1e5", "1, 2,  3", "00,-", fmt.Sprint(math.Pi, ",", math.MaxFloat32)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { check(t, text) })
}
