package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"scalar/bench"
	"scalar/bsp/client"
	"scalar/bsp/job"
)

const (
	kills  = 20              // of the leader
	window = 3 * time.Second // a failover takes 1 s, and then the grooms find the new leader
)

// failover kills the leader again and again, while a job computes in supersteps of
// 5 ms. It measures the time until a write is acknowledged again, and how long the
// longest superstep of the window after the kill is, beside the one before.
func (h *harness) failover(ctx context.Context) (figures []bench.Figure, err error) {
	c, err := h.dev(ctx, 2)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	api, err := c.client()
	if err != nil {
		return nil, err
	}
	defer api.Close()
	trace := filepath.Join(h.scratch, "supersteps")
	info, _, err := h.job(ctx, c.env, "job", "submit", "-d", "-o", "json", "--peers", "4", "--tasks", "2", h.pacer, "--", "-every", "5ms", "-trace", trace)
	if err != nil {
		return nil, err
	}
	if info, err = h.await(ctx, c, info.ID, func(now job.Info) bool { return now.Supersteps >= 100 }); err != nil {
		return nil, err
	}
	write := bench.Figure{
		Name: "write acknowledged after kill -9 of the leader", Unit: "s", Mark: 1.3,
		Note: "of 3 masters under bsp dev; a token is created, by a client that tries one master after the other",
	}
	var at []time.Time
	for range kills {
		began, took, err := h.killLeader(ctx, c, api)
		if err != nil {
			return nil, err
		}
		at, write.Samples = append(at, began), append(write.Samples, took.Seconds())
	}
	if err := h.goesOn(ctx, c, info.ID); err != nil { // the last window has an end
		return nil, err
	}
	if err := api.Stop(ctx, info.ID); err != nil {
		return nil, err
	}
	ends, err := readTrace(trace)
	if err != nil {
		return nil, err
	}
	write.Note += fmt.Sprintf("; max %.3g s", write.Max())
	shaken, err := shakes(at, ends, info.DataPlane)
	return append([]bench.Figure{write}, shaken...), err
}

// shakes compares the supersteps of the window after every kill with those before.
func shakes(kills, ends []time.Time, plane string) ([]bench.Figure, error) {
	how := "from kill -9 of the leader on, 5 ms of waiting a superstep (pacer), 4 peers, 2 tasks, " + plane + "; the mark is "
	longest := bench.Figure{
		Name: "longest superstep of 3 s", Unit: "ms", Floor: "the 3 s before the kill",
		Note: how + "1.5 of the same without a failover",
	}
	rate := bench.Figure{
		Name: "supersteps in 3 s", Unit: "", AtLeast: true, Floor: longest.Floor,
		Note: how + "half of those without a failover",
	}
	for _, kill := range kills {
		quiet, err1 := within(ends, kill.Add(-window), kill)
		shaken, err2 := within(ends, kill, kill.Add(window))
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		longest.Samples, longest.Limit = append(longest.Samples, shaken.longest), append(longest.Limit, quiet.longest)
		rate.Samples, rate.Limit = append(rate.Samples, shaken.count), append(rate.Limit, quiet.count)
	}
	longest.Mark, rate.Mark = 1.5*longest.LimitMedian(), rate.LimitMedian()/2
	return []bench.Figure{longest, rate}, nil
}

// killLeader kills the leader of a cluster that is whole and has been left alone for a
// window, and returns when, and how long a write took that began then. It returns
// after another window.
func (h *harness) killLeader(ctx context.Context, c *devCluster, api *client.Client) (began time.Time, took time.Duration, err error) {
	if err := h.settled(ctx, c); err != nil {
		return began, 0, err
	}
	pid, err := h.leader(ctx, c)
	if err != nil {
		return began, 0, err
	}
	time.Sleep(window)
	began = time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return began, 0, err
	}
	token, err := api.CreateToken(ctx, client.NewToken{Name: "bench", Role: job.Viewer, Namespace: job.DefaultNamespace})
	if err != nil {
		return began, 0, err
	}
	took = time.Since(began)
	time.Sleep(window - min(took, window))
	return began, took, api.RevokeToken(ctx, token.ID)
}

// goesOn waits until a job has ended another superstep.
func (h *harness) goesOn(ctx context.Context, c *devCluster, id job.ID) error {
	info, err := h.await(ctx, c, id, func(job.Info) bool { return true })
	if err != nil {
		return err
	}
	_, err = h.await(ctx, c, id, func(now job.Info) bool { return now.Supersteps > info.Supersteps })
	return err
}

// readTrace reads the ends of supersteps that pacer wrote.
func readTrace(path string) ([]time.Time, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var ends []time.Time
	for ; len(b) >= 8; b = b[8:] {
		ends = append(ends, time.Unix(0, int64(binary.LittleEndian.Uint64(b))))
	}
	return ends, nil
}

// A stretch is what a job did for a while.
type stretch struct {
	count   float64 // supersteps
	longest float64 // ms
}

// within looks at the supersteps that ended between two times, and at the one under
// way at the end.
func within(ends []time.Time, from, to time.Time) (stretch, error) {
	order := func(t, limit time.Time) int { return t.Compare(limit) }
	lo, _ := slices.BinarySearchFunc(ends, from, order)
	hi, _ := slices.BinarySearchFunc(ends, to, order)
	if lo == 0 || hi == len(ends) {
		return stretch{}, fmt.Errorf("no supersteps before %v or after %v", from, to)
	}
	var longest time.Duration
	for i := lo; i <= hi; i++ {
		longest = max(longest, ends[i].Sub(ends[i-1]))
	}
	return stretch{float64(hi - lo), longest.Seconds() * 1e3}, nil
}
