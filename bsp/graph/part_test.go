package graph_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
)

// TestLoadOut: every vertex comes with the edges from it, by their targets' names and
// weights, however the graph is shared out.
func TestLoadOut(t *testing.T) {
	const text = "1 2 5\n1 3 7\n2 3 1\n3 3 2\n4 1 9\n1 2 6\n"
	want := map[string]string{"1": "2:5 2:6 3:7", "2": "3:1", "3": "3:2", "4": "1:9"}
	program := func(ctx context.Context, p *bsp.Peer[int64]) error {
		part, err := graph.LoadOut(ctx, p, graph.Input{Weights: true, Neighbours: true})
		if err != nil {
			return err
		}
		vertex, own, err := graph.Find(ctx, p, part, "4")
		if err != nil {
			return err
		}
		if own {
			p.Count("found", int64(part.ID(vertex)))
		}
		starts, ends, weights := part.Rows()
		peers, numbers := part.Owners()
		return graph.Write(ctx, p, part, nil, func(dst []byte, v int, _ func([]byte, uint64) []byte) []byte {
			var row []string
			for i, u := range part.Targets(v) {
				at := int(starts[v]) + i
				if ends[at] != u || weights[at] != part.Weights(v)[i] || numbers[u] >= part.Counts()[peers[u]] {
					return append(dst, "other rows"...)
				}
				row = append(row, fmt.Sprintf("%d:%v", part.Neighbour(u), weights[at]))
			}
			slices.Sort(row)
			return append(dst, strings.Join(row, " ")...)
		})
	}
	for _, peers := range []int{1, 2, 3, 5} {
		r := bsptest.Run(t, bsptest.Config{Peers: peers, Input: write(t, "graph", text)}, bsp.NewRunner(program))
		if got := table(t, r.Output); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d peers: %v, want %v", peers, got, want)
		}
		if r.Counters["found"] != 4 {
			t.Errorf("%d peers: found %d", peers, r.Counters["found"])
		}
	}
}

// TestPartTheWrongWay: edges from a vertex are not taken for edges to it.
func TestPartTheWrongWay(t *testing.T) {
	panics := func(f func()) (is bool) {
		defer func() { is = recover() != nil }()
		f()
		return false
	}
	program := func(load func(context.Context, *bsp.Peer[int64], graph.Input) (*graph.Part, error), wrong func(*graph.Part)) bsp.Program[int64] {
		return func(ctx context.Context, p *bsp.Peer[int64]) error {
			part, err := load(ctx, p, graph.Input{})
			if err == nil && !panics(func() { wrong(part) }) {
				t.Error("edges of the other way were given")
			}
			return err
		}
	}
	cfg := bsptest.Config{Input: write(t, "graph", "1 2\n")}
	bsptest.Run(t, cfg, bsp.NewRunner(program(graph.Load[int64], func(part *graph.Part) { part.Targets(0) })))
	bsptest.Run(t, cfg, bsp.NewRunner(program(graph.LoadOut[int64], func(part *graph.Part) { part.Sources(0) })))
	_, err := bsptest.Try(t, cfg, bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int64]) error {
		_, err := graph.LoadOut(ctx, p, graph.Input{Ways: true})
		return err
	}))
	if err == nil || !strings.Contains(err.Error(), "LoadOut takes no Ways") {
		t.Errorf("LoadOut with Ways: %v", err)
	}
}
