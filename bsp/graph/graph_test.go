package graph_test

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"
	"scalar/bsp/job"
	"scalar/superstep"

	"pgregory.net/rapid"
)

// A drawing is a random graph as text, and what an oracle needs of it.
type drawing struct {
	in       graph.Input
	text     string
	vertices string   // content of the file of vertices
	ids      []string // distinct
	edges    [][2]string
}

func drawGraph(t *rapid.T) drawing {
	var d drawing
	pool := []string{"0", "1", "2", "3", "7", "9", "10", "11", "4194303", "4194304", "99999999", "9223372036854775807", "9223372036854775806"}
	if rapid.Bool().Draw(t, "strings") {
		d.in.IDs = graph.Strings
		pool = append(pool, "a", "b", "ab", "-1", "x#y", "ä", "01", strings.Repeat("long", 30))
	}
	d.in.Undirected = rapid.Bool().Draw(t, "undirected")
	id := rapid.SampledFrom(pool[:rapid.IntRange(1, len(pool)).Draw(t, "pool")])
	seen := map[string]bool{}
	see := func(id string) {
		if !seen[id] {
			seen[id] = true
			d.ids = append(d.ids, id)
		}
	}
	for range rapid.IntRange(0, 40).Draw(t, "edges") {
		e := [2]string{id.Draw(t, "src"), id.Draw(t, "dst")}
		see(e[0])
		see(e[1])
		d.text += e[0] + rapid.SampledFrom([]string{" ", "\t", "  "}).Draw(t, "gap") + e[1] + rapid.SampledFrom([]string{"\n", "\r\n", " 2.5\n", "\n# c\n"}).Draw(t, "end")
		d.edges = append(d.edges, e)
		if d.in.Undirected && e[0] != e[1] {
			d.edges = append(d.edges, [2]string{e[1], e[0]})
		}
	}
	least := 0
	if len(d.ids) == 0 {
		least = 1
	}
	for range rapid.IntRange(least, 3).Draw(t, "isolated") {
		v := id.Draw(t, "vertex")
		see(v)
		d.vertices += v + "\n"
	}
	return d
}

// files writes the drawing and returns the path of its edges.
func (d *drawing) files(t fataler, dir string) string {
	t.Helper()
	input := filepath.Join(dir, "edges")
	d.in.Vertices = filepath.Join(dir, "vertices")
	for path, text := range map[string]string{input: d.text, d.in.Vertices: d.vertices} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatalf("%v", err)
		}
	}
	return input
}

// pageRanks is the plain sequential PageRank.
func pageRanks(d drawing, c algo.PageRank) (ranks map[string]float64, updates int) {
	n := float64(len(d.ids))
	ranks = map[string]float64{}
	degree := map[string]int{}
	for _, id := range d.ids {
		ranks[id] = 1 / n
	}
	for _, e := range d.edges {
		degree[e[0]]++
	}
	for updates < c.Iterations {
		dangling := 0.0
		next := map[string]float64{}
		for _, id := range d.ids {
			if degree[id] == 0 {
				dangling += ranks[id]
			}
		}
		for _, e := range d.edges {
			next[e[1]] += ranks[e[0]] / float64(degree[e[0]])
		}
		change := 0.0
		for _, id := range d.ids {
			next[id] = (1-c.Damping)/n + c.Damping*(dangling/n+next[id])
			change += math.Abs(next[id] - ranks[id])
		}
		ranks = next
		updates++
		if c.Tolerance > 0 && change <= c.Tolerance {
			break
		}
	}
	return ranks, updates
}

func sameRanks(t fataler, output []byte, want map[string]float64) {
	t.Helper()
	got := table(t, output)
	if len(got) != len(want) {
		t.Fatalf("%d vertices, want %d:\n%s", len(got), len(want), output)
	}
	sum := 0.0
	for id, w := range want {
		x, err := strconv.ParseFloat(got[id], 64)
		if err != nil || math.Abs(x-w) > 1e-12*w {
			t.Fatalf("rank of %s is %s, want %v", id, got[id], w)
		}
		sum += x
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Fatalf("ranks sum up to %v", sum)
	}
}

