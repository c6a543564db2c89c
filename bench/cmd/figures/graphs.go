package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"scalar/bench"
	"scalar/bsp/job"
)

// graphGroups are the figures of the graph engine, of make bench-graph.
func graphGroups() []group {
	return []group{
		{"pagerank", (*harness).ranks},
		{"algorithms", (*harness).algorithms},
		{"load", (*harness).load},
		{"ids", (*harness).idLoads},
		{"program", (*harness).program},
		{"growth", (*harness).growth},
		{"tasks", (*harness).taskCounts},
		{"peers", (*harness).peers},
		{"large", (*harness).large},
	}
}

// How much smaller or larger than harness.scale the graphs of some figures are.
const (
	textSmaller = 2 // text in, text out, and the peers on the JVM
	hamaSmaller = 4
	growSmaller = 4
	growLarger  = 2
	largeLarger = 4
	updates     = 20 // of PageRank
	issueScale  = 20 // marks are for this scale
	leastScale  = 8
)

// mark returns x where the figures' scale is the one that the marks are for, else 0.
func (h *harness) mark(x float64) float64 {
	if h.scale != issueScale {
		return 0
	}
	return x
}

// An rmat is a graph that figures are measured on.
type rmat struct {
	path  string
	edges float64 // lines
	bytes float64
}

// rmat returns an R-MAT edge list with edge factor 16, made once for all runs.
func (h *harness) rmat(ctx context.Context, scale int, weights bool) (g rmat, err error) {
	if !weights {
		g.path, err = h.graph(ctx, scale)
	} else {
		g.path, err = h.made(fmt.Sprintf("rmat%d-16-1-weights.txt", scale), func(path string) error {
			_, _, err := h.bspRun(ctx, nil, "data", "gen", "rmat", "--scale", strconv.Itoa(scale), "--edge-factor", "16", "--seed", "1", "--weights", "--output", path)
			return err
		})
	}
	if err != nil {
		return g, err
	}
	f, err := os.Open(g.path)
	if err != nil {
		return g, err
	}
	defer func() { _ = f.Close() }() // read only
	in := bufio.NewScanner(f)
	for in.Scan() {
		g.edges++
		g.bytes += float64(len(in.Bytes()) + 1)
	}
	return g, in.Err()
}

// made returns a file of the cache, made once: whole, or not there.
func (h *harness) made(name string, write func(path string) error) (string, error) {
	if err := os.MkdirAll(h.cache, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(h.cache, name)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	part := filepath.Join(h.scratch, name)
	if err := write(part); err != nil {
		return "", err
	}
	return path, os.Rename(part, path)
}

// hub returns the source that most lines in the first megabyte begin with: a vertex
// that reaches most others. Lines are sorted by source.
func hub(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // read only
	best, most, last, run := "", 0, "", 0
	in := bufio.NewScanner(f)
	for read := 0; read < 1<<20 && in.Scan(); read += len(in.Bytes()) {
		src, _, _ := strings.Cut(in.Text(), " ")
		if run++; src != last {
			last, run = src, 1
		}
		if run > most {
			best, most = src, run
		}
	}
	return best, in.Err()
}

// A trial is one way to run a job, and what its runs took.
type trial struct {
	tasks   int
	program []string // the built-in or folder, and its options behind it
	info    job.Info // of the last run
	wall    []float64
	load    []float64
	compute []float64
	peak    []float64 // MB, resident, of the largest process
}

// submit runs a trial once on a graph, text in and text out; keep says whether it
// counts. The output's folder is removed.
func (h *harness) submit(ctx context.Context, t *trial, graph string, keep bool) error {
	out := h.output()
	if err := h.submitTo(ctx, t, graph, out, keep); err != nil {
		return err
	}
	return os.RemoveAll(out)
}

func (h *harness) submitTo(ctx context.Context, t *trial, graph, out string, keep bool) error {
	args := []string{
		"job", "submit", "--local", "--peers", strconv.Itoa(max(2, t.tasks)), "--tasks", strconv.Itoa(t.tasks),
		"-o", "json", "--input", graph, "--output", out,
	}
	info, took, peak, err := h.peakOf(ctx, append(args, t.program...)...)
	if err != nil || !keep {
		return err
	}
	t.info = info
	t.wall, t.load, t.compute = append(t.wall, took.Seconds()), append(t.load, info.Seconds.Load), append(t.compute, info.Seconds.Compute)
	t.peak = append(t.peak, peak)
	return nil
}

// turns runs the trials and what else there is one after the other, runs times after
// one round that warms up.
func (h *harness) turns(each ...func(keep bool) error) error {
	for run := range h.runs + 1 {
		for _, f := range each {
			if err := f(run > 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *harness) on(ctx context.Context, t *trial, graph string) func(keep bool) error {
	return func(keep bool) error { return h.submit(ctx, t, graph, keep) }
}

func pagerankTrial(tasks int) *trial {
	return &trial{tasks: tasks, program: []string{"pagerank", "--", "--iterations", strconv.Itoa(updates)}}
}

func (t *trial) how() string {
	return fmt.Sprintf("%d peers, %d task(s), %s, --local", t.info.Peers, t.tasks, t.info.DataPlane)
}

func seconds(name string, samples []float64, mark float64) bench.Figure {
	return bench.Figure{Name: name, Unit: "s", Samples: samples, Mark: mark}
}
