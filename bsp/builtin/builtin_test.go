package builtin_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
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
	"scalar/bsp/builtin"
	"scalar/bsp/job"
	"scalar/bsp/wire"

	"pgregory.net/rapid"
)

func runner(t fataler, name string, args ...string) bsp.Runner {
	t.Helper()
	r, err := builtin.Programs().NewRunner(name, args)
	if err != nil {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return r
}

// everywhere runs a job in several placements, each with a restart; all have to give
// the same output, which it returns.
func everywhere(t *testing.T, tr trial) string {
	t.Helper()
	for _, tasks := range []int{1, 2, tr.peers} {
		tr.tasks = tasks
		bsptest.SameBits(t, tr.config(), tr.runner)
	}
	return string(outcome(t, t, tr).Output)
}

func TestPi(t *testing.T) {
	for _, peers := range []int{1, 3} {
		got := table(t, outcome(t, t, trial{runner: runner(t, "pi", "--samples", "3000000"), peers: peers}).Output)
		pi, err := strconv.ParseFloat(got["pi"], 64)
		if err != nil || len(got) != 1 || math.Abs(pi-math.Pi) > 0.005 {
			t.Fatalf("%v, %v", got, err)
		}
	}
	if got := everywhere(t, trial{runner: runner(t, "pi", "--samples=1000"), peers: 4, restartAt: 1}); got == "" {
		t.Fatal("no output")
	}
}

// checksum is randcomm in plain loops.
func checksum(peers, size, messages, supersteps int, seed uint64) string {
	sums := make([]uint64, peers)
	inbox := make([][][]byte, peers)
	read := func(at int) {
		for p := range sums {
			sums[p] = scramble(sums[p] + uint64(at))
			for _, m := range inbox[p] {
				sums[p] ^= uint64(len(m))
				padded := append(slices.Clone(m), make([]byte, 8-len(m)%8)...)
				for i := 0; i < len(padded); i += 8 {
					sums[p] = scramble(sums[p] ^ binary.LittleEndian.Uint64(padded[i:]))
				}
			}
		}
	}
	for s := range supersteps {
		read(s)
		next := make([][][]byte, peers)
		for from := range peers {
			rng := rand.NewPCG(seed, uint64(from)<<32|uint64(s))
			for range messages {
				to := int(rng.Uint64() >> 32 * uint64(peers) >> 32)
				m := make([]byte, 0, size+8)
				for len(m) < size {
					m = binary.LittleEndian.AppendUint64(m, rng.Uint64())
				}
				next[to] = append(next[to], m[:size])
			}
		}
		inbox = next
	}
	read(supersteps)
	total := uint64(0)
	for _, s := range sums {
		total = scramble(total ^ s)
	}
	return fmt.Sprintf("checksum\t%016x\nmessages\t%d\n", total, messages*supersteps*peers)
}

func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func TestRandcommAgainstThePlainOne(tt *testing.T) {
	rapid.Check(tt, func(t *rapid.T) {
		peers := rapid.IntRange(1, 5).Draw(t, "peers")
		size, messages, supersteps := rapid.IntRange(0, 40).Draw(t, "size"), rapid.IntRange(0, 20).Draw(t, "messages"), rapid.IntRange(0, 5).Draw(t, "supersteps")
		r := outcome(tt, t, trial{runner: runner(t, "randcomm", "--size", strconv.Itoa(size), "--messages", strconv.Itoa(messages), "--supersteps", strconv.Itoa(supersteps), "--seed", "9"), peers: peers})
		if want := checksum(peers, size, messages, supersteps, 9); string(r.Output) != want {
			t.Fatalf("%q, want %q", r.Output, want)
		}
		if r.Supersteps != supersteps {
			t.Fatalf("%d supersteps, want %d", r.Supersteps, supersteps)
		}
	})
}

func TestRandcommEverywhere(t *testing.T) {
	got := everywhere(t, trial{runner: runner(t, "randcomm", "--size", "33", "--messages", "5", "--supersteps", "60"), peers: 4, restartAt: 23})
	if want := checksum(4, 33, 5, 60, 1); got != want {
		t.Fatalf("%q, want %q", got, want)
	}
}

func TestWordcount(t *testing.T) {
	words := []string{"to", "be", "or", "not", "ä", "that", "is", "x\x00y"}
	rng := rand.New(rand.NewPCG(5, 5))
	var b strings.Builder
	want := map[string]int{}
	for range 5000 {
		for range rng.IntN(6) {
			w := words[rng.IntN(len(words))]
			if rng.IntN(4) == 0 {
				w += strconv.Itoa(rng.IntN(500))
			}
			want[w]++
			b.WriteString(w + []string{" ", "\t", "  ", "\u00a0"}[rng.IntN(4)])
		}
		b.WriteString([]string{"\n", "\r\n"}[rng.IntN(2)])
	}
	input := write(t, "text", b.String())
	for _, peers := range []int{1, 2, 3, 5} {
		r := outcome(t, t, trial{runner: runner(t, "wordcount"), input: input, peers: peers, tasks: min(peers, 2)})
		got := table(t, r.Output)
		if len(got) != len(want) {
			t.Fatalf("%d words, want %d", len(got), len(want))
		}
		for w, n := range want {
			if got[w] != strconv.Itoa(n) {
				t.Fatalf("%q: %s, want %d", w, got[w], n)
			}
		}
		byWord := func(a, b string) int { return strings.Compare(strings.Split(a, "\t")[0], strings.Split(b, "\t")[0]) }
		if peers == 1 && !slices.IsSortedFunc(slices.Collect(strings.Lines(string(r.Output))), byWord) {
			t.Fatal("words are not sorted")
		}
	}
}

func TestWordcountEverywhere(t *testing.T) {
	input := write(t, "text", strings.Repeat("to be or not\n", 1000))
	got := everywhere(t, trial{runner: runner(t, "wordcount"), input: input, peers: 3, restartAt: 1})
	if strings.Count(got, "\t1000\n") != 4 {
		t.Fatalf("%q", got)
	}
}

func TestGraphPrograms(t *testing.T) {
	input := write(t, "edges", "1 2\n2 3\n3 1\n3 3\n")
	vertices := write(t, "vertices", "9\n")
	got := table(t, outcome(t, t, trial{runner: runner(t, "inlinks", "--vertices", vertices), input: input, peers: 2}).Output)
	if want := map[string]string{"1": "1", "2": "1", "3": "2", "9": "0"}; !maps.Equal(got, want) {
		t.Fatalf("inlinks %v, want %v", got, want)
	}
	got = table(t, outcome(t, t, trial{runner: runner(t, "inlinks", "--undirected", "--ids=string"), input: input, peers: 3}).Output)
	if want := map[string]string{"1": "2", "2": "2", "3": "3"}; !maps.Equal(got, want) {
		t.Fatalf("undirected inlinks %v, want %v", got, want)
	}
	got = table(t, outcome(t, t, trial{runner: runner(t, "pagerank", "--iterations", "0", "--vertices", vertices), input: input, peers: 2}).Output)
	if want := map[string]string{"1": "0.25", "2": "0.25", "3": "0.25", "9": "0.25"}; !maps.Equal(got, want) {
		t.Fatalf("pagerank %v, want %v", got, want)
	}
	everywhere(t, trial{runner: runner(t, "pagerank", "--iterations", "50"), input: input, peers: 3, restartAt: 20})
	everywhere(t, trial{runner: runner(t, "inlinks"), input: input, peers: 3, restartAt: 1})
	for name, want := range map[string]string{
		"pagerank --iterations 0 --personalize 2,3": "1:0 2:0.5 3:0.5",
		"hits --iterations 0 --undirected":          "1:0.5773502691896258,0.5773502691896258 2:0.5773502691896258,0.5773502691896258 3:0.5773502691896258,0.5773502691896258",
		"scc":                                       "1:1 2:1 3:1",
		"louvain":                                   "1:1 2:1 3:1",
		"mst":                                       "1:- 2:1 1 3:1 1",
	} {
		words := strings.Fields(name)
		got := table(t, outcome(t, t, trial{runner: runner(t, words[0], words[1:]...), input: input, peers: 2}).Output)
		if have := fmt.Sprint(got); have != "map["+want+"]" {
			t.Errorf("%s: %s, want %s", name, have, want)
		}
	}
	pairs := write(t, "pairs", "1 2\n4 3\n")
	left := write(t, "left", "1\n3\n5\n")
	got = table(t, outcome(t, t, trial{runner: runner(t, "bipartite", "--left", left), input: pairs, peers: 2}).Output)
	if want := map[string]string{"1": "2", "2": "1", "3": "4", "4": "3", "5": "-"}; !maps.Equal(got, want) {
		t.Errorf("bipartite %v, want %v", got, want)
	}
}

func TestMatrixPrograms(t *testing.T) {
	a := write(t, "a", "%%MatrixMarket matrix coordinate integer general\n2 3 3\n1 1 2\n1 3 -1\n2 2 0.5\n")
	b := write(t, "b", "%%MatrixMarket matrix array real general\n3 1\n1\n3\n5\n")
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"spmv", nil, "%%MatrixMarket matrix array real general\n2 1\n1\n0.5\n"},
		{"spmv", []string{"--vector", b}, "%%MatrixMarket matrix array real general\n2 1\n-3\n1.5\n"},
		{"matmul", []string{"--right", b}, "%%MatrixMarket matrix coordinate real general\n2 1 2\n1 1 -3\n2 1 1.5\n"},
	} {
		tr := trial{runner: runner(t, c.name, c.args...), input: a, peers: 3}
		if c.args != nil {
			tr.restartAt = 1
		}
		if got := everywhere(t, tr); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.name, c.args, got, c.want)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		program string
		args    []string
		want    string
	}{
		{"pi", []string{"--samples"}, "needs a value"},
		{"pi", []string{"--samples", "many"}, "want a whole number"},
		{"pi", []string{"--samples", "9223372036854775808"}, "want a whole number from -9223372036854775808 to 9223372036854775807"},
		{"pi", []string{"--samples", "0"}, "want 1 to"},
		{"pi", []string{"1000"}, `unexpected argument "1000"`},
		{"pi", []string{"-samples", "1"}, "unexpected argument"},
		{"pi", []string{"--sample", "1"}, "unknown option --sample; there are --samples"},
		{"pi", []string{"--help"}, "--samples int"},
		{"wordcount", []string{"--x"}, "there are none"},
		{"randcomm", []string{"--size", "-1"}, "want 0 to"},
		{"randcomm", []string{"--messages=1.5"}, "whole number"},
		{"pagerank", []string{"--damping", "1.5"}, "from 0 to 1"},
		{"pagerank", []string{"--damping", "NaN"}, "want a number"},
		{"pagerank", []string{"--tolerance=-1"}, "tolerance"},
		{"pagerank", []string{"--iterations=-1"}, "iterations"},
		{"pagerank", []string{"--ids", "float"}, "int or string"},
		{"pagerank", []string{"--personalize", "1,,2"}, "separated by commas"},
		{"hits", []string{"--iterations=-1"}, "want 0 to"},
		{"bipartite", nil, "--left is missing"},
		{"bipartite", []string{"--left", "x", "--seed", "y"}, "whole number"},
		{"matmul", nil, "--right is missing"},
		{"spmv", []string{"--vector="}, "a path or URL"},
		{"inlinks", []string{"--undirected=maybe"}, "true or false"},
		{"inlinks", []string{"--vertices="}, "a path or URL"},
	} {
		p, ok := builtin.Programs().Lookup(c.program)
		if !ok {
			t.Fatalf("no %s", c.program)
		}
		_, absolute := p.Absolute(c.args, "/tmp")
		_, created := builtin.Programs().NewRunner(c.program, c.args)
		for _, err := range []error{absolute, created} {
			f := job.AsFailure(err, job.FaultInternal)
			if err == nil || f.Kind != job.FaultInput || f.Code != job.ExitUsage || !strings.Contains(f.Message, c.want) || !strings.HasPrefix(f.Message, c.program+": ") {
				t.Errorf("%s %q: %v %d %q, want %q", c.program, c.args, f.Kind, f.Code, f.Message, c.want)
			}
		}
	}
	_, err := builtin.Programs().NewRunner("nothing", nil)
	if f := job.AsFailure(err, job.FaultInternal); f.Code != job.ExitNotFound {
		t.Errorf("unknown program: %v", err)
	}
}

