package algo_test

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"
	"scalar/bsp/job"
)

// jumps is the plain PageRank of jumps to the vertices of home alone.
func jumps(s *sketch, home map[string]bool, iterations int, damping float64) map[string]string {
	to := func(id string) float64 {
		if home[id] {
			return 1 / float64(len(home))
		}
		return 0
	}
	degrees := map[string]int{}
	for _, e := range s.directed() {
		degrees[e.src]++
	}
	rank := map[string]float64{}
	for _, id := range s.ids {
		rank[id] = to(id)
	}
	for range iterations {
		next, dangling := map[string]float64{}, 0.0
		for _, id := range s.ids {
			if degrees[id] == 0 {
				dangling += rank[id]
			}
		}
		for _, id := range s.ids {
			next[id] = (1 - damping + damping*dangling) * to(id)
		}
		for _, e := range s.directed() {
			next[e.dst] += damping * rank[e.src] / float64(degrees[e.src])
		}
		rank = next
	}
	want := map[string]string{}
	for id, x := range rank {
		want[id] = strconv.FormatFloat(x, 'g', -1, 64)
	}
	return want
}

func TestPersonalize(t *testing.T) {
	var ids []string
	against(t, func(in graph.Input) bsp.Runner {
		return bsp.NewRunner(algo.PageRank{Iterations: 7, Damping: 0.8, Personalize: ids}.Program(in))
	}, func(s *sketch) map[string]string {
		home := map[string]bool{}
		ids = nil
		for i := 0; i < len(s.ids); i += 1 + len(s.ids)/3 {
			home[s.ids[i]] = true
			ids = append(ids, s.ids[i], s.ids[0]) // one that repeats counts once
		}
		return jumps(s, home, 7, 0.8)
	}, nearly)
}

// TestPersonalizeFar: vertices that jumps go to are found among many, which are not all swept
// at once.
func TestPersonalizeFar(t *testing.T) {
	s := chainSketch(5000)
	input := s.files(t, t.TempDir())
	ids, home := []string{"0", "1", "1023", "1024", "2047", "2048", "3333", "4999"}, map[string]bool{}
	for _, id := range ids {
		home[id] = true
	}
	want := jumps(s, home, 5, 0.8)
	for _, peers := range []int{1, 2} {
		program := bsp.NewRunner(algo.PageRank{Iterations: 5, Damping: 0.8, Personalize: ids}.Program(s.in))
		got := values(t, bsptest.Run(t, bsptest.Config{Peers: peers, Input: input}, program).Output)
		if len(got) != len(want) {
			t.Fatalf("%d peers: %d vertices, want %d", peers, len(got), len(want))
		}
		for id, x := range want {
			if !nearly(got[id], x) {
				t.Fatalf("%d peers: %s has %s, want %s", peers, id, got[id], x)
			}
		}
	}
}

func TestPersonalizeUnknown(t *testing.T) {
	s := &sketch{ids: []string{"1", "2"}, lines: []edge{{"1", "2", 1}}}
	_, err := bsptest.Try(t, bsptest.Config{Peers: 2, Tasks: 2, Input: s.files(t, t.TempDir())}, bsp.NewRunner(algo.PageRank{Personalize: []string{"1", "7"}}.Program(s.in)))
	if f, ok := errors.AsType[*job.Failure](err); !ok || f.Kind != job.FaultInput || !strings.Contains(f.Message, "7") {
		t.Fatal(err)
	}
}

// norm divides by the root of the sum of squares.
func norm(x map[string]float64) {
	sum := 0.0
	for _, y := range x {
		sum += y * y
	}
	for id := range x {
		if sum > 0 {
			x[id] /= math.Sqrt(sum)
		}
	}
}

func TestHITS(t *testing.T) {
	for _, iterations := range []int{0, 1, 6} {
		against(t, func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.HITS(in, iterations)) }, func(s *sketch) map[string]string {
			authorities, hubs := map[string]float64{}, map[string]float64{}
			for _, id := range s.ids {
				authorities[id], hubs[id] = 1, 1
			}
			norm(authorities)
			norm(hubs)
			for range iterations {
				clear(authorities)
				for _, e := range s.directed() {
					authorities[e.dst] += hubs[e.src]
				}
				norm(authorities)
				clear(hubs)
				for _, e := range s.directed() {
					hubs[e.src] += authorities[e.dst]
				}
				norm(hubs)
			}
			want := map[string]string{}
			for _, id := range s.ids {
				want[id] = strconv.FormatFloat(authorities[id], 'g', -1, 64) + "," + strconv.FormatFloat(hubs[id], 'g', -1, 64)
			}
			return want
		}, func(got, want string) bool {
			a, h, ok := strings.Cut(got, ",")
			wantA, wantH, _ := strings.Cut(want, ",")
			return ok && nearly(a, wantA) && nearly(h, wantH)
		})
	}
}
