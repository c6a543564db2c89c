package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"scalar/bench"
	"scalar/bench/limit"
)

// A peer is another graph engine that ranks the same graph by the same arithmetic.
type peer struct {
	name    string // of its folder in bench/peers
	title   string
	smaller int     // scale, than harness.scale
	compute float64 // times that it should take of ours
	whole   float64 // the same, from text to text
	off     float64 // by how much its ranks may differ from ours, relative; 0: rankTolerance
	again   int     // how often a run may crash, and is done again
}

func peerList() []peer {
	return []peer{
		{"networkit", "networkit 11.3", 0, 3, 6, 0, 0},
		{"timely", "timely dataflow 0.32", 0, 1.8, 1, 0, 0},
		{"graphx", "Spark 3.5.9 GraphX", textSmaller, 150, 120, 0, 0},
		{"giraph", "Apache Giraph 1.3.0", textSmaller, 60, 80, 0, 0},
		// Hama's aggregators lose some of what vertices give them, another part in each run. Some runs end with
		// a NullPointerException in MapVerticesInfo.
		{"hama", "Apache Hama 0.7.1", hamaSmaller, 50, 40, 1e-3, 5},
	}
}

// peersDir holds a folder a peer, and what make peers has installed.
const peersDir = "bench/peers"

// peers measures those that make peers has installed, in turn with ours.
func (h *harness) peers(ctx context.Context) (figures []bench.Figure, err error) {
	for _, p := range peerList() {
		cache, err := filepath.Abs(filepath.Join(peersDir, ".cache", p.name))
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(filepath.Join(cache, "ready")); errors.Is(err, fs.ErrNotExist) {
			h.skipped = append(h.skipped, p.title)
			continue
		}
		f, err := h.beside(ctx, p, cache)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		figures = append(figures, f...)
	}
	return figures, nil
}

// beside measures one peer; before that its ranks are compared with ours.
func (h *harness) beside(ctx context.Context, p peer, cache string) ([]bench.Figure, error) {
	g, err := h.rmat(ctx, h.scale-p.smaller, false)
	if err != nil {
		return nil, err
	}
	first, ours, theirs, off, crashes := h.output(), pagerankTrial(1), floor{}, 0.0, 0
	if err := h.submitTo(ctx, ours, g.path, first, false); err != nil {
		return nil, err
	}
	rank := func(keep bool) error {
		out := h.output()
		t, took, err := h.rankBy(ctx, p, cache, g.path, out)
		for again := p.again; err != nil && again > 0 && ctx.Err() == nil; again-- {
			crashes++
			out = h.output()
			t, took, err = h.rankBy(ctx, p, cache, g.path, out)
		}
		if err != nil {
			return err
		}
		if keep {
			theirs.wall, theirs.load, theirs.compute = append(theirs.wall, took.Seconds()), append(theirs.load, t.Load), append(theirs.compute, t.Compute)
		} else if off, err = sameRanks(first, out, cmp.Or(p.off, rankTolerance)); err != nil {
			return err
		}
		return os.RemoveAll(out)
	}
	if err := h.turns(h.on(ctx, ours, g.path), rank); err != nil {
		return nil, err
	}
	compute := bench.Figure{Name: fmt.Sprintf("PageRank R-MAT %d beside %s, compute", h.scale-p.smaller, p.title), Unit: "times faster", AtLeast: true, Mark: h.mark(p.compute)}
	whole := compute
	whole.Name, whole.Mark = fmt.Sprintf("PageRank R-MAT %d beside %s, text in → text out", h.scale-p.smaller, p.title), h.mark(p.whole)
	compute.Samples, whole.Samples = ratios(theirs.compute, ours.compute), ratios(theirs.wall, ours.wall)
	compute.Note = fmt.Sprintf("%.4g s beside %.4g s; %d threads; ours: %s", seconds("", theirs.compute, 0).Median(), seconds("", ours.compute, 0).Median(), cores, ours.how())
	whole.Note = fmt.Sprintf("%.4g s beside %.4g s, its load %.4g s; wall time of the processes", seconds("", theirs.wall, 0).Median(), seconds("", ours.wall, 0).Median(), seconds("", theirs.load, 0).Median())
	if off > rankTolerance {
		whole.Note += fmt.Sprintf("; its ranks are off by up to %.1g", off)
	}
	if crashes > 0 {
		whole.Note += fmt.Sprintf("; %d runs more crashed", crashes)
	}
	return []bench.Figure{compute, whole}, nil
}

// rankBy runs a peer once.
func (h *harness) rankBy(ctx context.Context, p peer, cache, graph, out string) (t limit.Times, took time.Duration, err error) {
	took, err = h.tool(ctx, &t, filepath.Join(peersDir, p.name, "run"), cache, graph, out, strconv.Itoa(updates), strconv.Itoa(cores))
	return t, took, err
}
