package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"scalar/bench"
	"scalar/bench/limit"
)

// ranking is one program's PageRank: wall and compute seconds, a sample a run.
type ranking struct{ wall, compute []float64 }

// pagerank measures local jobs of one and two tasks and the limit program, in turn.
func (h *harness) pagerank(ctx context.Context, scale int) ([]bench.Figure, error) {
	graph := filepath.Join(h.scratch, fmt.Sprintf("rmat%d.txt", scale))
	if _, _, err := h.bspRun(ctx, nil, "data", "gen", "rmat", "--scale", strconv.Itoa(scale), "--edge-factor", "16", "--seed", "1", "--output", graph); err != nil {
		return nil, err
	}
	var floor ranking
	var ours [2]ranking
	var planes [2]string
	for run := range h.runs + 1 { // the first one warms up
		var t limit.Times
		took, err := h.tool(ctx, &t, h.limit, "-what", "pagerank", "-iterations", "20", "-input", graph, "-output", h.output())
		if err != nil {
			return nil, err
		}
		if run > 0 {
			floor.wall, floor.compute = append(floor.wall, took.Seconds()), append(floor.compute, t.Compute)
		}
		for i := range ours {
			info, took, err := h.job(ctx, nil, "job", "submit", "--local", "--peers", "2", "--tasks", strconv.Itoa(i+1), "-o", "json",
				"--input", graph, "--output", h.output(), "pagerank", "--", "--iterations", "20")
			if err != nil {
				return nil, err
			}
			if planes[i] = info.DataPlane; run > 0 {
				ours[i].wall, ours[i].compute = append(ours[i].wall, took.Seconds()), append(ours[i].compute, info.Seconds.Compute)
			}
		}
	}
	var figures []bench.Figure
	for i, r := range ours {
		wall := bench.Figure{
			Name: fmt.Sprintf("PageRank R-MAT %d, %d task(s)", scale, i+1), Unit: "s", Samples: r.wall, Limit: floor.wall,
			Floor: "one process, all cores, same arithmetic, finds ids by a bitmap, checks little",
			Note:  fmt.Sprintf("20 supersteps, text in → text out, 2 peers, %d task(s), %s", i+1, planes[i]),
		}
		compute := wall
		compute.Name, compute.Samples, compute.Limit, compute.Floor = wall.Name+", compute", r.compute, floor.compute, "the same, pulls along one CSR"
		if scale == 18 {
			wall.Peers, compute.Peers = "Giraph 16, GraphX 24, timely 0.19 (measured at another time)", "GAP 0.044, timely 0.108, Giraph 3.25"
			if i == 1 {
				wall.Mark = 1.5
			}
		}
		figures = append(figures, wall, compute)
	}
	return figures, nil
}
