package graph_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp/graph"

	"pgregory.net/rapid"
)

func TestParseEdges(t *testing.T) {
	for _, c := range []struct {
		name, text string
		kind       graph.IDs
		want       string // ids separated by blanks
		weights    []float64
	}{
		{name: "plain", text: "1 2\n3 4\n", want: "1 2 3 4"},
		{name: "tabs, many blanks, CRLF", text: "\t1\t 2 \r\n  3   4\t\r\n", want: "1 2 3 4"},
		{name: "no end of line", text: "1 2\n3 4", want: "1 2 3 4"},
		{name: "comments and empty lines", text: "# SNAP\n\n  # more\n1 2 # here\n\r\n#\n3 4 #\n", want: "1 2 3 4"},
		{name: "loop and duplicate", text: "7 7\n1 2\n1 2\n", want: "7 7 1 2 1 2"},
		{name: "largest id", text: "9223372036854775807 0\n", want: "9223372036854775807 0"},
		{name: "long and short numbers", text: "12345678 1234567\n123456789 12345678901234567\n", want: "12345678 1234567 123456789 12345678901234567"},
		{name: "leading zeros", text: "007 0000000000000000000000000012\n", want: "7 12"},
		{name: "weights", text: "1 2 0.5\n3 4\n5 6 7\n8 9 -1e3 # c\n", want: "1 2 3 4 5 6 8 9", weights: []float64{0.5, 1, 7, -1000}},
		{name: "exact weights", text: "1 2 12345678901234567890\n1 2 0.1\n", want: "1 2 1 2", weights: []float64{12345678901234567890, 0.1}},
		{name: "nothing", text: "", want: ""},
		{name: "only a comment", text: "# x", want: ""},
		{name: "names", kind: graph.Strings, text: "libc6 bash\n ä\tb-1 \r\n", want: "libc6 bash ä b-1"},
		{name: "names like numbers", kind: graph.Strings, text: "1 01\n-1 1.5 2\n", want: "1 01 -1 1.5"},
		{name: "names with #", kind: graph.Strings, text: "a#1 b# #c\n", want: "a#1 b#"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ids, _, _, err := graph.ParseEdges([]byte(c.text), c.kind, false)
			if err != nil || strings.Join(ids, " ") != c.want {
				t.Fatalf("ids %q, %v; want %q", ids, err, c.want)
			}
			ids, weights, _, err := graph.ParseEdges([]byte(c.text), c.kind, true)
			if err != nil || strings.Join(ids, " ") != c.want || len(weights) != len(ids)/2 {
				t.Fatalf("with weights: %q %v, %v; want %q", ids, weights, err, c.want)
			}
			if c.weights != nil && !slices.Equal(weights, c.weights) {
				t.Fatalf("weights %v, want %v", weights, c.weights)
			}
		})
	}
}

