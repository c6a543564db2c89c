package main

import (
	"bufio"
	"context"
	_ "embed" // the program
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"scalar/bench"
)

// userRank is PageRank as a user writes it, with Compute and SendAll.
//
//go:embed rank.go.txt
var userRank []byte

// programJobs are a sample of each program: a job takes a seventh of a second, and meets the machine at one of its speeds or the other.
const programJobs = 4

// program measures PageRank as a program in a module of its own beside the built-in.
func (h *harness) program(ctx context.Context) ([]bench.Figure, error) {
	dir := filepath.Join(h.scratch, "rank")
	if _, _, err := h.bspRun(ctx, nil, "program", "new", dir); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), userRank, 0o644); err != nil {
		return nil, err
	}
	g, err := h.rmat(ctx, h.scale, false)
	if err != nil {
		return nil, err
	}
	var figures []bench.Figure
	for tasks := 1; tasks <= 2; tasks++ {
		builtin, own := pagerankTrial(tasks), &trial{tasks: tasks, program: []string{dir}}
		if err := h.agree(ctx, builtin, own, g.path); err != nil {
			return nil, err
		}
		each := slices.Repeat([]func(keep bool) error{h.on(ctx, builtin, g.path), h.on(ctx, own, g.path)}, programJobs)
		if err := h.turns(each...); err != nil {
			return nil, err
		}
		f := bench.Figure{Name: fmt.Sprintf("PageRank R-MAT %d by a user's SendAll, %d task(s), compute", h.scale, tasks), Unit: "times the built-in", Mark: h.mark(1.5)}
		f.Samples = ratios(sums(own.compute, programJobs), sums(builtin.compute, programJobs))
		f.Note = fmt.Sprintf("%.3g s beside %.3g s, %d jobs of each a sample, in turns; a module made by bsp program new; %s", seconds("", own.compute, 0).Median(), seconds("", builtin.compute, 0).Median(), programJobs, own.how())
		figures = append(figures, f)
	}
	return figures, nil
}

// agree runs two trials once and compares the ranks.
func (h *harness) agree(ctx context.Context, a, b *trial, graph string) error {
	first, second := h.output(), h.output()
	if err := h.submitTo(ctx, a, graph, first, false); err != nil {
		return err
	}
	if err := h.submitTo(ctx, b, graph, second, false); err != nil {
		return err
	}
	_, err := sameRanks(first, second, rankTolerance)
	return err
}

// rankTolerance is relative: sums in other orders differ in their last bits.
const rankTolerance = 1e-9

// sameRanks compares two outputs, each a file or a folder of parts, and returns the
// largest difference of a rank, relative to that of a; it is an error if that is above the
// tolerance.
func sameRanks(a, b string, tolerance float64) (most float64, err error) {
	want, err := readRanks(a)
	if err != nil {
		return 0, err
	}
	got, err := readRanks(b)
	if err != nil {
		return 0, err
	}
	if len(got) != len(want) || len(got) == 0 {
		return 0, fmt.Errorf("%s has %d vertices, %s has %d", b, len(got), a, len(want))
	}
	for id, r := range want {
		x, ok := got[id]
		off := math.Abs(x-r) / r
		if !ok || !(off <= tolerance) {
			return 0, fmt.Errorf("%s: vertex %s has the rank %v, %s has %v", b, id, x, a, r)
		}
		most = max(most, off)
	}
	return most, nil
}

// readRanks reads lines "id TAB rank".
func readRanks(path string) (map[string]float64, error) {
	files := []string{path}
	if st, err := os.Stat(path); err != nil {
		return nil, err
	} else if st.IsDir() {
		if files, err = filepath.Glob(filepath.Join(path, "part-*")); err != nil {
			return nil, err
		}
	}
	ranks := map[string]float64{}
	for _, name := range files {
		if err := addRanks(ranks, name); err != nil {
			return nil, err
		}
	}
	return ranks, nil
}

func addRanks(ranks map[string]float64, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	in := bufio.NewScanner(f)
	for in.Scan() {
		id, text, _ := strings.Cut(in.Text(), "\t")
		r, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%s: line %q: %w", name, in.Text(), err)
		}
		ranks[id] = r
	}
	return in.Err()
}