func TestPageRankAgainstThePlainOne(tt *testing.T) {
	dir := tt.TempDir()
	rapid.Check(tt, func(t *rapid.T) {
		d := drawGraph(t)
		input := d.files(t, dir)
		c := algo.PageRank{Iterations: rapid.IntRange(0, 12).Draw(t, "iterations"), Damping: rapid.SampledFrom([]float64{0, 0.5, 0.85, 1}).Draw(t, "damping")}
		want, updates := pageRanks(d, c)
		for _, peers := range []int{1, 2, 3, 5} {
			tasks := 1
			if rapid.IntRange(0, 3).Draw(t, "split") == 0 {
				tasks = rapid.IntRange(1, peers).Draw(t, "tasks")
			}
			r := outcome(tt, t, trial{runner: bsp.NewRunner(c.Program(d.in)), input: input, peers: peers, tasks: tasks})
			sameRanks(t, r.Output, want)
			if r.Supersteps != updates {
				t.Fatalf("%d supersteps for %d updates", r.Supersteps, updates)
			}
			sorted(t, d, r.Output, peers)
		}
	})
}

// sorted checks that every peer's vertices come in the order of their ids.
func sorted(t fataler, d drawing, output []byte, peers int) {
	t.Helper()
	falls, last := 0, ""
	for line := range strings.Lines(string(output)) {
		id, _, _ := strings.Cut(line, "\t")
		less := cmp.Compare(len(last), len(id))
		if less == 0 || d.in.IDs == graph.Strings {
			less = cmp.Compare(last, id)
		}
		if less > 0 {
			falls++
		}
		last = id
	}
	if falls >= peers {
		t.Fatalf("ids fall %d times in the output of %d peers:\n%s", falls, peers, output)
	}
}

func TestPageRankTolerance(t *testing.T) {
	d := drawing{ids: []string{"1", "2", "3", "4"}, edges: [][2]string{{"1", "2"}, {"2", "3"}, {"3", "1"}, {"1", "3"}, {"3", "4"}}}
	for _, e := range d.edges {
		d.text += e[0] + " " + e[1] + "\n"
	}
	input := d.files(t, t.TempDir())
	c := algo.PageRank{Iterations: 1000, Damping: 0.85, Tolerance: 1e-6}
	want, updates := pageRanks(d, c)
	if updates < 5 || updates > 200 {
		t.Fatalf("the oracle took %d updates", updates)
	}
	for _, peers := range []int{1, 3} {
		r := outcome(t, t, trial{runner: bsp.NewRunner(c.Program(d.in)), input: input, peers: peers})
		sameRanks(t, r.Output, want)
		if r.Supersteps != updates+1 {
			t.Fatalf("%d supersteps for %d updates: the last barrier tells that it is over", r.Supersteps, updates)
		}
	}
}

// example is a graph of ten vertices of our own; its ranks are the oracle's above.
const example = "# ten vertices\n0 1\n0 2\n1 2\n2 0\n3 2\n3 4\n5 4\n4 5\n6 6\n7 0\n7 0\n8 9\n"

func TestPlacementCoresAndRestartChangeNoBit(t *testing.T) {
	var b strings.Builder
	rng := uint64(1)
	for range 3000 {
		rng = rng*6364136223846793005 + 1442695040888963407
		fmt.Fprintf(&b, "%d %d\n", rng>>40%301, rng>>50%211)
	}
	input := write(t, "edges", b.String()+example)
	tr := trial{runner: bsp.NewRunner(algo.PageRank{Iterations: 40, Damping: 0.85}.Program(graph.Input{})), input: input, peers: 5}
	want := outcome(t, t, tr)
	old := runtime.GOMAXPROCS(1)
	alone := outcome(t, t, tr)
	runtime.GOMAXPROCS(old)
	if !bytes.Equal(alone.Output, want.Output) {
		t.Fatal("the result depends on GOMAXPROCS")
	}
	for tasks := 1; tasks <= 5; tasks++ {
		tr.tasks, tr.restartAt = tasks, 7*tasks
		bsptest.SameBits(t, tr.config(), tr.runner)
	}
}

func TestInlinksAgainstThePlainOne(tt *testing.T) {
	dir := tt.TempDir()
	rapid.Check(tt, func(t *rapid.T) {
		d := drawGraph(t)
		input := d.files(t, dir)
		want := map[string]int{}
		for _, e := range d.edges {
			want[e[1]]++
		}
		peers := rapid.SampledFrom([]int{1, 2, 3, 5}).Draw(t, "peers")
		r := outcome(tt, t, trial{runner: bsp.NewRunner(algo.Inlinks(d.in)), input: input, peers: peers})
		got := table(t, r.Output)
		if len(got) != len(d.ids) {
			t.Fatalf("%d vertices, want %d", len(got), len(d.ids))
		}
		for _, id := range d.ids {
			if got[id] != strconv.Itoa(want[id]) {
				t.Fatalf("%s has %s links, want %d", id, got[id], want[id])
			}
		}
	})
}

