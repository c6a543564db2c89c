package graph_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/superstep"

	"pgregory.net/rapid"
)

// A net is a graph of whole numbers from 0 on, every one of which is in an edge.
type net struct {
	in    graph.Input
	n     int
	edges [][2]int
}

// dense has edges from everywhere to everywhere, chain one after the other.
func dense(n int, undirected bool) net {
	g := net{graph.Input{Undirected: undirected}, n, nil}
	r := rand.New(rand.NewPCG(uint64(n), 7))
	for i := range 8 * n {
		g.edges = append(g.edges, [2]int{i % n, r.IntN(n)})
	}
	return g
}

func chain(n int, undirected bool) net {
	g := net{graph.Input{Undirected: undirected}, n, nil}
	for i := 1; i < n; i++ {
		g.edges = append(g.edges, [2]int{i - 1, i})
	}
	return g
}

func (g net) file(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, e := range g.edges {
		fmt.Fprintln(&b, e[0], e[1])
	}
	return write(t, "edges", b.String())
}

// out returns the targets of every vertex.
func (g net) out() [][]int {
	out := make([][]int, g.n)
	for _, e := range g.edges {
		out[e[0]] = append(out[e[0]], e[1])
		if g.in.Undirected && e[0] != e[1] {
			out[e[1]] = append(out[e[1]], e[0])
		}
	}
	return out
}

// A visit is what a vertex keeps: the superstep and the value of the first message, how
// many came, and how often it was computed.
type visit struct{ At, Message, Messages, Calls int64 }

// visits is a program whose vertices note messages, and send say(vertex, superstep) when the
// first comes; vertex 0 begins.
func visits(in graph.Input, once bool, say func(id uint64, superstep int) int64) bsp.Runner {
	return visitsAwake(in, once, say, 0)
}

// visitsAwake is visits with every seventh vertex awake in so many supersteps.
func visitsAwake(in graph.Input, once bool, say func(id uint64, superstep int) int64, supersteps int) bsp.Runner {
	return bsp.NewRunner(graph.Program(in, func(*graph.Global) graph.Algorithm[visit, int64] {
		return graph.Algorithm[visit, int64]{
			Combine: superstep.Min,
			Once:    once,
			Compute: func(v *graph.Vertex[visit, int64], _ iter.Seq[int64]) {
				m, some := v.Message()
				v.Value.Calls++
				if some {
					v.Value.Messages++
				}
				if some && v.Value.Messages == 1 {
					v.Value.At, v.Value.Message = int64(v.Superstep()), m
				}
				if some && v.Value.Messages == 1 || v.Superstep() == 0 && v.ID() == 0 {
					v.SendAll(say(v.ID(), v.Superstep()))
				}
				if v.ID()%7 != 3 || v.Superstep()+1 >= supersteps {
					v.Halt()
				}
			},
		}
	}))
}

// visited is the oracle of visits with Once.
func (g net) visited(say func(id uint64, superstep int) int64) map[string]string {
	values := make([]visit, g.n)
	for i := range values {
		values[i].Calls = 1 // in superstep 0
	}
	out, front := g.out(), []int{0}
	for step := 1; len(front) > 0; step++ {
		came := map[int]int64{}
		for _, u := range front {
			for _, v := range out[u] {
				m, some := came[v]
				if x := say(uint64(u), step-1); !some || x < m {
					came[v] = x
				}
			}
		}
		front = nil
		for v := range g.n {
			if m, some := came[v]; some && values[v].Messages == 0 {
				values[v] = visit{At: int64(step), Message: m, Messages: 1, Calls: 2}
				front = append(front, v)
			}
		}
	}
	want := map[string]string{}
	for i, v := range values {
		want[strconv.Itoa(i)] = fmt.Sprint(v)
	}
	return want
}

func sameLevel(_ uint64, superstep int) int64 { return int64(superstep) + 1 }
func ownID(id uint64, _ int) int64            { return int64(id) }

