package pairs_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp/scan/pairs"
)

var line = regexp.MustCompile(`^([0-9]+)[ \t]([0-9]+)\n`)

// plain reads lines as the documentation says.
func plain(b []byte, i int) (xs []uint64, end int) {
	for {
		m := line.FindSubmatch(b[i:])
		if m == nil {
			return xs, i
		}
		first, err := strconv.ParseInt(string(m[1]), 10, 64)
		if err != nil {
			return xs, i
		}
		second, err := strconv.ParseInt(string(m[2]), 10, 64)
		if err != nil {
			return xs, i
		}
		xs, i = append(xs, uint64(first), uint64(second)), i+len(m[0])
	}
}

func check(t *testing.T, b []byte, i int) {
	t.Helper()
	want, wantEnd := plain(b, i)
	for name, read := range map[string]func(xs []uint64, b []byte, i int) ([]uint64, int){"": pairs.Append, ", line by line": pairs.Fast, ", without vectors": pairs.Lanes} {
		if got, end := read([]uint64{7}, b, i); end != wantEnd || !slices.Equal(got[1:], want) || got[0] != 7 {
			t.Fatalf("%q from %d%s: end %d of %d, %d numbers of %d", b, i, name, end, wantEnd, len(got)-1, len(want))
		}
	}
}

// Lines of numbers of all lengths are read at all places of a block.
func TestAppend(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		var b []byte
		short := []int{0, 40, 42}[r.IntN(3)] // at least so many bits are 0: of numbers of up to seven digits, or a few of eight
		number := func() uint64 { return r.Uint64() >> max(1+r.IntN(63), short) }
		for range r.IntN(200) {
			b = fmt.Appendf(b, "%d%c%d\n", number(), " \t"[r.IntN(2)], number())
		}
		check(t, b, 0)
		check(t, b, bytes.IndexByte(b, '\n')+1)
		if round%3 == 0 && len(b) > 0 { // something else in the middle
			b[r.IntN(len(b))] = "\r#x-/:\n 0"[r.IntN(9)]
			check(t, b, 0)
		}
	}
}

// What is no line of two numbers ends it, wherever it stands.
func TestEnds(t *testing.T) {
	for _, odd := range []string{
		"", "1 2", "1", "\n", " 1 2\n", "1  2\n", "1 2 \n", "1 2 3\n", "1 2\r\n", "1\n2\n", "# 1\n", "1 x\n", "-1 2\n", "1,2\n", "1 \n", "\t2\n", "1:2\n", "1/2\n",
		"9223372036854775808 1\n", "1 9223372036854775808\n", "18446744073709551617 1\n", "99999999999999999999 1\n", "1 100000000000000000000000\n", "1 2\x00", "1\xb02\n",
	} {
		for before := range 40 {
			check(t, []byte(strings.Repeat("12 345\n", before)+odd+strings.Repeat("1234567 89\n", 30)), 0)
		}
	}
	for _, fine := range []string{"9223372036854775807 9223372036854775807\n", "0000000000000000 00000000000000001\n", "0000000000000000000000000012 1\n", "9999999999999999 10000000000000000\n"} {
		for before := range 40 {
			check(t, []byte(strings.Repeat("12 345\n", before)+fine+strings.Repeat("1234567 89\n", 30)), 0)
		}
	}
}

func FuzzAppend(f *testing.F) {
	f.Add([]byte("1 2\n3\t4\n"), uint8(9))
	f.Add([]byte("9223372036854775807 9223372036854775808\n12345678 123456789\n"), uint8(3))
	f.Add([]byte("0000000000000000012 1\n1 2\r\n"), uint8(20))
	f.Fuzz(func(t *testing.T, b []byte, before uint8) {
		check(t, slices.Concat(bytes.Repeat([]byte("10 2\n"), int(before%32)), b, bytes.Repeat([]byte("1234 567\n"), int(before/32)*3)), 0)
	})
}

func BenchmarkAppend(b *testing.B) {
	for _, bits := range []int{20, 62} {
		r := rand.New(rand.NewPCG(1, 2))
		var text []byte
		for len(text) < 128<<10 {
			text = fmt.Appendf(text, "%d %d\n", r.Uint64N(1<<bits), r.Uint64N(1<<bits))
		}
		var xs []uint64
		b.Run(fmt.Sprint("bits=", bits), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				xs, _ = pairs.Append(xs[:0], text, 0)
			}
		})
		b.Run(fmt.Sprint("lanes,bits=", bits), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				xs, _ = pairs.Lanes(xs[:0], text, 0)
			}
		})
	}
}