func TestAbsolute(t *testing.T) {
	p, _ := builtin.Programs().Lookup("pagerank")
	got, err := p.Absolute([]string{"--vertices", "../v", "--undirected", "--iterations=3"}, "/home/me")
	if want := []string{"--vertices=/home/v", "--undirected=true", "--iterations=3"}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("%q, %v; want %q", got, err, want)
	}
	for _, v := range []string{"/a/v", "file:///a/v"} {
		if got, err = p.Absolute([]string{"--vertices=" + v}, "/home/me"); err != nil || got[0] != "--vertices="+v {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

func TestPrograms(t *testing.T) {
	ps := builtin.Programs()
	names := make([]string, 0, len(ps))
	for _, p := range ps {
		names = append(names, p.Name)
		if p.Summary == "" || p.New == nil || !strings.Contains(p.Help(), p.Summary) {
			t.Errorf("%s is incomplete", p.Name)
		}
		for _, o := range p.Options {
			if o.Help == "" || o.Needed == (o.Default != "") && o.Kind != builtin.KindBool && o.Kind != builtin.KindFile && o.Name != "personalize" {
				t.Errorf("%s --%s is incomplete", p.Name, o.Name)
			}
		}
		needed := slices.ContainsFunc(p.Options, func(o builtin.Option) bool { return o.Needed })
		if _, err := p.New(nil); (err != nil) != needed {
			t.Errorf("%s with its defaults: %v", p.Name, err)
		}
	}
	if want := strings.Fields("bfs bipartite cdlp hits inlinks kcore lcc louvain matmul mdst mst pagerank pi randcomm scc semicluster spmv sssp triangles wcc wordcount"); !slices.Equal(names, want) {
		t.Fatalf("programs %q", names)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	start := wire.TaskStart{Key: wire.TaskKey{Job: "test-1", Epoch: 1}, Ranges: []job.Range{{Hi: 2}}}
	_, err := bsp.RunTask(ctx, bsp.TaskConfig{Runner: runner(t, "pi", "--samples", "9000000000000000000"), Start: start, Stderr: io.Discard})
	if err == nil {
		t.Fatal("a cancelled job succeeded")
	}
}

func FuzzRandcommMessages(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 'x', 0, 2, 'a', 'b'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		ms, err := builtin.BytesCodec.Decode(nil, data)
		if err != nil {
			return
		}
		again, err := builtin.BytesCodec.Decode(nil, builtin.BytesCodec.Append(nil, ms))
		if err != nil || !slices.EqualFunc(ms, again, bytes.Equal) {
			t.Fatalf("%x: %q and %q, %v", data, ms, again, err)
		}
	})
}

func TestFileOptionIsRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "v"), []byte("8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, _ := builtin.Programs().Lookup("inlinks")
	args, err := p.Absolute([]string{"--vertices", "v"}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := outcome(t, t, trial{runner: runner(t, "inlinks", args...), input: write(t, "edges", "1 1\n"), peers: 1}).Output; string(got) != "1\t1\n8\t0\n" {
		t.Fatalf("%q", got)
	}
}
