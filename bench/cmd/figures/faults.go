package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"
	"time"

	"scalar/bench"
	"scalar/bsp/job"
)

// faults measures how long a job stands still after a kill -9.
func (h *harness) faults(ctx context.Context) (figures []bench.Figure, err error) {
	c, err := h.dev(ctx, 3, 3)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	for _, f := range []struct {
		role string
		mark float64
	}{{"task", 2}, {groom, 5}, {"leader", 2}} {
		fig := bench.Figure{
			Name: "standstill after kill -9 of a " + f.role, Unit: "s", Mark: f.mark,
			Note: "randcomm, 4 peers, 2 tasks, checkpoint every 20 supersteps; until a new attempt (a new leader's answer) is beyond the last superstep seen before the kill",
		}
		for range h.runs {
			x, err := h.standstill(ctx, c, f.role)
			if err != nil {
				return nil, fmt.Errorf("kill of a %s: %w", f.role, err)
			}
			fig.Samples = append(fig.Samples, x.Seconds())
		}
		figures = append(figures, fig)
	}
	return figures, nil
}

// standstill starts a long job, kills one process of the role, and returns the
// time until the job is further than it was.
func (h *harness) standstill(ctx context.Context, c *devCluster, role string) (time.Duration, error) {
	info, _, err := h.job(ctx, c.env, "job", "submit", "-d", "-o", "json", "--peers", "4", "--tasks", "2", "--checkpoint-every", "20",
		"--max-attempts", "10", "randcomm", "--", "--size", "16", "--messages", "20000", "--supersteps", "1000000")
	if err != nil {
		return 0, err
	}
	id := info.ID
	if info, err = h.await(ctx, c, id, job.Info{Supersteps: 100}); err != nil {
		return 0, err
	}
	pid, err := h.victim(ctx, c, role, info)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return 0, err
	}
	beyond := job.Info{Supersteps: info.Supersteps + 1, Attempts: info.Attempts}
	if role != "leader" {
		beyond.Attempts++ // what the old attempt did before it noticed does not count
	}
	if _, err := h.await(ctx, c, id, beyond); err != nil {
		return 0, err
	}
	took := time.Since(start)
	if _, _, err := h.bspRun(ctx, c.env, "job", "stop", string(id)); err != nil {
		return 0, err
	}
	return took, h.settled(ctx, c, 3)
}

// await polls until the job has reached both the superstep and the attempt.
func (h *harness) await(ctx context.Context, c *devCluster, id job.ID, least job.Info) (job.Info, error) {
	for start := time.Now(); time.Since(start) < 30*time.Second; {
		info, _, err := h.job(ctx, c.env, "job", "inspect", string(id), "-o", "json")
		if err == nil && info.Supersteps >= least.Supersteps && info.Attempts >= least.Attempts {
			return info, nil
		}
		if err == nil && info.State.Final() {
			return info, fmt.Errorf("%s %s: %w", id, info.State, info.Error)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return job.Info{}, fmt.Errorf("%s did not reach superstep %d within 30 s", id, least.Supersteps)
}

func (h *harness) victim(ctx context.Context, c *devCluster, role string, info job.Info) (int, error) {
	if len(info.Placement) < 2 {
		return 0, fmt.Errorf("%s has no placement", info.ID)
	}
	switch role {
	case "task":
		return info.Placement[1].PID, nil
	case groom:
		return c.pid(info.Placement[1].Groom)
	}
	nodes, err := h.nodes(ctx, c)
	if err != nil {
		return 0, err
	}
	for _, n := range nodes {
		if n.State == role {
			return c.pid(n.ID)
		}
	}
	return 0, fmt.Errorf("no %s among %d nodes", role, len(nodes))
}

func (h *harness) nodes(ctx context.Context, c *devCluster) ([]job.Node, error) {
	out, _, err := h.bspRun(ctx, c.env, "node", "list", "-o", "json")
	if err != nil {
		return nil, err
	}
	var nodes []job.Node
	return nodes, json.Unmarshal(out, &nodes)
}

// settled waits until all grooms are back.
func (h *harness) settled(ctx context.Context, c *devCluster, grooms int) error {
	for start := time.Now(); time.Since(start) < 30*time.Second; {
		if nodes, err := h.nodes(ctx, c); err == nil && ready(nodes) == grooms {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.New("the cluster did not recover within 30 s")
}
