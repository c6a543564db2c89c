package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"scalar/bench"
	"scalar/bench/limit"
)

// A floor is what a limit program took.
type floor struct{ wall, load, compute []float64 }

// floorOf returns a function that runs a limit program once.
func (h *harness) floorOf(ctx context.Context, f *floor, graph, args string) func(keep bool) error {
	return func(keep bool) error {
		var t limit.Times
		out := h.output()
		took, err := h.tool(ctx, &t, h.limit, append(strings.Fields(args), "-input", graph, "-output", out)...)
		if err != nil {
			return err
		}
		if keep {
			f.wall, f.load, f.compute = append(f.wall, took.Seconds()), append(f.load, t.Load), append(f.compute, t.Compute)
		}
		return os.RemoveAll(out)
	}
}

const rankArgs = "-what pagerank -iterations 20"

// times is the mark that is some times a limit.
func (h *harness) times(factor float64, f *bench.Figure) { f.Mark = h.mark(factor * f.LimitMedian()) }

// ranks measures PageRank in one and two tasks, by computing alone and from text to
// text, beside the limit.
func (h *harness) ranks(ctx context.Context) (figures []bench.Figure, err error) {
	large, err := h.rmat(ctx, h.scale, false)
	if err != nil {
		return nil, err
	}
	one, two, bare := pagerankTrial(1), pagerankTrial(2), floor{}
	if err := h.turns(h.floorOf(ctx, &bare, large.path, rankArgs), h.on(ctx, one, large.path), h.on(ctx, two, large.path)); err != nil {
		return nil, err
	}
	for i, t := range []*trial{one, two} {
		f := seconds(fmt.Sprintf("PageRank R-MAT %d, %d task(s), compute", h.scale, t.tasks), t.compute, 0)
		f.Limit, f.Floor, f.Note = bare.compute, "one process, all cores, pulls along one grid", fmt.Sprintf("%d updates; %s", updates, t.how())
		f.Peers = "GAP at scale 20, elsewhere: 0.178 (float32, Gauss-Seidel, no dangling mass)"
		h.times([]float64{1.25, 1.4}[i], &f)
		figures = append(figures, f)
	}

	small, err := h.rmat(ctx, h.scale-textSmaller, false)
	if err != nil {
		return nil, err
	}
	text, bareText := pagerankTrial(1), floor{}
	if err := h.turns(h.floorOf(ctx, &bareText, small.path, rankArgs), h.on(ctx, text, small.path)); err != nil {
		return nil, err
	}
	f := seconds(fmt.Sprintf("PageRank R-MAT %d, text in → text out", h.scale-textSmaller), text.wall, h.mark(0.2))
	f.Limit, f.Floor, f.Peers, f.Note = bareText.wall, "the same, text to text", "timely 0.19, GraphX 24.4, elsewhere", "wall time of the process; "+text.how()
	return append(figures, f), nil
}

// algorithms measures BFS, components and shortest paths beside their limits.
func (h *harness) algorithms(ctx context.Context) (figures []bench.Figure, err error) {
	for _, a := range []struct {
		name, program, what, floor string
		weights                    bool
		gap                        float64 // s, scale 20, measured elsewhere
	}{
		{"BFS", "bfs", "bfs", "direction-optimising", false, 0.015},
		{"components", "wcc", "components", "Afforest", false, 0.031},
		{"shortest paths", "sssp", "sssp", "delta-stepping", true, 0.133},
	} {
		g, err := h.rmat(ctx, h.scale, a.weights)
		if err != nil {
			return nil, err
		}
		t, bare := &trial{tasks: 1, program: []string{a.program}}, floor{}
		args := "-what " + a.what
		note := ""
		if a.program != "wcc" {
			source, err := hub(g.path)
			if err != nil {
				return nil, err
			}
			t.program, args, note = append(t.program, "--", "--source", source), args+" -source "+source, "from vertex "+source+"; "
		}
		if err := h.turns(h.floorOf(ctx, &bare, g.path, args), h.on(ctx, t, g.path)); err != nil {
			return nil, err
		}
		f := seconds(fmt.Sprintf("%s R-MAT %d, compute", a.name, h.scale), t.compute, 0)
		f.Limit, f.Floor, f.Note = bare.compute, a.floor+", shared memory, all cores", note+t.how()
		f.Peers = fmt.Sprintf("GAP at scale 20, elsewhere: %g; the mark is also 2.5 times that", a.gap)
		h.times(2, &f)
		f.Mark = min(f.Mark, h.mark(2.5*a.gap))
		figures = append(figures, f)
	}
	return figures, nil
}

// A grown is PageRank on a graph of one scale, in so many jobs a sample that it goes along about as many edges at every scale. A job of some milliseconds
// meets a machine whose speed changes in one of its states, and one of a second in all of them: their medians would say little of each other.
type grown struct {
	graph rmat
	scale int
	jobs  int // a sample
	trial *trial
	bare  floor
}

