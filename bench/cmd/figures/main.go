// Command figures measures the runtime's figures through the real binary:
//
//	make bench
//
// It takes some minutes, writes the table to stdout and to bench/results.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"scalar/bench"
)

func main() {
	runs := flag.Int("runs", 5, "runs of each figure")
	out := flag.String("out", "bench/results/runtime.md", "where the table goes")
	only := flag.String("only", "", "groups, such as start,commits; default all: start, local, exchange, commits, cluster, jobs, failover, faults, checkpoints")
	cache := flag.String("cache", filepath.Join(os.TempDir(), "bsp-bench"), "folder for graphs, which stay there")
	scales := flag.String("scales", "18", "R-MAT scales of PageRank, such as 18,20")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, options{*runs, *out, *only, *scales, *cache}); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

type options struct {
	runs                     int
	out, only, scales, cache string
}

func run(ctx context.Context, o options) error {
	bin := os.Getenv("BSP")
	if bin == "" {
		return errors.New("BSP does not name the binary: run make bench")
	}
	scratch, err := os.MkdirTemp("", "bsp-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }() // a scratch folder

	only, err := parseGroups(o.only)
	if err != nil {
		return err
	}
	h := &harness{bsp: bin, scratch: scratch, cache: o.cache, runs: o.runs}
	if h.scales, err = parseScales(o.scales); err != nil {
		return err
	}
	if err := h.build(ctx); err != nil {
		return err
	}
	load := bench.Load()
	figures, err := h.measure(ctx, only)
	if err != nil {
		return err
	}

	var b bytes.Buffer
	fmt.Fprintf(&b, "# The runtime's figures\n\nMade by `make bench` on: %s.\nLoad before: %s, after: %s. ", bench.Machine(), load, bench.Load())
	b.WriteString("Medians; wall time of the `bsp` process unless said. The machine is noisy: read ratios.\nA limit is a single-purpose program (`bench/limit`) that ran between our own runs; \"times the limit\" is how much worse ours is.\n\n")
	if err := bench.WriteMarkdown(&b, figures); err != nil {
		return err
	}
	if _, err := os.Stdout.Write(b.Bytes()); err != nil {
		return err
	}
	if o.only != "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(o.out, b.Bytes(), 0o644)
}

// A group is a few figures that are measured together.
type group struct {
	name    string
	measure func(*harness, context.Context) ([]bench.Figure, error)
}

func groups() []group {
	return []group{
		{"start", (*harness).start},
		{"local", (*harness).local},
		{"exchange", (*harness).exchange},
		{"commits", (*harness).commits},
		{"cluster", (*harness).cluster},
		{"jobs", (*harness).jobs},
		{"failover", (*harness).failover},
		{"faults", (*harness).faults},
		{"checkpoints", (*harness).checkpoints},
	}
}

// parseGroups returns the groups that are named, all without a name.
func parseGroups(names string) ([]group, error) {
	all := groups()
	if names == "" {
		return all, nil
	}
	var some []group
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(g group) bool { return g.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only %q: there is no group %q", names, name)
		}
		some = append(some, all[i])
	}
	return some, nil
}

// measure runs groups one after the other.
func (h *harness) measure(ctx context.Context, groups []group) (figures []bench.Figure, err error) {
	for _, g := range groups {
		start := time.Now()
		f, err := g.measure(h, ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.name, err)
		}
		fmt.Fprintf(os.Stderr, "measured: %s in %v\n", g.name, time.Since(start).Round(time.Second))
		figures = append(figures, f...)
	}
	return figures, nil
}

func parseScales(s string) (scales []int, err error) {
	for f := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-scales %q: want numbers such as 18,20", s)
		}
		scales = append(scales, n)
	}
	return scales, nil
}
