package graph_test

import (
	"fmt"
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

	"pgregory.net/rapid"
)

var formats = []graph.Format{graph.Edges, graph.Adjacency, graph.JSON, graph.METIS, graph.MatrixMarket}

// compareText reads a text as a whole and compares it with the plain parser.
func compareText(t fataler, in graph.Input, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	in.Weights = true
	edges, vertices, err := graph.ReadText(testContext, in, path)
	want, ok := plainRead(text, in)
	if ok != (err == nil) {
		t.Fatalf("format %d, ids %d: %q: %v, the plain parser says %v", in.Format, in.IDs, text, err, ok)
	}
	if err != nil {
		if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Fatalf("%q: the error is %q", text, err)
		}
		return
	}
	if !slices.Equal(edges, want.edges) {
		t.Fatalf("format %d, ids %d: %q: %v, want %v", in.Format, in.IDs, text, edges, want.edges)
	}
	sameVertices(t, vertices, want.vertices)
}

func sameVertices(t fataler, got []string, want map[string]bool) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d vertices, want %d: %.200q", len(got), len(want), got)
	}
	for _, v := range got {
		if !want[v] {
			t.Fatalf("vertex %q should not be there", v)
		}
	}
}

// compareAll compares a text in one format with both kinds of ids.
func compareAll(t fataler, format graph.Format, path, text string) {
	t.Helper()
	compareText(t, graph.Input{Format: format}, path, text)
	if format != graph.METIS && format != graph.MatrixMarket {
		compareText(t, graph.Input{Format: format, IDs: graph.Strings}, path, text)
	}
}

// pieces of which random texts of each format are made: right ones and wrong ones.
var pieces = map[graph.Format][]string{
	graph.Edges:     {"1", "2", "17", "0.5", "a", "#", " ", " ", "\t", "\n", "\n", "\r\n"},
	graph.Adjacency: {"1", "2", "17", "12345678901", "3:0.5", "4:7", "5:", ":1", "a:b:2", "a:x", "a", "#", "-1", " ", " ", "\t", "\t", "\n", "\n", "\r\n"},
	graph.JSON: {
		"[1,0,[[2,3],[4,0.5]]]\n", "[1,0,[]]\n", "[7, null, [[1,2], [3]]]\r\n", `["a",{"x":[1]},[["b",1e3]]]` + "\n", `[1,"v",[["2",-3]]]` + "\n",
		"[01,0,[]]\n", "[1,0,[[2,03]]]\n", "[1,0,[[2,3]]", "]\n", "[1,[[2,3]]]\n", "[1,0,[[2,\"3\"]]]\n", "[1,0,[2]]\n", `["a b",0,[]]` + "\n", `["\u0061",0,[["\n",1]]]` + "\n",
		"[1.5,0,[]]\n", "[1,0.25,[]]\n", "[1,-0,[[2,-0.0]]]\n", "\n", " ", "[", "x", "\xff", "[1,0,[[2,1e999]]]\n", "[9223372036854775807,0,[[9223372036854775808,1]]]\n", "[2,0,[]] 3\n", "[1,0,[],5]\n", "[3,0,[[]]]\n",
	},
	graph.METIS:        {"% c\n", "3 2\n", "2 1\n", "2 1 1\n", "2 1 11 2\n", "3 2 100\n", "2\n", "1 3\n", "2 5\n", "1 5\n", "9 9 2 5\n", "9 9 1 5\n", "1 1\n", "\n", "\n", "x", "1", "2", " "},
	graph.MatrixMarket: {"%%MatrixMarket matrix coordinate real general\n", "%%matrixmarket  matrix coordinate pattern symmetric\r\n", "%%MatrixMarket matrix array real general\n", "% c\n", "3 3 1\n", "3 3 2\n", "3 2 1\n", "1 2\n", "2 1\n", "3 1 0.5\n", "1 3 -7\n", "3 3\n", "4 1\n", "\n", "x", " "},
}

func TestFormatsLikeThePlainParsers(tt *testing.T) {
	dir := tt.TempDir()
	for _, format := range formats {
		rapid.Check(tt, func(t *rapid.T) {
			piece := rapid.SampledFrom(pieces[format])
			text := ""
			if format == graph.METIS || format == graph.MatrixMarket { // else the header is nearly always wrong
				text = piece.Draw(t, "header")
			}
			text += strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces"), "")
			compareAll(t, format, filepath.Join(dir, "graph"), text)
		})
	}
}

