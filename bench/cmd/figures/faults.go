package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"scalar/bench"
	"scalar/bsp/job"
)

// faults measures what a kill -9 costs a job.
func (h *harness) faults(ctx context.Context) (figures []bench.Figure, err error) {
	c, err := h.dev(ctx, 3)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	const how = "randcomm, 4 peers, 2 tasks, checkpoint every 20 supersteps; "
	for _, f := range []bench.Figure{{Name: task, Mark: 2}, {Name: groom, Mark: 5}} {
		victim := f.Name
		f.Name, f.Unit = "standstill after kill -9 of a "+victim, "s"
		f.Note = how + "from the kill until all tasks of a new attempt are beyond the last superstep seen before"
		for range h.runs {
			err := h.disturbed(ctx, c, func(id job.ID) error {
				_, took, err := h.standstill(ctx, c, id, victim)
				f.Samples = append(f.Samples, took.Seconds())
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("kill of a %s: %w", victim, err)
			}
		}
		figures = append(figures, f)
	}
	return figures, nil
}

// disturbed has disturb do its worst to a long job that computes, and brings the
// cluster back to order.
func (h *harness) disturbed(ctx context.Context, c *devCluster, disturb func(job.ID) error) error {
	info, _, err := h.job(ctx, c.env, "job", "submit", "-d", "-o", "json", "--peers", "4", "--tasks", "2", "--checkpoint-every", "20",
		"--max-attempts", "10", "randcomm", "--", "--size", "16", "--messages", "20000", "--supersteps", "1000000")
	if err != nil {
		return err
	}
	id := info.ID
	if _, err := h.await(ctx, c, id, func(now job.Info) bool { return now.Supersteps >= 100 }); err != nil {
		return err
	}
	if err := disturb(id); err != nil {
		return err
	}
	if _, _, err := h.bspRun(ctx, c.env, "job", "stop", string(id)); err != nil {
		return err
	}
	return h.settled(ctx, c)
}

// standstill kills one process of the role, and returns where the job was then, and the
// time until it is further.
func (h *harness) standstill(ctx context.Context, c *devCluster, id job.ID, role string) (before job.Info, took time.Duration, err error) {
	if before, err = h.await(ctx, c, id, computes); err != nil {
		return before, 0, err
	}
	pid := before.Placement[1].PID
	if role == groom {
		if pid, err = c.pid(before.Placement[1].Groom); err != nil {
			return before, 0, err
		}
	}
	start := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return before, 0, err
	}
	_, err = h.await(ctx, c, id, func(now job.Info) bool {
		behind := func(p job.Placed) bool { return p.Superstep <= before.Supersteps }
		return now.Attempts > before.Attempts && computes(now) && !slices.ContainsFunc(now.Placement, behind)
	})
	return before, time.Since(start), err
}

// computes reports whether the leader has heard from all tasks that they do.
func computes(info job.Info) bool {
	idle := func(p job.Placed) bool { return p.State != "working" }
	return len(info.Placement) == 2 && !slices.ContainsFunc(info.Placement, idle)
}

const (
	eager    = 5 * time.Millisecond // how often a job is looked at
	patience = 3 * time.Minute      // for what takes some seconds on a machine that nobody else uses
)

// await polls until the job is as wanted.
func (h *harness) await(ctx context.Context, c *devCluster, id job.ID, ok func(job.Info) bool) (info job.Info, err error) {
	for start := time.Now(); time.Since(start) < patience; time.Sleep(eager) {
		info, _, err = h.job(ctx, c.env, "job", "inspect", string(id), "-o", "json")
		switch {
		case err != nil: // no leader, for a while
		case ok(info):
			return info, nil
		case info.State.Final():
			return info, fmt.Errorf("%s %s: %w", id, info.State, info.Error)
		}
	}
	return info, errors.Join(fmt.Errorf("%s is not where it should be after %v", id, patience), err)
}

// leader returns the process id of the masters' leader.
func (h *harness) leader(ctx context.Context, c *devCluster) (int, error) {
	nodes, err := h.nodes(ctx, c)
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(nodes, func(n job.Node) bool { return n.State == leader })
	if i < 0 {
		return 0, fmt.Errorf("no leader among %d nodes", len(nodes))
	}
	return c.pid(nodes[i].ID)
}
