// Command figures measures figures, the runtime's and the graph engine's through the
// real binary, and training's:
//
//	make bench
//	make bench-graph ARGS='-only load,ids -scale 16 -runs 1'
//	make bench-ml
//
// It takes some minutes, writes the table to stdout and, unless -only or -scale makes it
// a part, to bench/results.
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
	set := flag.String("set", "runtime", "which figures: runtime, graph, ml or serving")
	out := flag.String("out", "", "where the table goes; default bench/results/SET.md")
	only := flag.String("only", "", "groups, such as start,commits; default all of "+names(groups())+"; of the graph set "+names(graphGroups())+"; of the ml set "+names(mlGroups())+"; of the serving set "+names(servingGroups()))
	scale := flag.Int("scale", issueScale, "R-MAT scale of the graph set; some of its figures take smaller or larger graphs by the same difference")
	large := flag.Bool("large", false, "the graph set measures a graph of 2^24 vertices too (2^(scale+4)): 4 GB of text")
	cache := flag.String("cache", filepath.Join(os.TempDir(), "bsp-bench"), "folder for graphs, which stay there")
	scales := flag.String("scales", "18", "R-MAT scales of PageRank, such as 18,20")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, options{*runs, *set, *out, *only, *scales, *cache, *scale, *large}); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

type options struct {
	runs                          int
	set, out, only, scales, cache string
	scale                         int
	large                         bool
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

	t, err := tableOf(o.set)
	if err != nil {
		return err
	}
	only, err := parseGroups(t.groups, o.only)
	if err != nil {
		return err
	}
	if o.scale < leastScale {
		return fmt.Errorf("-scale %d: want %d or more", o.scale, leastScale)
	}
	h := &harness{bsp: bin, scratch: scratch, cache: o.cache, runs: o.runs, scale: o.scale, alsoLarge: o.large}
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

	text, err := t.write(figures, h.skipped, load)
	if err != nil {
		return err
	}
	if _, err := os.Stdout.Write(text); err != nil {
		return err
	}
	if o.out == "" {
		o.out = filepath.Join("bench/results", o.set+".md")
		if o.only != "" || o.set == "graph" && o.scale != issueScale {
			return nil
		}
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(o.out, text, 0o644)
}

// A table is what is measured and written together.
type table struct {
	title, target, how string
	groups             []group
}

// write returns the table's text; load is the machine's before the first figure.
func (t table) write(figures []bench.Figure, skipped []string, load string) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\nMade by `make %s` on: %s.\nLoad before: %s, after: %s. ", t.title, t.target, bench.Machine(), load, bench.Load())
	b.WriteString(t.how + "\n\n")
	if err := bench.WriteMarkdown(&b, figures); err != nil {
		return nil, err
	}
	if len(skipped) > 0 {
		fmt.Fprintf(&b, "\nNot installed, so not measured (`make peers`): %s.\n", strings.Join(skipped, ", "))
	}
	return b.Bytes(), nil
}

// What tables say of their figures.
const (
	byWallTime = "Medians; wall time of the `bsp` process unless said. The machine is noisy: read ratios.\nA limit is a single-purpose program (`bench/limit`) that ran between our own runs; \"times the limit\" is how much worse ours is."
	byWrk      = "Medians; ratios are of the same round, in which all servers are asked in turn. The machine is noisy: read ratios.\n" +
		"wrk with one thread runs on the same cores; a round is three turns of 1 s each, there and back, and their mean; open loop is `bench/cmd/openloop`, which counts from the time that was set for a request. " +
		"`bare` is `bench/cmd/bare`, hello a word of it. Peers have the same weights, and answers that were compared with ours."
)

func tableOf(set string) (table, error) {
	switch set {
	case "runtime":
		return table{"The runtime's figures", "bench", byWallTime, groups()}, nil
	case "graph":
		return table{"The graph engine's figures", "bench-graph", byWallTime, graphGroups()}, nil
	case "serving":
		return table{"The prediction tier's figures", "bench-serving", byWrk, servingGroups()}, nil
	case "ml":
		return table{"Training's figures", "bench-ml", byWallTime, mlGroups()}, nil
	}
	return table{}, fmt.Errorf("-set %q: want runtime, graph, ml or serving", set)
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

// names lists groups for people.
func names(groups []group) string {
	all := make([]string, 0, len(groups))
	for _, g := range groups {
		all = append(all, g.name)
	}
	return strings.Join(all, ", ")
}

// parseGroups returns the groups that are named, all without a name.
func parseGroups(all []group, names string) ([]group, error) {
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
