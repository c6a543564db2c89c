package graph_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"
	"scalar/bsp/job"

	"pgregory.net/rapid"
)

// convert makes a binary graph beside a text and returns its path.
func convert(t fataler, in graph.Input, text string) (string, graph.Converted) {
	t.Helper()
	var b bytes.Buffer
	made, err := graph.Convert(testContext, in, text, &b)
	if err != nil {
		t.Fatalf("convert: %v", err)
	}
	if err := os.WriteFile(text+".bin", b.Bytes(), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	return text + ".bin", made
}

// sameResults runs PageRank, SSSP and LCC on a text and on its binary form. Vertices of large ids have other numbers in that, and so sums
// of ranks other last bits.
func sameResults(tb testing.TB, t fataler, in graph.Input, text, bin string) {
	tb.Helper()
	t.Helper()
	from := in
	from.Format = graph.Edges
	rank := algo.PageRank{Iterations: 7, Damping: 0.85}
	for _, undirected := range []bool{false, true} {
		in.Undirected, from.Undirected = undirected, undirected
		for name, two := range map[string][2]bsp.Runner{
			"pagerank": {bsp.NewRunner(rank.Program(in)), bsp.NewRunner(rank.Program(from))},
			"sssp":     {bsp.NewRunner(algo.SSSP(in, "1")), bsp.NewRunner(algo.SSSP(from, "1"))},
			"lcc":      {bsp.NewRunner(algo.LCC(in)), bsp.NewRunner(algo.LCC(from))},
		} {
			for _, peers := range []int{1, 2, 3} {
				want := outcome(tb, t, trial{runner: two[0], input: text, peers: peers})
				got := outcome(tb, t, trial{runner: two[1], input: bin, peers: peers, tasks: min(peers, 2)})
				if name == "pagerank" {
					sameRanks(t, got.Output, ranks(t, want.Output))
				} else if !bytes.Equal(got.Output, want.Output) {
					t.Fatalf("%s, undirected %v, %d peers: %.300q, from text %.300q", name, undirected, peers, got.Output, want.Output)
				}
				if got.Supersteps != want.Supersteps || len(got.Output) == 0 {
					t.Fatalf("%s, undirected %v, %d peers: %.300q, from text %.300q", name, undirected, peers, got.Output, want.Output)
				}
			}
		}
	}
}

// ranks reads an output of PageRank.
func ranks(t fataler, output []byte) map[string]float64 {
	t.Helper()
	of := map[string]float64{}
	for id, text := range table(t, output) {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatalf("%v", err)
		}
		of[id] = x
	}
	return of
}

func TestBinaryGivesTheSame(t *testing.T) {
	for _, format := range formats {
		for _, symmetric := range []bool{false, true} {
			if symmetric && format != graph.MatrixMarket {
				continue
			}
			s := drawSketch(rand.New(rand.NewPCG(11, uint64(format))), 3000, 9000, symmetric || format == graph.METIS)
			in := graph.Input{Format: format}
			text := write(t, "graph", s.text(format, symmetric))
			bin, made := convert(t, in, text)
			want, _ := plainRead(s.text(format, symmetric), in)
			if made.Vertices != int64(len(want.vertices)) || made.Edges != int64(len(want.edges)) || !made.Weights {
				t.Fatalf("format %d: %+v of %d vertices and %d edges", format, made, len(want.vertices), len(want.edges))
			}
			sameResults(t, t, in, text, bin)
			rank := algo.PageRank{Iterations: 7, Damping: 0.85}.Program(graph.Input{})
			bsptest.SameBits(t, bsptest.Config{Input: bin, Peers: 3, Tasks: 2, RestartAt: 3}, bsp.NewRunner(rank))
		}
	}
}

// Many blocks of ids and of edges without weights, more than there are peers.
func TestBinaryOfManyBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	var b strings.Builder
	b.WriteString("1 2\n")
	for range 70_000 {
		fmt.Fprintf(&b, "%d %d\n", rng.Uint64()>>1>>(40*rng.IntN(2)), rng.IntN(40_000))
	}
	text := write(t, "edges", b.String())
	bin, made := convert(t, graph.Input{}, text)
	if made.Weights || made.Edges != 70_001 {
		t.Fatalf("%+v", made)
	}
	if st, err := os.Stat(bin); err != nil || st.Size() < graph.BinaryHeader+8*graph.BinaryBlock {
		t.Fatalf("%v, %v", st, err)
	}
	sameResults(t, t, graph.Input{}, text, bin)
}

