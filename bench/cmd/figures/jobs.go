package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/goccy/go-yaml"
	"golang.org/x/sync/errgroup"

	"scalar/bench"
	"scalar/bsp/client"
	"scalar/bsp/job"
)

const (
	submitters  = 16     // clients at once that run trivial jobs
	trivialJobs = 400    // that they run in one measurement
	queuers     = 32     // clients at once that fill the queue
	queued      = 10_000 // jobs
)

// jobs measures many jobs: how fast trivial ones go through a cluster, and what a
// long queue costs those who look at it.
func (h *harness) jobs(ctx context.Context) (figures []bench.Figure, err error) {
	c, err := h.dev(ctx, 4)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	api, err := c.client()
	if err != nil {
		return nil, err
	}
	defer api.Close()
	rate, err := h.trivialRate(ctx, api)
	if err != nil {
		return nil, err
	}
	reads, err := h.readsBesideQueue(ctx, c, api)
	return append([]bench.Figure{rate}, reads...), err
}

// trivialRate runs trivial jobs to their end, several at once.
func (h *harness) trivialRate(ctx context.Context, api *client.Client) (bench.Figure, error) {
	f := bench.Figure{
		Name: "trivial jobs through one cluster", Unit: "a second", AtLeast: true, Mark: 50,
		Note: fmt.Sprintf("pi --samples 1000, 1 peer, 1 task; %d clients at once submit over the API and watch until succeeded; warm bsp dev (3 masters, 4 grooms of 2 slots)", submitters),
	}
	f.Floor = fmt.Sprintf("starts of the bsp process, %d at once", submitters)
	runJobs := func() (float64, error) {
		start := time.Now()
		err := together(ctx, submitters, trivialJobs, func(ctx context.Context) error {
			info, err := api.Submit(ctx, trivial())
			if err != nil {
				return err
			}
			info, err = api.Watch(ctx, info.ID, func(job.Info) error { return nil })
			if err == nil && info.State != job.Succeeded {
				err = fmt.Errorf("%s %s: %w", info.ID, info.State, info.Error)
			}
			return err
		})
		return trivialJobs / time.Since(start).Seconds(), err
	}
	startProcesses := func() (float64, error) {
		start := time.Now()
		err := together(ctx, submitters, trivialJobs, func(ctx context.Context) error {
			_, _, err := h.bspRun(ctx, nil, "version")
			return err
		})
		return trivialJobs / time.Since(start).Seconds(), err
	}
	for run := range h.runs + 1 { // the first one warms up
		ours, err := runJobs()
		if err != nil {
			return f, err
		}
		floor, err := startProcesses()
		if err != nil {
			return f, err
		}
		if run > 0 {
			f.Samples, f.Limit = append(f.Samples, ours), append(f.Limit, floor)
		}
	}
	return f, nil
}

// trivial is a job that has hardly anything to do.
func trivial() job.Spec {
	return job.Spec{Program: job.Program{Builtin: "pi"}, Peers: 1, Args: []string{"--samples", "1000"}}
}

// readsBesideQueue measures the commands that look at a cluster without jobs that
// wait, and with as many as queued.
func (h *harness) readsBesideQueue(ctx context.Context, c *devCluster, api *client.Client) ([]bench.Figure, error) {
	holder, _, err := h.job(ctx, c.env, "job", "submit", "-d", "-o", "json", "--peers", "8", h.pacer, "--", "-every", "100ms")
	if err != nil {
		return nil, err
	}
	last, err := api.Submit(ctx, trivial())
	if err != nil {
		return nil, err
	}
	before, err := h.reads(ctx, c, last.ID)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	err = together(ctx, queuers, queued, func(ctx context.Context) error {
		_, err := api.Submit(ctx, trivial())
		return err
	})
	if err != nil {
		return nil, err
	}
	filled := time.Since(start)
	if last, err = api.Submit(ctx, trivial()); err != nil { // why it waits takes the longest to say
		return nil, err
	}
	figures, err := h.reads(ctx, c, last.ID)
	if err != nil {
		return nil, err
	}
	for i := range figures {
		f := &figures[i]
		f.Limit, f.Floor = before[i].Samples, "the same with two jobs"
		f.Note = fmt.Sprintf("beside %d jobs that wait (submitted by %d clients, %.0f a second) and one that runs on all 8 slots; max %.3g ms", queued, queuers, queued/filled.Seconds(), f.Max())
	}
	return figures, api.Stop(ctx, holder.ID)
}

// reads measures each command that looks at the cluster or at one job.
func (h *harness) reads(ctx context.Context, c *devCluster, id job.ID) ([]bench.Figure, error) {
	var figures []bench.Figure
	for _, args := range []string{"job list", "job list -o json", "job status JOB", "job inspect JOB", "job why JOB", "node list"} {
		f := bench.Figure{Name: "bsp " + args, Unit: "ms", Mark: 100}
		words := strings.Fields(strings.ReplaceAll(args, "JOB", string(id)))
		var err error
		f.Samples, err = h.repeat(4*h.runs, func() (float64, error) {
			_, took, err := h.bspRun(ctx, c.env, words...)
			return took.Seconds() * 1e3, err
		})
		if err != nil {
			return nil, err
		}
		figures = append(figures, f)
	}
	return figures, nil
}

// together calls do count times, so many at once.
func together(ctx context.Context, workers, count int, do func(context.Context) error) error {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range workers {
		group.Go(func() error {
			for next.Add(1) <= int64(count) {
				if err := do(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// client returns a client of the cluster's API, with the admin's token.
func (c *devCluster) client() (*client.Client, error) {
	var where struct {
		Addrs []string `yaml:"addrs"`
		CA    string   `yaml:"ca"`    // the path of a file
		Token string   `yaml:"token"` // @ and the path of a file
	}
	b, err := os.ReadFile(filepath.Join(c.data, "context.yaml"))
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(b, &where); err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(where.CA)
	if err != nil {
		return nil, err
	}
	token, err := os.ReadFile(strings.TrimPrefix(where.Token, "@"))
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{Addrs: where.Addrs, CA: ca, Token: strings.TrimSpace(string(token)), Patience: 30 * time.Second})
}