// A byte order mark is no part of the first line of any format, nor of an id; anywhere else it is.
func TestByteOrderMark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "graph")
	read := func(in graph.Input, text string) ([]graph.Edge, error) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		edges, _, err := graph.ReadText(testContext, in, path)
		return edges, err
	}
	const mark = "\ufeff"
	for in, text := range map[graph.Input]string{
		{Format: graph.Edges}:                         "1 2\n2 3\n",
		{Format: graph.Edges, IDs: graph.Strings}:     "a b\nb c\n",
		{Format: graph.Adjacency, IDs: graph.Strings}: "a b c\n",
		{Format: graph.JSON, IDs: graph.Strings}:      `["a",0,[["b",1]]]`,
		{Format: graph.METIS}:                         "2 1\n2\n1\n",
		{Format: graph.MatrixMarket}:                  "%%MatrixMarket matrix coordinate pattern general\n2 2 1\n1 2\n",
	} {
		want, err := read(in, text)
		if err != nil || len(want) == 0 {
			t.Fatal(want, err)
		}
		if got, err := read(in, mark+text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q with a mark: %v, %v, want %v", text, got, err, want)
		}
	}
	if edges, err := read(graph.Input{IDs: graph.Strings}, "a b\n"+mark+"a b\n"); err != nil || edges[1].Src != mark+"a" {
		t.Errorf("a mark in the second line: %v, %v", edges, err)
	}
	if _, err := read(graph.Input{Format: graph.METIS}, mark+"2 x\n"); err == nil || !strings.Contains(err.Error(), "byte 5") {
		t.Errorf("a fault behind a mark: %v", err)
	}
}

// A sketch is a random graph that can be written in any format. Ids are 1 to n.
type sketch struct {
	n     int
	edges [][3]int // source, destination, weight
}

func drawSketch(rng *rand.Rand, n, m int, undirected bool) sketch {
	s := sketch{n: n}
	for range m {
		a, b := 1+rng.IntN(n), 1+rng.IntN(n)
		if undirected {
			a, b = max(a, b), min(a, b)
			if a == b {
				continue
			}
		}
		s.edges = append(s.edges, [3]int{a, b, 1 + rng.IntN(9)})
	}
	return s
}

func (s sketch) rows(both bool) [][][2]int {
	rows := make([][][2]int, s.n+1)
	for _, e := range s.edges {
		rows[e[0]] = append(rows[e[0]], [2]int{e[1], e[2]})
		if both {
			rows[e[1]] = append(rows[e[1]], [2]int{e[0], e[2]})
		}
	}
	return rows
}

// text writes the sketch; METIS, and a matrix that is symmetric, have both ways.
func (s sketch) text(format graph.Format, symmetric bool) string {
	var b strings.Builder
	switch format {
	case graph.Edges:
		for _, e := range s.edges {
			fmt.Fprintf(&b, "%d %d %d\n", e[0], e[1], e[2])
		}
	case graph.Adjacency:
		for v, row := range s.rows(false)[1:] {
			b.WriteString(strconv.Itoa(v + 1))
			for _, x := range row {
				fmt.Fprintf(&b, "\t%d:%d", x[0], x[1])
			}
			b.WriteString("\n")
		}
	case graph.JSON:
		for v, row := range s.rows(false)[1:] {
			items := make([]string, len(row))
			for i, x := range row {
				items[i] = fmt.Sprintf("[%d,%d]", x[0], x[1])
			}
			fmt.Fprintf(&b, "[%d,0,[%s]]\n", v+1, strings.Join(items, ","))
		}
	case graph.METIS:
		fmt.Fprintf(&b, "%% a comment\n%d %d 011 2\n", s.n, len(s.edges))
		for v, row := range s.rows(true)[1:] {
			fmt.Fprintf(&b, " 5 %d", v)
			for _, x := range row {
				fmt.Fprintf(&b, "  %d %d", x[0], x[1])
			}
			b.WriteString("\n")
			if v%97 == 0 {
				b.WriteString("% more\n")
			}
		}
	case graph.MatrixMarket:
		kind := "general"
		if symmetric {
			kind = "symmetric"
		}
		fmt.Fprintf(&b, "%%%%MatrixMarket matrix coordinate integer %s\n%% c\n%d %d %d\n", kind, s.n, s.n, len(s.edges))
		for _, e := range s.edges {
			fmt.Fprintf(&b, "%d %d %d\n", e[0], e[1], e[2])
		}
	}
	return b.String()
}