func TestBinaryOfNames(t *testing.T) {
	var b strings.Builder
	b.WriteString("1 2 0.5\n")
	rng := rand.New(rand.NewPCG(4, 9))
	name := func() string {
		n := rng.IntN(2000)
		return fmt.Sprintf("%x%s", n, strings.Repeat("n", n%200))
	}
	for range 5000 {
		fmt.Fprintf(&b, "%s\t%s %d\n", name(), name(), rng.IntN(9))
	}
	fmt.Fprintf(&b, "1 %s\n", strings.Repeat("m", graph.MaxString))
	in := graph.Input{IDs: graph.Strings}
	text := write(t, "edges", b.String())
	bin, made := convert(t, in, text)
	if !made.Weights {
		t.Fatalf("%+v", made)
	}
	sameResults(t, t, in, text, bin)
}

func TestBinaryLikeTextOfRandomGraphs(tt *testing.T) {
	dir := tt.TempDir()
	rapid.Check(tt, func(t *rapid.T) {
		d := drawGraph(t)
		d.text += "1 1\n" // sssp has a source
		text := d.files(t, dir)
		d.in.Undirected = false
		// The file of vertices goes into the binary graph, or beside it.
		in := d.in
		if rapid.Bool().Draw(t, "beside") {
			in.Vertices = ""
		}
		bin, _ := convert(t, in, text)
		from := d.in
		if in.Vertices != "" {
			from.Vertices = ""
		}
		peers := rapid.IntRange(1, 4).Draw(t, "peers")
		rank := algo.PageRank{Iterations: 3, Damping: 0.85}
		want := outcome(tt, t, trial{runner: bsp.NewRunner(rank.Program(d.in)), input: text, peers: peers})
		got := outcome(tt, t, trial{runner: bsp.NewRunner(rank.Program(from)), input: bin, peers: peers})
		sameRanks(t, got.Output, ranks(t, want.Output))
	})
}

// The bytes of a small file, as docs/formats.md has them.
func TestBinaryGolden(t *testing.T) {
	bin, _ := convert(t, graph.Input{}, write(t, "edges", "7 300 0.5\n300 5\n"))
	b, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]string{
		0:                          "89425350475241" + "0a" + "01000000" + "02000000" + "0300000000000000" + "0200000000000000" + "0100000000000000",
		graph.BinaryHeader - 4:     "bae88028",
		graph.BinaryHeader:         "0a7c1d84" + "03000000" + "0500000000000000" + "0700000000000000" + "2c01000000000000",
		graph.BinaryHeader + 1<<17: "71ef2557" + "02000000" + "01000000" + "02000000" + "02000000" + "00000000" + "000000000000e03f" + "000000000000f03f",
	}
	if len(b) != graph.BinaryHeader+2*graph.BinaryBlock {
		t.Fatalf("%d bytes", len(b))
	}
	for at, w := range want {
		if got := hex.EncodeToString(b[at : at+len(w)/2]); got != w {
			t.Errorf("at %d: %s, want %s", at, got, w)
		}
	}
}