// shortest is a user's program: distances from vertex 0 by weighted messages, with
// vertices that halt, and an aggregator.
func shortest(in graph.Input) bsp.Program[graph.Direct[float64]] {
	in.Weights = true
	return graph.Program(in, func(g *graph.Global) graph.Algorithm[float64, float64] {
		reached := graph.NewAggregator[int64](g, superstep.Sum)
		return graph.Algorithm[float64, float64]{
			Combine: superstep.Min,
			Compute: func(v *graph.Vertex[float64, float64], msgs iter.Seq[float64]) {
				if v.Superstep() == 0 {
					v.Value = math.Inf(1)
					if v.ID() == 0 {
						v.Value = 0
						v.SendWeighted(func(w float64) float64 { return w })
					}
				}
				for m := range msgs {
					if m < v.Value {
						v.Value = m
						reached.Add(1)
						v.SendWeighted(func(w float64) float64 { return m + w })
					}
				}
				v.Halt()
			},
		}
	})
}

func TestWeightsAndHalting(t *testing.T) {
	input := write(t, "edges", "0 1 7\n0 2 1\n2 1 2.5\n1 3\n3 4 1e2\n4 0 1\n5 0 1\n3 3 0\n0 1 9\n")
	want := map[string]string{"0": "0", "1": "3.5", "2": "1", "3": "4.5", "4": "104.5", "5": "+Inf"}
	for _, peers := range []int{1, 2, 4} {
		r := outcome(t, t, trial{runner: bsp.NewRunner(shortest(graph.Input{})), input: input, peers: peers, tasks: min(peers, 2)})
		got := table(t, r.Output)
		if len(got) != len(want) {
			t.Fatalf("%v", got)
		}
		for id, w := range want {
			if got[id] != w {
				t.Fatalf("%d peers: distance of %s is %s, want %s", peers, id, got[id], w)
			}
		}
	}
}

func TestSendAggregateAndStrings(t *testing.T) {
	// Vertices tell vertex "next number" their degree; all halt after what they got.
	prog := graph.Program(graph.Input{IDs: graph.Strings}, func(g *graph.Global) graph.Algorithm[string, int64] {
		largest := graph.NewAggregator[uint32](g, superstep.Max)
		smallest := graph.NewAggregator[float32](g, superstep.Min)
		return graph.Algorithm[string, int64]{
			Combine: superstep.Sum,
			Compute: func(v *graph.Vertex[string, int64], msgs iter.Seq[int64]) {
				switch v.Superstep() {
				case 0:
					v.Send((v.ID()+1)%uint64(v.NumVertices()), 10)
					v.SendAll(int64(v.Degree()))
					v.SendAll(1)
					largest.Add(uint32(v.Degree()))
					smallest.Add(-0.5 - float32(v.Degree()))
				case 1:
					sum := int64(0)
					for m := range msgs {
						sum += m
					}
					v.Value = fmt.Sprintf("%s:%d:%d:%v", v.Name(), sum, largest.Value(), smallest.Value())
				}
				v.Halt()
			},
		}
	})
	input := write(t, "edges", "a b\na c\nc a\nd d\n")
	want := map[string]string{"a": "a:12:2:-2.5", "b": "b:13:2:-2.5", "c": "c:13:2:-2.5", "d": "d:12:2:-2.5"}
	for _, peers := range []int{1, 2, 5} {
		tr := trial{runner: bsp.NewRunner(prog), input: input, peers: peers}
		r := outcome(t, t, tr)
		got := table(t, r.Output)
		for id, w := range want {
			if got[id] != w {
				t.Fatalf("%d peers: %v, want %v", peers, got, want)
			}
		}
		if r.Supersteps != 2 {
			t.Fatalf("%d supersteps", r.Supersteps)
		}
	}
}

func TestSendToNobody(t *testing.T) {
	prog := graph.Program(graph.Input{}, func(*graph.Global) graph.Algorithm[int64, int64] {
		return graph.Algorithm[int64, int64]{Combine: superstep.Sum, Compute: func(v *graph.Vertex[int64, int64], _ iter.Seq[int64]) { v.Send(99, 1) }}
	})
	_, err := bsptest.Try(t, bsptest.Config{Input: write(t, "edges", "1 2\n"), Peers: 3}, bsp.NewRunner(prog))
	if f := job.AsFailure(err, job.FaultInternal); err == nil || f.Kind != job.FaultProgram || !strings.Contains(f.Message, "vertex 99") {
		t.Fatalf("%v", err)
	}
}