// TestOnce runs searches that turn, that have no reason to, and that may not since their
// messages differ, and counts the supersteps that were pulled.
func TestOnce(t *testing.T) {
	for _, row := range []struct {
		name   string
		g      net
		say    func(id uint64, superstep int) int64
		pulled bool
	}{
		{"dense", dense(400, false), sameLevel, true},
		{"dense both ways", dense(300, true), sameLevel, true},
		{"chain", chain(300, false), sameLevel, false},
		{"chain both ways", chain(300, true), sameLevel, false},
		{"different messages", dense(400, false), ownID, false},
	} {
		input, want := row.g.file(t), row.g.visited(row.say)
		for _, peers := range []int{1, 2, 3, 5} {
			for tasks := 1; tasks <= min(peers, 3); tasks += 2 {
				t.Run(fmt.Sprintf("%s %d peers %d tasks", row.name, peers, tasks), func(t *testing.T) {
					r := outcome(t, t, trial{runner: visits(row.g.in, true, row.say), input: input, peers: peers, tasks: tasks})
					got := table(t, r.Output)
					for id, w := range want {
						if got[id] != w {
							t.Errorf("vertex %s has %s, want %s", id, got[id], w)
						}
					}
					if n := r.Counters[graph.CounterPulled]; (n > 0) != row.pulled {
						t.Errorf("%d of %d supersteps were pulled", n, r.Supersteps)
					}
				})
			}
		}
	}
}

// TestOnceRestart goes on from a checkpoint of every superstep, pulled ones among them:
// output and counters, that of what was pulled too, are the same.
func TestOnceRestart(t *testing.T) {
	for _, undirected := range []bool{false, true} {
		g := dense(600, undirected)
		input, run := g.file(t), visits(g.in, true, sameLevel)
		whole := bsptest.Run(t, bsptest.Config{Peers: 3, Input: input}, run)
		if whole.Counters[graph.CounterPulled] < 2 {
			t.Fatalf("%d of %d supersteps were pulled", whole.Counters[graph.CounterPulled], whole.Supersteps)
		}
		for at := 1; at < whole.Supersteps; at++ {
			bsptest.SameBits(t, bsptest.Config{Peers: 3, Tasks: 1 + at%3, Input: input, RestartAt: at}, run)
		}
	}
}