func TestParseEdgesMalformed(t *testing.T) {
	for _, c := range []struct {
		name, text string
		kind       graph.IDs
		offset     int
		what       string
	}{
		{name: "one field", text: "1 2\n3\n", offset: 4, what: "one field"},
		{name: "one field at the end", text: "1 2\n3", offset: 4, what: "one field"},
		{name: "four fields", text: "1 2\n3 4 5 6\n", offset: 10, what: "more than three fields"},
		{name: "a name", text: "1 2\n3 x7\n", offset: 6, what: `"x7" is no vertex id`},
		{name: "negative", text: "-1 2\n", offset: 0, what: `"-1" is no vertex id`},
		{name: "plus", text: "+1 2\n", offset: 0, what: "no vertex id"},
		{name: "fraction", text: "1 2.0\n", offset: 2, what: `"2.0" is no vertex id`},
		{name: "comma", text: "1,2\n", offset: 0, what: "one field"},
		{name: "too large", text: "1 9223372036854775808\n", offset: 2, what: "9223372036854775807"},
		{name: "far too large", text: "123456789012345678901234567890 1\n", offset: 0, what: "no vertex id"},
		{name: "weight", text: "1 2 heavy\n", offset: 4, what: `"heavy" is no weight`},
		{name: "weight NaN", text: "1 2 NaN\n", offset: 4, what: "finite"},
		{name: "weight infinite", text: "1 2 1e999\n", offset: 4, what: "finite"},
		{name: "zero byte", text: "1 2\x00\n", offset: 2, what: "no vertex id"},
		{name: "long field", text: "1 " + strings.Repeat("y", 100) + "\n", offset: 2, what: "…"},
		{name: "one name", kind: graph.Strings, text: "a b\nc # d\n", offset: 4, what: "one field"},
		{name: "four names", kind: graph.Strings, text: "a b 1 c\n", offset: 6, what: "more than three"},
		{name: "weight of names", kind: graph.Strings, text: "a b c\n", offset: 4, what: "no weight"},
		{name: "long name", kind: graph.Strings, text: strings.Repeat("n", graph.MaxString+1) + " b\n", offset: 0, what: "65537 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, weights := range []bool{false, true} {
				_, _, offset, err := graph.ParseEdges([]byte(c.text), c.kind, weights)
				if err == nil || offset != c.offset || !strings.Contains(err.Error(), c.what) || strings.Contains(err.Error(), "\n") {
					t.Fatalf("byte %d: %v; want byte %d: …%s…", offset, err, c.offset, c.what)
				}
			}
		})
	}
}

func TestParseVertices(t *testing.T) {
	ids, _, err := graph.ParseVertices([]byte("# v\n 7\r\n\n3\t\n9"), graph.Integers)
	if err != nil || strings.Join(ids, " ") != "7 3 9" {
		t.Fatalf("%q, %v", ids, err)
	}
	if _, offset, err := graph.ParseVertices([]byte("1\n2 3\n"), graph.Integers); err == nil || offset != 4 {
		t.Fatalf("byte %d: %v", offset, err)
	}
	if _, offset, err := graph.ParseVertices([]byte("1\nx\n"), graph.Integers); err == nil || offset != 2 {
		t.Fatalf("byte %d: %v", offset, err)
	}
}

// plainEdges is the parser that the fast one is compared with.
func plainEdges(text string, kind graph.IDs) (ids []string, weights []float64, ok bool) {
	for line := range strings.SplitSeq(text, "\n") {
		var fields []string
		for _, f := range strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' }) {
			if f[0] == '#' {
				break
			}
			fields = append(fields, f)
		}
		if len(fields) == 0 {
			continue
		}
		if len(fields) == 1 || len(fields) > 3 {
			return nil, nil, false
		}
		for _, f := range fields[:2] {
			if kind == graph.Integers {
				v, err := strconv.ParseUint(f, 10, 63)
				if err != nil || f[0] == '+' {
					return nil, nil, false
				}
				f = strconv.FormatUint(v, 10)
			} else if len(f) > graph.MaxString {
				return nil, nil, false
			}
			ids = append(ids, f)
		}
		w := 1.0
		if len(fields) == 3 {
			var err error
			if w, err = strconv.ParseFloat(fields[2], 64); err != nil || w-w != 0 {
				return nil, nil, false
			}
		}
		weights = append(weights, w)
	}
	return ids, weights, true
}

func compareParsers(t rapid.TB, text string) {
	for _, kind := range []graph.IDs{graph.Integers, graph.Strings} {
		for _, keep := range []bool{false, true} {
			ids, weights, offset, err := graph.ParseEdges([]byte(text), kind, keep)
			wantIDs, wantWeights, ok := plainEdges(text, kind)
			if ok != (err == nil) {
				t.Fatalf("kind %d: %q: %v, the plain parser says %v", kind, text, err, ok)
			}
			if err != nil {
				if offset < 0 || offset >= len(text) {
					t.Fatalf("%q: byte %d", text, offset)
				}
				continue
			}
			if !slices.Equal(ids, wantIDs) || keep && !slices.Equal(weights, wantWeights) {
				t.Fatalf("kind %d: %q: %q %v, the plain parser has %q %v", kind, text, ids, weights, wantIDs, wantWeights)
			}
		}
	}
}

