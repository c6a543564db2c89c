package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	"scalar/bench"
	"scalar/bsp/job"
)

const (
	checkpointScale = 20
	checkpointGap   = 2500 * time.Millisecond // of computing between two checkpoints: the mark is for 2 s at least
	never           = 1 << 30                 // supersteps
)

// checkpoints measures what checkpoints cost a large PageRank, and what they save
// when a groom is killed.
func (h *harness) checkpoints(ctx context.Context) (figures []bench.Figure, err error) {
	graph, err := h.graph(ctx, checkpointScale)
	if err != nil {
		return nil, err
	}
	c, err := h.dev(ctx, 3)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	r := ranker{h, c, graph}
	warm, err := r.run(ctx, 10, never)
	if err != nil {
		return nil, err
	}
	step := warm.Seconds.Compute / float64(warm.Supersteps)
	every := max(1, int(math.Ceil(checkpointGap.Seconds()/step)))
	figures, loads, err := r.cost(ctx, every)
	if err != nil {
		return nil, err
	}
	recovery, err := r.recovery(ctx, every)
	recovery.Limit, recovery.Floor = loads, "start and load of the same job, undisturbed"
	return append(figures, recovery), err
}

// A ranker runs PageRank on a cluster.
type ranker struct {
	*harness
	cluster *devCluster
	graph   string
}

func (r ranker) args(iterations, every int, more ...string) []string {
	args := append([]string{"job", "submit", "-o", "json", "--input", r.graph, "--peers", "2", "--tasks", "2", "--checkpoint-every", strconv.Itoa(every)}, more...)
	return append(args, "pagerank", "--", "--iterations", strconv.Itoa(iterations))
}

// run runs a job to its end and removes its output.
func (r ranker) run(ctx context.Context, iterations, every int) (job.Info, error) {
	out := r.output()
	info, _, err := r.job(ctx, r.cluster.env, r.args(iterations, every, "--output", out)...)
	if err != nil {
		return info, err
	}
	return info, os.RemoveAll(out)
}

// cost compares jobs with and without checkpoints, in turn, and returns how long they
// took to begin to compute, in seconds.
func (r ranker) cost(ctx context.Context, every int) (figures []bench.Figure, loads []float64, err error) {
	const peers, each = 2, 4 // checkpoints of a job
	cost := bench.Figure{Name: "checkpoints of PageRank R-MAT 20", Unit: "% of computing", Mark: 5}
	pause := bench.Figure{Name: "pause of a checkpoint, PageRank R-MAT 20", Unit: "ms"}
	size, gap := bench.Figure{}, bench.Figure{}
	plane := ""
	for range r.runs {
		without, err := r.run(ctx, each*every, never)
		if err != nil {
			return nil, nil, err
		}
		with, err := r.run(ctx, each*every, every)
		if err != nil {
			return nil, nil, err
		}
		n := float64(with.Counters[job.CounterCheckpoints])
		if n == 0 {
			return nil, nil, fmt.Errorf("%s has written no checkpoint", with.ID)
		}
		plane = with.DataPlane
		loads = append(loads, without.Seconds.Start+without.Seconds.Load)
		cost.Samples = append(cost.Samples, 100*(with.Seconds.Compute/without.Seconds.Compute-1))
		pause.Samples = append(pause.Samples, float64(with.Counters[job.CounterCheckpointPause])/1e3/peers/n)
		size.Samples = append(size.Samples, float64(with.Counters[job.CounterCheckpointBytes])/1e6/n)
		gap.Samples = append(gap.Samples, with.Seconds.Compute/n)
	}
	cost.Note = fmt.Sprintf("compute time of %d supersteps with a checkpoint every %d (%.3g s) against none, in turn; %.3g MB each, of both peers; 2 peers, 2 tasks, %s", each*every, every, gap.Median(), size.Median(), plane)
	pause.Note = fmt.Sprintf("that a peer stands at the barrier for its copy, the mean of a job's; what the superstep takes longer; %.3g MB each, of both peers; file:// of one disk", size.Median())
	return []bench.Figure{cost, pause}, loads, nil
}

// recovery kills grooms under jobs that are half way to their next checkpoint.
func (r ranker) recovery(ctx context.Context, every int) (bench.Figure, error) {
	f := bench.Figure{Name: "recovery after kill -9 of a groom, PageRank R-MAT 20", Unit: "s", Mark: 5}
	stood, again := bench.Figure{}, bench.Figure{}
	for range r.runs {
		info, _, err := r.job(ctx, r.cluster.env, r.args(1_000_000, every, "--output", r.output(), "--max-attempts", "10", "-d")...)
		if err != nil {
			return f, err
		}
		ready, err := r.await(ctx, r.cluster, info.ID, func(now job.Info) bool {
			return now.Checkpoint > 0 && now.Supersteps >= now.Checkpoint+every/2
		})
		if err != nil {
			return f, err
		}
		step := ready.Seconds.Compute / float64(ready.Supersteps)
		before, took, err := r.standstill(ctx, r.cluster, info.ID, groom)
		if err != nil {
			return f, err
		}
		work := step * float64(before.Supersteps-before.Checkpoint)
		f.Samples = append(f.Samples, took.Seconds()-work)
		stood.Samples, again.Samples = append(stood.Samples, took.Seconds()), append(again.Samples, work)
		if _, _, err := r.bspRun(ctx, r.cluster.env, "job", "stop", string(info.ID)); err != nil {
			return f, err
		}
		if err := r.settled(ctx, r.cluster); err != nil {
			return f, err
		}
	}
	f.Note = fmt.Sprintf("from the kill until all tasks of a new attempt are beyond the last superstep seen before (median %.3g s), less the work since the checkpoint (%.3g s); the graph is read again; 2 peers, 2 tasks", stood.Median(), again.Median())
	return f, nil
}

// graph returns an R-MAT edge list with edge factor 16, made once for all runs.
func (h *harness) graph(ctx context.Context, scale int) (string, error) {
	return h.made(fmt.Sprintf("rmat%d-16-1.txt", scale), func(path string) error {
		_, _, err := h.bspRun(ctx, nil, "data", "gen", "rmat", "--scale", strconv.Itoa(scale), "--edge-factor", "16", "--seed", "1", "--output", path)
		return err
	})
}