// growth measures edges a second and core over the scales, beside the limit's. A turn goes through all scales, so that a minute in which the machine is
// slower is one of all.
func (h *harness) growth(ctx context.Context) (figures []bench.Figure, err error) {
	var all []*grown
	var each []func(keep bool) error
	for scale := h.scale - growSmaller; scale <= h.scale+growLarger; scale++ {
		graph, err := h.rmat(ctx, scale, false)
		if err != nil {
			return nil, err
		}
		g := &grown{graph: graph, scale: scale, jobs: 1 << (h.scale + growLarger - scale), trial: pagerankTrial(1)}
		all = append(all, g)
		each = append(each, g.sample(h.floorOf(ctx, &g.bare, graph.path, rankArgs)), g.sample(h.on(ctx, g.trial, graph.path)))
	}
	if err := h.turns(each...); err != nil {
		return nil, err
	}
	for _, g := range all {
		f := g.figure()
		first := f.Median()
		if len(figures) > 0 {
			first = figures[0].Median()
		}
		f.Mark = h.mark(0.8 * first)
		figures = append(figures, f)
	}
	return figures, nil
}

// sample returns a function that runs a job as often as a sample has jobs.
func (g *grown) sample(job func(keep bool) error) func(keep bool) error {
	return func(keep bool) error {
		for range g.jobs {
			if err := job(keep); err != nil {
				return err
			}
		}
		return nil
	}
}

// figure is without its mark.
func (g *grown) figure() bench.Figure {
	t := g.trial
	f := bench.Figure{Name: fmt.Sprintf("PageRank R-MAT %d, edges a second and core", g.scale), Unit: "M/s", AtLeast: true, Floor: "pulls along one grid in shared memory"}
	f.Samples, f.Limit = g.rates(t.compute), g.rates(g.bare.compute)
	f.Note = fmt.Sprintf("%.4g M edges, %.3g s of computing, %d job(s) a sample; the mark is 0.8 of the first; %s", g.graph.edges/1e6, seconds("", t.compute, 0).Median(), g.jobs, t.how())
	return f
}

// rates returns the millions of edges a second and core of samples, of the seconds of their jobs.
func (g *grown) rates(jobs []float64) (rates []float64) {
	for _, took := range sums(jobs, g.jobs) {
		rates = append(rates, g.graph.edges*updates*float64(g.jobs)/took/cores/1e6)
	}
	return rates
}

// sums returns the seconds of samples of so many jobs each.
func sums(jobs []float64, each int) (samples []float64) {
	for some := range slices.Chunk(jobs, each) {
		sum := 0.0
		for _, s := range some {
			sum += s
		}
		samples = append(samples, sum)
	}
	return samples
}

// cores that the peers of a job have: one goroutine each.
const cores = 2

// taskCounts measures 1, 2 and 4 tasks.
func (h *harness) taskCounts(ctx context.Context) (figures []bench.Figure, err error) {
	g, err := h.rmat(ctx, h.scale, false)
	if err != nil {
		return nil, err
	}
	trials := []*trial{pagerankTrial(1), pagerankTrial(2), pagerankTrial(4)}
	if err := h.turns(h.on(ctx, trials[0], g.path), h.on(ctx, trials[1], g.path), h.on(ctx, trials[2], g.path)); err != nil {
		return nil, err
	}
	for _, t := range trials {
		f := seconds(fmt.Sprintf("PageRank R-MAT %d in %d task(s), compute", h.scale, t.tasks), t.compute, 0)
		f.Limit, f.Floor = trials[0].compute, "the same in 1 task"
		f.Note = fmt.Sprintf("load %.3g s, wall %.3g s; %s", seconds("", t.load, 0).Median(), seconds("", t.wall, 0).Median(), t.how())
		figures = append(figures, f)
	}
	return figures, nil
}

// large measures one run on a graph of 2^24 vertices, only with -large.
func (h *harness) large(ctx context.Context) ([]bench.Figure, error) {
	if !h.alsoLarge {
		return nil, nil
	}
	scale := h.scale + largeLarger
	g, err := h.rmat(ctx, scale, false)
	if err != nil {
		return nil, err
	}
	t := pagerankTrial(1)
	start := time.Now()
	if err := h.submit(ctx, t, g.path, true); err != nil {
		return nil, err
	}
	f := bench.Figure{Name: fmt.Sprintf("PageRank R-MAT %d, peak memory", scale), Unit: "GB", Mark: h.mark(8)}
	for _, mb := range t.peak {
		f.Samples = append(f.Samples, mb/1e3)
	}
	f.Note = fmt.Sprintf("%.4g M edges, load %.3g s, compute %.3g s, %.3g s in all; %s", g.edges/1e6, t.load[0], t.compute[0], time.Since(start).Seconds(), t.how())
	return []bench.Figure{f}, nil
}