// Texts of many blocks, cut between any number of peers, give what the plain parser
// finds, in the order of the text.
func TestFormatsCutAnywhere(t *testing.T) {
	for _, size := range []struct {
		n, m, least int
		peers       []int
	}{{9, 12, 1, []int{1, 2, 3, 5, 8}}, {30_000, 60_000, 3 * 128 << 10, []int{1, 3}}} {
		for _, format := range formats {
			undirected := format == graph.METIS
			s := drawSketch(rand.New(rand.NewPCG(7, uint64(format))), size.n, size.m, undirected)
			text := s.text(format, false)
			if len(text) < size.least {
				t.Fatalf("format %d: %d bytes are too few for this test", format, len(text))
			}
			in := graph.Input{Format: format, Weights: true}
			want, ok := plainRead(text, in)
			if !ok {
				t.Fatalf("format %d: the plain parser refuses the text", format)
			}
			path := write(t, "graph", text)
			for _, peers := range size.peers {
				sameDump(t, outcome(t, t, trial{runner: bsp.NewRunner(graph.Dump(in)), input: path, peers: peers}).Output, want)
			}
		}
	}
}

func sameDump(t *testing.T, output []byte, want plainGraph) {
	t.Helper()
	var edges []graph.Edge
	seen := map[string]bool{}
	for line := range strings.Lines(string(output)) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if kind == "v" {
			seen[rest] = true
			continue
		}
		f := strings.Fields(rest)
		w, err := strconv.ParseFloat(f[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		edges = append(edges, graph.Edge{Src: f[0], Dst: f[1], Weight: w})
	}
	if !slices.Equal(byRow(edges), byRow(want.edges)) {
		t.Fatalf("%d edges are not the %d of the text, those of every vertex in its order", len(edges), len(want.edges))
	}
	if len(seen) != len(want.vertices) {
		t.Fatalf("%d vertices, want %d", len(seen), len(want.vertices))
	}
}

// byRow sorts edges by source, those of one source in their order.
func byRow(edges []graph.Edge) []graph.Edge {
	edges = slices.Clone(edges)
	slices.SortStableFunc(edges, func(a, b graph.Edge) int { return strings.Compare(a.Src, b.Src) })
	return edges
}

// With --undirected, formats that list both ways give the same edges as without.
func TestBothWaysOnce(t *testing.T) {
	s := drawSketch(rand.New(rand.NewPCG(3, 3)), 40, 90, true)
	for _, format := range []graph.Format{graph.METIS, graph.MatrixMarket} {
		path := write(t, "graph", s.text(format, true))
		var sorted [2][]string
		for i, undirected := range []bool{false, true} {
			for _, peers := range []int{1, 3} {
				in := graph.Input{Format: format, Weights: true, Undirected: undirected}
				r := outcome(t, t, trial{runner: bsp.NewRunner(graph.Dump(in)), input: path, peers: peers})
				var edges []string
				for line := range strings.Lines(string(r.Output)) {
					if line[0] == 'e' {
						edges = append(edges, line)
					}
				}
				slices.Sort(edges)
				sorted[i] = edges
				if len(edges) != 2*len(s.edges) {
					t.Fatalf("format %d, %d peers: %d edges of %d", format, peers, len(edges), len(s.edges))
				}
			}
		}
		if !slices.Equal(sorted[0], sorted[1]) {
			t.Fatalf("format %d: --undirected changes the edges", format)
		}
	}
}

func TestMalformedFormats(t *testing.T) {
	lines := strings.Repeat("\n", 70_000)
	for _, c := range []struct {
		name, text, want string
		in               graph.Input
	}{
		{"adjacency id", "1 2\n3 x\n", `graph:2 (byte 6): "x" is no vertex id`, graph.Input{Format: graph.Adjacency}},
		{"adjacency id over the limit", "1 2\n9223372036854775808 1\n", `graph:2 (byte 4): "9223372036854775808" is no vertex id`, graph.Input{Format: graph.Adjacency}},
		{"adjacency weight", "1 2:1 3:heavy\n", `graph:1 (byte 8): "heavy" is no weight`, graph.Input{Format: graph.Adjacency}},
		{"adjacency negative", "1 2:-1\n", `graph:1 (byte 4): the weight "-1" is below 0`, graph.Input{Format: graph.Adjacency, Weights: true, NonNegative: true}},
		{"adjacency without neighbour", "1 :4\n", `graph:1 (byte 2): ":4" has no neighbour`, graph.Input{Format: graph.Adjacency}},
		{"json cut", "[1,0,[]]\n[2,0,[[3\n", "graph:2 (byte ", graph.Input{Format: graph.JSON}},
		{"json weight", "[2,0,[[3,\"x\"]]]\n", "graph:1 (byte 9): the weight is no number", graph.Input{Format: graph.JSON}},
		{"json form", "[2,[[3,1]]]\n", "graph:1 (byte 10)", graph.Input{Format: graph.JSON}},
		{"json id", "[2,0,[[3.5,1]]]\n", `graph:1 (byte 7): "3.5" is no vertex id`, graph.Input{Format: graph.JSON}},
		{"json name", `["a b",0,[]]` + "\n", "graph:1 (byte 1): \"a b\" is no name of a vertex", graph.Input{Format: graph.JSON, IDs: graph.Strings}},
		{"json nested", "[1," + strings.Repeat("[", 100) + "\n", "nested deeper than 64", graph.Input{Format: graph.JSON}},
		{"metis header", "% c\nthree 2\n", `graph:2 (byte 4): "three" is no number of vertices`, graph.Input{Format: graph.METIS}},
		{"metis fmt", "3 2 12\n", `graph:1 (byte 4): fmt "12"`, graph.Input{Format: graph.METIS}},
		{"metis ncon", "3 2 1 1\n", "graph:1 (byte 6): ncon is given", graph.Input{Format: graph.METIS}},
		{"metis without header", "% c\n", "graph:1 (byte 0): the file ends before its header", graph.Input{Format: graph.METIS}},
		{"metis too few lines", "3 1\n2\n1\n", "graph:1 (byte 0): the header says 3 vertices, a line each, and 2 lines follow", graph.Input{Format: graph.METIS}},
		{"metis too many lines", "2 1\n2\n1\n1\n", "graph:4 (byte 8): a line after those of the header's 2 vertices", graph.Input{Format: graph.METIS}},
		{"metis edges", "2 2\n2\n1\n", "graph:1 (byte 0): the header says 2 edges", graph.Input{Format: graph.METIS}},
		{"metis one end", "3 1\n2 3\n\n\n", "graph:1 (byte 0): an edge is listed at one of its ends only", graph.Input{Format: graph.METIS}},
		{"metis two weights", "2 1 1\n2 5\n1 6\n", "or with two weights", graph.Input{Format: graph.METIS}},
		{"metis loop", "2 1\n2\n2\n", "graph:3 (byte 6): vertex 2 is its own neighbour", graph.Input{Format: graph.METIS}},
		{"metis neighbour", "2 1\n3\n1\n", `graph:2 (byte 4): "3" is no vertex`, graph.Input{Format: graph.METIS}},
		{"metis no weight", "2 1 1\n2\n1 1\n", "graph:2 (byte 7): neighbour 2 has no weight", graph.Input{Format: graph.METIS}},
		{"metis far away", "70002 0\n" + lines + "70001\n\n", "graph:70002 (byte 70008): vertex 70001 is its own neighbour", graph.Input{Format: graph.METIS}},
		{"mtx header", "%%MatrixMarkt matrix coordinate real general\n", "graph:1 (byte 0)", graph.Input{Format: graph.MatrixMarket}},
		{"mtx array", "%%MatrixMarket matrix array real general\n", "graph:1 (byte 15)", graph.Input{Format: graph.MatrixMarket}},
		{"mtx complex", "%%MatrixMarket matrix coordinate complex general\n", `graph:1 (byte 33): entries of the kind "complex"`, graph.Input{Format: graph.MatrixMarket}},
		{"mtx skew", "%%MatrixMarket matrix coordinate real skew-symmetric\n", `graph:1 (byte 38): the symmetry "skew-symmetric"`, graph.Input{Format: graph.MatrixMarket}},
		{"mtx rectangle", "%%MatrixMarket matrix coordinate pattern general\n3 4 1\n", "graph:2 (byte 49): 3 rows and 4 columns", graph.Input{Format: graph.MatrixMarket}},
		{"mtx huge", "%%MatrixMarket matrix coordinate pattern general\n4000000000 4000000000 0\n", "4000000000 vertices in a file of 73 bytes", graph.Input{Format: graph.MatrixMarket}},
		{"mtx entries", "%%MatrixMarket matrix coordinate pattern general\n3 3 2\n1 2\n", "graph:2 (byte 49): the header says 2 entries, and 1 follow", graph.Input{Format: graph.MatrixMarket}},
		{"mtx no value", "%%MatrixMarket matrix coordinate real general\n3 3 1\n1 2\n", "graph:3 (byte 55): the entry has no value", graph.Input{Format: graph.MatrixMarket}},
		{"mtx value", "%%MatrixMarket matrix coordinate real general\n3 3 1\n1 2 x\n", `graph:3 (byte 56): "x" is no value`, graph.Input{Format: graph.MatrixMarket}},
		{"mtx index", "%%MatrixMarket matrix coordinate pattern general\n3 3 1\n1 4\n", `graph:3 (byte 57): "4" is no column: want a whole number from 1 to 3`, graph.Input{Format: graph.MatrixMarket}},
		{"mtx negative", "%%MatrixMarket matrix coordinate real general\n3 3 1\n1 2 -0.5\n", `graph:3 (byte 56): the value "-0.5" is below 0`, graph.Input{Format: graph.MatrixMarket, Weights: true, NonNegative: true}},
		{"mtx twice", "%%MatrixMarket matrix coordinate pattern general\n3 3 1\n1 2\n%%MatrixMarket matrix coordinate pattern general\n", "graph:4 (byte 59): a second header", graph.Input{Format: graph.MatrixMarket}},
		{"mtx above", "%%MatrixMarket matrix coordinate pattern symmetric\n3 3 1\n1 2\n", "above the diagonal", graph.Input{Format: graph.MatrixMarket}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, "graph", c.text)
			for _, peers := range []int{1, 3} {
				failsWith(t, bsptest.Config{Input: path, Peers: peers}, bsp.NewRunner(graph.Dump(c.in)), c.want)
			}
		})
	}
}

