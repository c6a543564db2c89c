package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"scalar/bench"
	"scalar/bench/gang"
)

// commits measures commits of three masters, each synced to disk, beside bare Raft
// on the same log store and on raft-boltdb, in turn.
func (h *harness) commits(ctx context.Context) ([]bench.Figure, error) {
	masters, bare := filepath.Join(h.scratch, "master.test"), filepath.Join(h.scratch, "raft")
	if err := goTool(ctx, "test", "-c", "-trimpath", "-o", masters, "./master"); err != nil {
		return nil, err
	}
	if err := goTool(ctx, "build", "-C", "bench/peers", "-trimpath", "-o", bare, "./raft"); err != nil {
		return nil, err
	}
	var figures []bench.Figure
	for _, load := range []struct {
		clients, count int
		mark           float64
	}{{1, 1500, 600}, {64, 30_000, 10_000}} {
		f := bench.Figure{
			Name: fmt.Sprintf("commits of 3 masters, %d client(s)", load.clients), Unit: "a second", AtLeast: true, Mark: load.mark,
			Floor: "hashicorp/raft on raft-wal, plain TCP, no state machine, entries of 200 bytes",
			Note:  "tokens created and revoked with request ids, through propose, TLS on loopback, raft-wal with fsync; three masters in one process, as the three nodes of the limit and the other",
		}
		bolt := bench.Figure{}
		for run := range h.runs + 1 { // the first one warms up
			ours, err := h.ourCommits(ctx, masters, load.clients, load.count)
			if err != nil {
				return nil, err
			}
			wal, err := h.bareCommits(ctx, bare, "wal", load.clients, load.count)
			if err != nil {
				return nil, err
			}
			other, err := h.bareCommits(ctx, bare, "bolt", load.clients, load.count)
			if err != nil {
				return nil, err
			}
			if run > 0 {
				f.Samples, f.Limit, bolt.Samples = append(f.Samples, ours), append(f.Limit, wal), append(bolt.Samples, other)
			}
		}
		f.Peers = fmt.Sprintf("the limit's program on raft-boltdb, in turn: %.4g (%.4g–%.4g)", bolt.Median(), bolt.Min(), bolt.Max())
		figures = append(figures, f)
	}
	return figures, nil
}

func goTool(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // grooms refuse other programs
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return nil
}

var commitsLine = regexp.MustCompile(`(?m)^BenchmarkCommits\S*\s.*\s([0-9.e+]+) commits/s`)

// ourCommits runs BenchmarkCommits of package master and returns commits a second.
func (h *harness) ourCommits(ctx context.Context, exe string, clients, count int) (float64, error) {
	cmd := exec.CommandContext(ctx, exe, "-test.run=^$", fmt.Sprintf("-test.bench=^BenchmarkCommits$/^clients=%d$", clients), fmt.Sprintf("-test.benchtime=%dx", count))
	cmd.Env = append(plainEnv(), "TMPDIR="+h.scratch)
	cmd.Dir = h.scratch
	out, err := cmd.CombinedOutput()
	m := commitsLine.FindSubmatch(out)
	if err != nil || m == nil {
		return 0, fmt.Errorf("commits of the masters: %w: %s", err, bytes.TrimSpace(out))
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

// bareCommits runs bench/peers/raft.
func (h *harness) bareCommits(ctx context.Context, exe, store string, clients, count int) (float64, error) {
	dir := h.output()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return 0, err
	}
	var r gang.Result
	_, err := h.tool(ctx, &r, exe, "-store", store, "-clients", strconv.Itoa(clients), "-count", strconv.Itoa(count), "-dir", dir)
	if err != nil {
		return 0, err
	}
	return r.Count / r.Seconds, os.RemoveAll(dir)
}