func TestParseEdgesLikeThePlainParser(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		field := rapid.SampledFrom([]string{"0", "1", "12", "1234567", "12345678", "123456789", "1234567890123456", "9223372036854775807", "9223372036854775808", "0.5", "1e3", "a", "#", "-3", "\x80"})
		gap := rapid.SampledFrom([]string{" ", "\t", "  ", "\r", "\n", "\r\n", " \n"})
		var b strings.Builder
		for range rapid.IntRange(0, 12).Draw(t, "n") {
			b.WriteString(field.Draw(t, "field"))
			b.WriteString(gap.Draw(t, "gap"))
		}
		compareParsers(t, b.String())
	})
}

// Blocks are parsed from two places at once, or window by window: whatever stands in one half or window or the other.
func TestParseEdgesInHalves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		top := rapid.SampledFrom([]uint64{10, 1e4, 1e7, 1e8, 1e10, 1 << 63}).Draw(t, "top")
		odd := rapid.SampledFrom([]string{"", "# 1 2", "12345678 1", "1 12345678", "1  2", "1\t2", "1 2 3", "", " 1 2", "1 2\r", "7", "a b", "1 2 3 4", "1 9223372036854775808", strings.Repeat("n", 3000) + " m", "a #b", "a\x01b c"})
		lines := make([]string, rapid.IntRange(0, rapid.SampledFrom([]int{40, 400}).Draw(t, "most")).Draw(t, "n"))
		for i := range lines {
			lines[i] = fmt.Sprintf("%d %d", rng.Uint64N(top), rng.Uint64N(top))
		}
		for range rapid.IntRange(0, 2).Draw(t, "odd ones") {
			lines = slices.Insert(lines, rng.IntN(len(lines)+1), odd.Draw(t, "line"))
		}
		compareParsers(t, strings.Join(lines, "\n")+rapid.SampledFrom([]string{"", "\n"}).Draw(t, "end"))
	})
}

// No byte after a half is looked at, whatever its last line is.
func TestParseEdgesAtTheEnd(t *testing.T) {
	for digits := range 20 {
		for after := range 20 {
			for cut := range 3 {
				line := strings.Repeat("1", digits) + " " + strings.Repeat("2", after) + "\n"
				text := strings.Repeat("1 2\n", 12) + line
				compareParsers(t, text[:len(text)-cut])
				compareParsers(t, strings.Repeat("1 2\n", 6)+line+strings.Repeat("1 2\n", 10))
			}
		}
	}
}

func FuzzParseEdges(f *testing.F) {
	for _, seed := range []string{"", "1 2\n", "1 2 0.5\r\n# c\n12345678 123456789\n", "a b\nc\n", "9223372036854775808 1", "1 2 3 4\n", "\x00 \xff\n", "1\t2\t1e400"} {
		f.Add(seed)
	}
	f.Add(strings.Repeat("1 2\n12345 678\n", 9))
	f.Fuzz(func(t *testing.T, text string) { compareParsers(t, text) })
}

// edgesText is an R-MAT-like text of about n bytes.
func edgesText(n int, weights bool) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%d %d", rng.IntN(1<<18), rng.IntN(1<<18))
		if weights {
			fmt.Fprintf(&b, " %d", rng.IntN(255)+1)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct {
		name                  string
		kind                  graph.IDs
		weights, keep, intern bool
	}{
		{name: "ints"},
		{name: "ints+intern", intern: true},
		{name: "weights ignored", weights: true},
		{name: "weights kept", weights: true, keep: true},
		{name: "names+intern", kind: graph.Strings, intern: true},
	} {
		b.Run(c.name, func(b *testing.B) {
			text := edgesText(8<<20, c.weights)
			p := graph.NewParser(c.kind, c.keep)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				for rest := text; len(rest) > 0; {
					n := min(len(rest), 128<<10)
					n = bytes.LastIndexByte(rest[:n], '\n') + 1
					if err := p.Block(rest[:n], c.intern); err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
				}
			}
		})
	}
}
