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
	"strconv"
	"strings"
	"syscall"

	"scalar/bench"
)

func main() {
	runs := flag.Int("runs", 5, "runs of each figure")
	out := flag.String("out", "bench/results/runtime.md", "where the table goes")
	only := flag.String("only", "", "one group: start, local, exchange, cluster or faults; default all")
	scales := flag.String("scales", "18", "R-MAT scales of PageRank, such as 18,20")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, options{*runs, *out, *only, *scales}); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

type options struct {
	runs              int
	out, only, scales string
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

	h := &harness{bsp: bin, scratch: scratch, runs: o.runs}
	if h.scales, err = parseScales(o.scales); err != nil {
		return err
	}
	if err := h.build(ctx); err != nil {
		return err
	}
	load := bench.Load()
	figures, err := h.measure(ctx, o.only)
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

// measure runs all groups, or only one.
func (h *harness) measure(ctx context.Context, only string) (figures []bench.Figure, err error) {
	groups := []struct {
		name    string
		measure func(context.Context) ([]bench.Figure, error)
	}{{"start", h.start}, {"local", h.local}, {"exchange", h.exchange}, {"cluster", h.cluster}, {"faults", h.faults}}
	for _, g := range groups {
		if only != "" && only != g.name {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring:", g.name)
		f, err := g.measure(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.name, err)
		}
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