func parseVisit(t *testing.T, text string) (v visit) {
	t.Helper()
	if _, err := fmt.Sscanf(text, "{%d %d %d %d}", &v.At, &v.Message, &v.Messages, &v.Calls); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestOnceAwake has vertices that are awake without a message, so that all are looked at after a
// pull: what comes is the same, and what is pulled.
func TestOnceAwake(t *testing.T) {
	const awake = 5
	g := dense(600, false)
	input, run := g.file(t), visitsAwake(g.in, true, sameLevel, awake)
	want := table(t, outcome(t, t, trial{runner: visits(g.in, true, sameLevel), input: input, peers: 2, tasks: 1}).Output)
	r := outcome(t, t, trial{runner: run, input: input, peers: 2, tasks: 1})
	for id, got := range table(t, r.Output) {
		a, b := parseVisit(t, got), parseVisit(t, want[id])
		if n, _ := strconv.Atoi(id); n%7 == 3 {
			b.Calls = max(awake, b.At+1)
		}
		if a != b {
			t.Errorf("vertex %s has %v, want %v", id, a, b)
		}
	}
	if r.Counters[graph.CounterPulled] < 2 {
		t.Errorf("%d of %d supersteps were pulled", r.Counters[graph.CounterPulled], r.Supersteps)
	}
	for at := 1; at < r.Supersteps; at++ {
		bsptest.SameBits(t, bsptest.Config{Peers: 2, Tasks: 1 + at%2, Input: input, RestartAt: at}, run)
	}
}

// TestOnceCounts compares the messages of a search with those of one that pushes.
func TestOnceCounts(t *testing.T) {
	g := dense(400, false)
	input := g.file(t)
	turns := outcome(t, t, trial{runner: visits(g.in, true, sameLevel), input: input, peers: 2, tasks: 1})
	pushes := outcome(t, t, trial{runner: visits(g.in, false, sameLevel), input: input, peers: 2, tasks: 1})
	if turns.Counters["messages"] != pushes.Counters["messages"] || turns.Supersteps != pushes.Supersteps || turns.Counters[graph.CounterPulled] == 0 || pushes.Counters[graph.CounterPulled] != 0 {
		t.Errorf("%d supersteps and %v, pushed %d and %v", turns.Supersteps, turns.Counters, pushes.Supersteps, pushes.Counters)
	}
}

// mixed is a program whose even vertices send 75 along their edges and 50 or 100 by Send to
// the vertex behind them; with weighted the odd ones send 75 by SendWeighted.
func mixed(in graph.Input, weighted bool) bsp.Runner {
	return bsp.NewRunner(graph.Program(in, func(*graph.Global) graph.Algorithm[visit, int64] {
		return graph.Algorithm[visit, int64]{
			Combine: superstep.Min,
			Once:    true,
			Compute: func(v *graph.Vertex[visit, int64], _ iter.Seq[int64]) {
				m, some := v.Message()
				if some {
					v.Value.Messages++
					v.Value.Message = m
				}
				switch {
				case v.Superstep() > 0:
				case v.ID()%2 == 0:
					v.Send(v.ID()+1, 50+int64(v.ID()%4)*25)
					v.SendAll(75)
				case weighted:
					v.SendWeighted(func(float64) int64 { return 75 })
				}
				v.Halt()
			},
		}
	}))
}

// mixture is the oracle of mixed.
func (g net) mixture(weighted bool) map[string]string {
	least := make([]int64, g.n)
	for v := range least {
		if least[v] = math.MaxInt64; v%2 == 1 {
			least[v] = 50 + int64((v-1)%4)*25
		}
	}
	for u, row := range g.out() {
		for _, v := range row {
			if u%2 == 0 || weighted {
				least[v] = min(least[v], 75)
			}
		}
	}
	want := map[string]string{}
	for v, m := range least {
		if want[strconv.Itoa(v)] = fmt.Sprint(visit{}); m < math.MaxInt64 {
			want[strconv.Itoa(v)] = fmt.Sprint(visit{Message: m, Messages: 1})
		}
	}
	return want
}

// TestOnceOtherMessages has messages by Send come in a pulled superstep, where both are
// combined, and messages by SendWeighted, with which none is pulled.
func TestOnceOtherMessages(t *testing.T) {
	g := dense(400, false)
	input := g.file(t)
	for _, weighted := range []bool{false, true} {
		want := g.mixture(weighted)
		for _, peers := range []int{1, 3} {
			r := outcome(t, t, trial{runner: mixed(g.in, weighted), input: input, peers: peers, tasks: peers})
			for id, got := range table(t, r.Output) {
				if got != want[id] {
					t.Errorf("weighted %v, %d peers: vertex %s has %s, want %s", weighted, peers, id, got, want[id])
				}
			}
			if n := r.Counters[graph.CounterPulled]; (n > 0) == weighted {
				t.Errorf("weighted %v, %d peers: %d supersteps were pulled", weighted, peers, n)
			}
		}
	}
}

// saying is a program whose vertices send say(vertex) in superstep 0, and keep what comes last.
func saying[M superstep.Number](in graph.Input, combine superstep.Op, once bool, say func(id uint64) M) bsp.Runner {
	return bsp.NewRunner(graph.Program(in, func(*graph.Global) graph.Algorithm[M, M] {
		return graph.Algorithm[M, M]{
			Combine: combine,
			Once:    once,
			Compute: func(v *graph.Vertex[M, M], _ iter.Seq[M]) {
				if m, some := v.Message(); some {
					v.Value = m
				}
				if v.Superstep() == 0 && v.Degree() > 0 {
					v.SendAll(say(v.ID()))
				}
				v.Halt()
			},
		}
	}))
}

// TestOncePeersDiffer has two vertices send to all: each of two peers may find that all its
// messages are the same, and yet they are not.
func TestOncePeersDiffer(t *testing.T) {
	const n = 300
	for other := 1; other < 9; other++ {
		g := net{graph.Input{}, n, nil}
		for v := range n {
			g.edges = append(g.edges, [2]int{0, v}, [2]int{other, v})
		}
		run := saying(g.in, superstep.Max, true, func(id uint64) int64 { return 10 - int64(id) })
		r := outcome(t, t, trial{runner: run, input: g.file(t), peers: 2, tasks: 1})
		for id, got := range table(t, r.Output) {
			if got != "10" {
				t.Fatalf("beside vertex %d: %s has %s, want 10", other, id, got)
			}
		}
		if r.Counters[graph.CounterPulled] != 0 {
			t.Fatalf("beside vertex %d: different messages were pulled", other)
		}
	}
}

func TestOnceRefused(t *testing.T) {
	input := write(t, "edges", "0 1\n")
	for _, op := range []superstep.Op{superstep.Sum, 0} {
		run := bsp.NewRunner(graph.Program(graph.Input{}, func(*graph.Global) graph.Algorithm[int64, int64] {
			a := graph.Algorithm[int64, int64]{Combine: op, Once: true, Supersteps: 1}
			if op == 0 {
				a.Sweep = func(*graph.Arrays[int64, int64]) {}
			} else {
				a.Compute = func(*graph.Vertex[int64, int64], iter.Seq[int64]) {}
			}
			return a
		}))
		if _, err := bsptest.Try(t, bsptest.Config{Input: input}, run); err == nil || !strings.Contains(err.Error(), "Once goes with") {
			t.Errorf("operator %d: %v", op, err)
		}
	}
}

// TestPullBlocks compares a pull along the blocks of some peers with a loop over their edges.
func TestPullBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, peers := rapid.SampledFrom([]int{1, 60, 64, 65, 500, 2000}).Draw(t, "vertices"), rapid.IntRange(1, 4).Draw(t, "peers")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		edges := make([][2]uint32, r.IntN(4*n))
		for i := range edges {
			edges[i] = [2]uint32{uint32(r.IntN(n)), uint32(r.IntN(r.IntN(n) + 1))} // few sources have many
		}
		share, sending := []int{0, 1, 10, 50, 100}[r.IntN(5)], rapid.IntRange(1, peers).Draw(t, "sending")
		front, got := make([]bool, n), make([]bool, n)
		for v := range n {
			front[v], got[v] = v%peers < sending && r.IntN(100) < share, r.IntN(3) == 0
		}
		want := make([]bool, n)
		for _, e := range edges {
			want[e[0]] = want[e[0]] || front[e[1]] && !got[e[0]]
		}
		found, after, err := graph.PullAlong(edges, peers, front, got)
		if err != nil {
			t.Fatal(err)
		}
		for v := range n {
			if found[v] != want[v] || after[v] != (got[v] || want[v]) {
				t.Fatalf("vertex %d: found %v, got %v; want %v of %v", v, found[v], after[v], want[v], got[v])
			}
		}
	})
}

