package algo_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"
)

// chainSketch is one path over n vertices in a random order, each line either way.
func chainSketch(n int) *sketch {
	r := rand.New(rand.NewPCG(2, uint64(n)))
	s := &sketch{}
	for i := range n {
		s.ids = append(s.ids, strconv.Itoa(i))
	}
	order := r.Perm(n)
	for i := 1; i < n; i++ {
		a, b := s.ids[order[i-1]], s.ids[order[i]]
		if r.IntN(2) == 0 {
			a, b = b, a
		}
		s.lines = append(s.lines, edge{a, b, 1})
	}
	return s
}

// TestComponentsOfLargerGraphs compares with a plain search, with any number of peers and
// tasks and with restarts, for names too.
func TestComponentsOfLargerGraphs(t *testing.T) {
	one := func(*rand.Rand) float64 { return 1 }
	for name, s := range map[string]*sketch{
		"sparse": randomSketch(2000, 900, one), // many small components
		"mixed":  randomSketch(2000, 2200, one),
		"dense":  randomSketch(500, 5000, one),
		"chain":  chainSketch(1000),
	} {
		for _, ids := range []graph.IDs{graph.Integers, graph.Strings} {
			t.Run(fmt.Sprintf("%s ids %d", name, ids), func(t *testing.T) {
				s := *s
				s.in.IDs = ids
				want := components(&s)
				input := s.files(t, t.TempDir())
				run := bsp.NewRunner(algo.Components(s.in))
				for _, cfg := range []bsptest.Config{{Peers: 1}, {Peers: 2}, {Peers: 3, Tasks: 2}, {Peers: 8, Tasks: 3}} {
					cfg.Input = input
					r := bsptest.Run(t, cfg, run)
					if got := values(t, r.Output); fmt.Sprint(got) != fmt.Sprint(want) {
						t.Fatalf("%+v: %v, want %v", cfg, got, want)
					}
					if cfg.Peers == 2 && r.Supersteps > 2 {
						t.Errorf("%d supersteps of two peers", r.Supersteps)
					}
					if r.Supersteps > 1 {
						cfg.RestartAt = max(r.Supersteps/2, 1)
						bsptest.SameBits(t, cfg, run)
					}
				}
			})
		}
	}
}

// TestComponentsOfLongChains: supersteps grow with the logarithm of the length, whichever
// way the ids go along the chain.
func TestComponentsOfLongChains(t *testing.T) {
	const n = 20000
	straight := &sketch{ids: []string{"0"}}
	for i := 1; i < n; i++ {
		straight.ids = append(straight.ids, strconv.Itoa(i))
		straight.lines = append(straight.lines, edge{straight.ids[i], straight.ids[i-1], 1})
	}
	for name, s := range map[string]*sketch{"straight": straight, "shuffled": chainSketch(n)} {
		input := s.files(t, t.TempDir())
		for _, peers := range []int{1, 2, 3, 8} {
			cfg := bsptest.Config{Peers: peers, Input: input}
			r := bsptest.Run(t, cfg, bsp.NewRunner(algo.Components(s.in)))
			for id, got := range values(t, r.Output) {
				if got != "0" {
					t.Fatalf("%s, %d peers: %s is in %s", name, peers, id, got)
				}
			}
			t.Logf("%s, %d peers: %d supersteps", name, peers, r.Supersteps)
			if r.Supersteps > 16 {
				t.Errorf("%s, %d peers: %d supersteps", name, peers, r.Supersteps)
			}
			if cfg.RestartAt = 6; r.Supersteps > cfg.RestartAt {
				bsptest.SameBits(t, cfg, bsp.NewRunner(algo.Components(s.in)))
			}
		}
	}
}

// TestComponentsState: a state goes back into as many vertices only.
func TestComponentsState(t *testing.T) {
	s := algo.IDs{7, 0, 1 << 62}
	enc, err := s.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	back := make(algo.IDs, 3)
	if err := back.UnmarshalBinary(enc); err != nil || fmt.Sprint(back) != fmt.Sprint(s) {
		t.Errorf("%v, %v; want %v", back, err, s)
	}
	for _, n := range []int{0, 2, 4} {
		if err := new(make(algo.IDs, n)).UnmarshalBinary(enc); err == nil {
			t.Errorf("the state of 3 vertices went into %d", n)
		}
	}
}