func TestMalformedInput(t *testing.T) {
	long := strings.Repeat("1 2\n", 100_000)
	for _, c := range []struct {
		name, text, vertices, want string
		code                       int
	}{
		{name: "first line", text: "x 1\n", want: `edges:1 (byte 0): "x" is no vertex id`, code: 1},
		{name: "third line", text: "1 2\n\n3\n", want: "edges:3 (byte 5): the line has one field", code: 1},
		{name: "far away", text: long + "1 -2\n" + long, want: `edges:100001 (byte 400002): "-2" is no vertex id`, code: 1},
		{name: "nothing", text: "# no edge\n", want: "edges: there is no vertex and no edge in it", code: 1},
		{name: "vertices", text: "1 2\n", vertices: "1\n2 2\n", want: "vertices:2 (byte 4): the line has more than one field", code: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := drawing{text: c.text, vertices: c.vertices}
			input := d.files(t, t.TempDir())
			for _, peers := range []int{1, 3} {
				_, err := bsptest.Try(t, bsptest.Config{Input: input, Peers: peers}, bsp.NewRunner(algo.Inlinks(d.in)))
				f := job.AsFailure(err, job.FaultInternal)
				if f.Kind != job.FaultInput || f.Code != c.code || !strings.Contains(f.Message, c.want) {
					t.Fatalf("%d peers: %v %d %q; want …%s…", peers, f.Kind, f.Code, f.Message, c.want)
				}
			}
		})
	}
	_, err := bsptest.Try(t, bsptest.Config{Input: write(t, "edges", "1 2\n"), Peers: 2}, bsp.NewRunner(algo.Inlinks(graph.Input{Vertices: "/nowhere/v"})))
	if f := job.AsFailure(err, job.FaultInternal); f.Kind != job.FaultInput || f.Code != job.ExitNotFound || !strings.Contains(f.Message, "/nowhere/v") {
		t.Fatalf("%v", err)
	}
}

func TestWrongAlgorithms(t *testing.T) {
	compute := func(*graph.Vertex[int64, int64], iter.Seq[int64]) {}
	for name, a := range map[string]graph.Algorithm[int64, int64]{
		"no operator": {Compute: compute},
		"bits":        {Compute: compute, Combine: superstep.Or},
		"no code":     {Combine: superstep.Sum},
		"two codes":   {Combine: superstep.Sum, Compute: compute, Sweep: func(*graph.Arrays[int64, int64]) {}},
		"no ids":      {Combine: superstep.Sum, Compute: compute, Names: true},
		"no end":      {Combine: superstep.Sum, Sweep: func(*graph.Arrays[int64, int64]) {}},
	} {
		prog := graph.Program(graph.Input{}, func(*graph.Global) graph.Algorithm[int64, int64] { return a })
		if _, err := bsp.Run(t.Context(), 1, prog); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	idle := graph.Algorithm[int64, int64]{Combine: superstep.Sum, Compute: compute}
	for _, in := range []graph.Input{{Order: true}, {Distinct: true}, {Ways: true}, {Neighbours: true}, {Marked: "/file"}} {
		prog := graph.Program(in, func(*graph.Global) graph.Algorithm[int64, int64] { return idle })
		if _, err := bsp.Run(t.Context(), 1, prog); err == nil || !strings.Contains(err.Error(), "with Sweep") {
			t.Errorf("%+v: %v", in, err)
		}
	}
}

func TestNoInput(t *testing.T) {
	in := graph.Input{Vertices: write(t, "vertices", "5\n3\n3\n")}
	r, err := bsp.Run(t.Context(), 2, algo.Inlinks(in))
	if got := table(t, r.Output); err != nil || len(got) != 2 || got["3"] != "0" {
		t.Fatalf("%v, %v", got, err)
	}
}

// What 32 bits cannot number is an error, not a wrong graph.
func TestTooLargeGraphs(t *testing.T) {
	for _, peers := range []int{1, 2} {
		if err := graph.SettleTooMany(peers); err == nil || !strings.Contains(err.Error(), "use more peers") {
			t.Errorf("%d peers: %v", peers, err)
		}
	}
	for peers, most := range map[int]uint32{1: math.MaxUint32 - 1, 2: math.MaxInt32, 3: 1<<30 - 1, 4: 1<<30 - 1, 5: 1<<29 - 1} {
		if err := graph.PlaceTooMany(peers, 7, most); err != nil {
			t.Errorf("%d peers, %d ids of one owner: %v", peers, most, err)
		}
		if err := graph.PlaceTooMany(peers, 7, most+1); err == nil || err.Error() != "7 vertices on one peer: use more peers" {
			t.Errorf("%d peers, %d ids of one owner: %v", peers, most+1, err)
		}
	}
	if err := graph.AddDegree(math.MaxUint32 - 1); err != nil {
		t.Error(err)
	}
	if err := graph.AddDegree(math.MaxUint32); err == nil || !strings.Contains(err.Error(), "more than 4294967295 edges") {
		t.Errorf("%v", err)
	}
}