// FuzzBlock decodes what another peer might have sent: what is taken encodes to the same
// bytes, and can be transposed twice.
func FuzzBlock(f *testing.F) {
	words := func(xs ...uint32) (b []byte) {
		for _, x := range xs {
			b = binary.LittleEndian.AppendUint32(b, x)
		}
		return b
	}
	good := words(2, 1, 3, 0, 2, 3, 0, 4, 1)
	f.Add(good)
	f.Add(words(0, 0))
	f.Add(words(2, 3, 1, 0, 2, 3, 0, 4, 1)) // rows that descend
	f.Add(words(2, 1, 3, 0, 4, 3, 0, 4, 1)) // a row that ends before it starts
	f.Add(words(math.MaxUint32, 0))
	f.Add(words(1, 1, 0, 1, 5)) // a target over the limit
	f.Add(good[:len(good)-1])
	if !graph.BlockFits(good, 4, 5) || graph.BlockFits(good, 3, 5) || graph.BlockFits(good, 4, 4) {
		f.Fatal("limits are not kept")
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := graph.Recode(b, 8, 8)
		if err == nil && !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}

// TestZeros has vertices send zeros of both signs, which are equal and not the same: each comes as it was sent,
// pushed or, with Once, where it might be pulled.
func TestZeros(t *testing.T) {
	input := write(t, "edges", "0 10\n1 11\n2 12\n3 13\n")
	for _, once := range []bool{false, true} {
		run := saying(graph.Input{}, superstep.Min, once, func(id uint64) float64 { return math.Copysign(0, float64(id%2)-0.5) })
		for _, peers := range []int{1, 2, 3} {
			r := outcome(t, t, trial{runner: run, input: input, peers: peers, tasks: 1})
			got := table(t, r.Output)
			for id, want := range map[string]string{"10": "-0", "11": "0", "12": "-0", "13": "0"} {
				if got[id] != want {
					t.Errorf("once %v, %d peers: vertex %s has %s, want %s", once, peers, id, got[id], want)
				}
			}
		}
	}
}