// A matrix may lie in the parts that a job has written; a METIS file is one file.
func TestPartsOfAFormat(t *testing.T) {
	for _, c := range []struct {
		format graph.Format
		parts  [3]string
		fails  string
	}{
		{graph.MatrixMarket, [3]string{"%%MatrixMarket matrix coordinate pattern general\n3 3 3\n1 2\n", "", "2 3\n3 1\n"}, ""},
		{graph.METIS, [3]string{"3 3\n2 3\n", "", "1 3\n1 2\n"}, "the input has several files, and a METIS graph is one"},
	} {
		folder := t.TempDir()
		for i, name := range []string{"a", "b", "c"} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(c.parts[i]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, peers := range []int{1, 3} {
			if c.fails != "" {
				failsWith(t, bsptest.Config{Input: folder, Peers: peers}, bsp.NewRunner(graph.Dump(graph.Input{Format: c.format})), c.fails)
				continue
			}
			got := outcome(t, t, trial{runner: bsp.NewRunner(graph.Dump(graph.Input{Format: c.format})), input: folder, peers: peers}).Output
			if strings.Count("\n"+string(got), "\ne") != 3 {
				t.Errorf("%d peers: %q", peers, got)
			}
		}
	}
}

func FuzzAdjacency(f *testing.F) {
	for _, seed := range []string{"", "1 2 3\n4\n", "1\t2:0.5\t3:7\r\n# c\n", "a b:c:1\n", "1 2:\n", "1 :2\n", "x#y #z\n"} {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "graph")
	f.Fuzz(func(t *testing.T, text string) { compareAll(t, graph.Adjacency, path, text) })
}

func FuzzJSON(f *testing.F) {
	for _, seed := range pieces[graph.JSON] {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "graph")
	f.Fuzz(func(t *testing.T, text string) { compareAll(t, graph.JSON, path, text) })
}

func FuzzMETIS(f *testing.F) {
	for _, seed := range []string{"", "3 2\n2\n1 3\n2\n", "% c\n2 1 11 2\n9 9 2 5\n% d\n9 9 1 5\n\n", "2 1 1\n2 5\n1 6\n", "1 0 100\n4\n"} {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "graph")
	f.Fuzz(func(t *testing.T, text string) { compareAll(t, graph.METIS, path, text) })
}

func FuzzMatrixMarket(f *testing.F) {
	for _, seed := range []string{"", "%%MatrixMarket matrix coordinate real general\n% c\n3 3 2\n1 2 0.5\n3 3 -1e2\n", "%%MatrixMarket matrix coordinate pattern symmetric\n3 3 2\n2 1\n3 3\n"} {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "graph")
	f.Fuzz(func(t *testing.T, text string) { compareAll(t, graph.MatrixMarket, path, text) })
}