func TestDamagedBinary(t *testing.T) {
	text := write(t, "edges", "1 2 -3\n2 3\n")
	bin, _ := convert(t, graph.Input{}, text)
	whole, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	same := func(b []byte) []byte { return b }
	inlinks := func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.Inlinks(in)) }
	for _, c := range []struct {
		name string
		make func(b []byte) []byte
		run  bsp.Runner
		want string
	}{
		{"header", func(b []byte) []byte { b[20]++; return b }, inlinks(graph.Input{}), "graph.bin: the binary graph is damaged or cut short: convert its text again (checksum of the header)"},
		{"version", func(b []byte) []byte { b[8]++; return b }, inlinks(graph.Input{}), "graph.bin: a binary graph of version 2; this bsp reads version 1"},
		{"ids", func(b []byte) []byte { b[graph.BinaryHeader+9]++; return b }, inlinks(graph.Input{}), "graph.bin (byte 4096): the binary graph is damaged"},
		{"edges", func(b []byte) []byte { b[len(b)-1]++; return b }, inlinks(graph.Input{}), "graph.bin (byte 135168): the binary graph is damaged"},
		{"cut", func(b []byte) []byte { return b[:len(b)-1] }, inlinks(graph.Input{}), "(266239 bytes instead of 266240)"},
		{"cut in the header", func(b []byte) []byte { return b[:100] }, inlinks(graph.Input{}), "(100 bytes of header)"},
		{"longer", func(b []byte) []byte { return append(b, 0) }, inlinks(graph.Input{}), "(266241 bytes instead of 266240)"},
		{"names asked for", same, inlinks(graph.Input{IDs: graph.Strings}), "leave out --ids string"},
		{"a format asked for", same, inlinks(graph.Input{Format: graph.JSON}), "leave out --format"},
		{"negative weight", same, bsp.NewRunner(algo.SSSP(graph.Input{}, "1")), "graph.bin (byte 135192): the weight -3 is below 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, "graph.bin", string(c.make(slices.Clone(whole))))
			for _, peers := range []int{1, 3} {
				failsWith(t, bsptest.Config{Input: path, Peers: peers}, c.run, c.want)
			}
		})
	}
	t.Run("in a folder", func(t *testing.T) {
		folder := t.TempDir()
		for _, name := range []string{"a", "b"} {
			if err := os.WriteFile(filepath.Join(folder, name), whole, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for peers := 1; peers < 8; peers++ { // whose parts begin in the middle of a file
			failsWith(t, bsptest.Config{Input: folder, Peers: peers}, inlinks(graph.Input{}), ":1 (byte 0): this is a binary graph")
		}
	})
	t.Run("ids asked for", func(t *testing.T) {
		names, _ := convert(t, graph.Input{IDs: graph.Strings}, text)
		failsWith(t, bsptest.Config{Input: names, Peers: 2}, inlinks(graph.Input{}), "give --ids string")
	})
}

func TestConvertRefuses(t *testing.T) {
	bin, _ := convert(t, graph.Input{}, write(t, "edges", "1 2\n"))
	for name, c := range map[string]struct {
		in   graph.Input
		path string
		want string
	}{
		"a binary graph": {graph.Input{}, bin, "is a binary graph already"},
		"a bad line":     {graph.Input{}, write(t, "edges", "1 2\n3\n"), "edges:2 (byte 4): the line has one field"},
		"no file":        {graph.Input{}, "/nowhere/edges", "/nowhere/edges"},
		"nothing":        {graph.Input{}, write(t, "none", "# none\n"), "none: there is no vertex and no edge in it"},
		"bad vertices":   {graph.Input{Vertices: write(t, "v", "1 2\n")}, write(t, "edges", "1 2\n"), "v:1 (byte 2)"},
		"names in METIS": {graph.Input{Format: graph.METIS, IDs: graph.Strings}, write(t, "edges", "1 2\n"), "ids string"},
	} {
		var b bytes.Buffer
		_, err := graph.Convert(t.Context(), c.in, c.path, &b)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if f := job.AsFailure(err, job.FaultInternal); name == "no file" && f.Code != job.ExitNotFound {
			t.Errorf("%s: exit code %d", name, f.Code)
		}
	}
}

// plainBinary reads a forged file's edges in the plainest way.
func plainBinary(block []byte, m uint64) (numbers []uint32) {
	b := append(slices.Clone(block), make([]byte, 4+8*m)...)
	for i := range 2 * m {
		numbers = append(numbers, binary.LittleEndian.Uint32(b[4+4*i:]))
	}
	return numbers
}

// FuzzBinary gives the reader files with right checksums and anything in them.
func FuzzBinary(f *testing.F) {
	le := binary.LittleEndian
	ids := le.AppendUint64(le.AppendUint64(le.AppendUint32(nil, 2), 5), 9)
	edge := le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, 1), 1), 0)
	weighted := le.AppendUint64(slices.Clone(edge), math.Float64bits(math.NaN()))
	names := append(le.AppendUint32(nil, 2), "\x01a\x02bc"...)
	f.Add(uint32(0), uint64(2), uint64(1), uint64(1), ids, edge)
	f.Add(uint32(2), uint64(2), uint64(1), uint64(1), ids, weighted)
	f.Add(uint32(1), uint64(2), uint64(1), uint64(1), names, edge)
	f.Add(uint32(4), uint64(1)<<40, uint64(1)<<60, uint64(1)<<50, ids, edge)
	f.Add(uint32(0), uint64(math.MaxUint64), uint64(math.MaxUint64), uint64(math.MaxUint64), ids, edge)
	f.Fuzz(func(t *testing.T, flags uint32, n, m, idBlocks uint64, first, second []byte) {
		file := graph.Forge(flags, n, m, idBlocks, first, second)
		for _, in := range []graph.Input{{Weights: true}, {IDs: graph.Strings}, {Vertices: "v"}} {
			vertices, numbers, err := graph.ReadBinary(testContext, in, file, 0, 1)
			if err != nil {
				if strings.Contains(err.Error(), "\n") {
					t.Fatalf("%q", err)
				}
				continue
			}
			if uint64(len(vertices)) != n || uint64(len(numbers)) != 2*m || !slices.IsSortedFunc(vertices, func(a, b string) int {
				if in.IDs == graph.Integers && len(a) != len(b) {
					return len(a) - len(b)
				}
				return strings.Compare(a, b)
			}) {
				t.Fatalf("%d vertices, %d edges: %q %v", n, m, vertices, numbers)
			}
			if want := plainBinary(second, m); m > 0 && idBlocks == 1 && !slices.Equal(numbers, want) {
				t.Fatalf("%v, want %v", numbers, want)
			}
		}
	})
}
