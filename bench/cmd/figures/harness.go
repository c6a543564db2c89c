package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"scalar/bsp/job"
)

// What is killed.
const (
	task   = "task"
	groom  = "groom"  // the role of a node that runs tasks
	leader = "leader" // the state of one master
)

// harness runs the binary under measurement.
type harness struct {
	bsp     string
	scratch string
	cache   string // folder for what stays there: graphs
	runs    int
	outputs int
	scales  []int    // of PageRank's graphs
	scale   int      // of the graphs of make bench-graph
	skipped []string // peers that are not installed
	limit   string   // bench/cmd/limit
	tasks   string   // bench/cmd/exchange
	pacer   string   // bench/cmd/pacer

	alsoLarge bool // measure the graph of 2^(scale+largeLarger) vertices too
}

// build makes the programs that are not part of bsp.
func (h *harness) build(ctx context.Context) error {
	in := func(name string) string { return filepath.Join(h.scratch, name) }
	h.limit, h.tasks, h.pacer = in("limit"), in("exchange"), in("pacer")
	return goTool(ctx, "build", "-trimpath", "-o", h.scratch, "./bench/cmd/limit", "./bench/cmd/exchange", "./bench/cmd/pacer", "./bench/cmd/bare", "./bench/cmd/openloop")
}

// tool runs one of them and decodes what it prints.
func (h *harness) tool(ctx context.Context, into any, exe string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, exe, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	if err != nil {
		return took, fmt.Errorf("%s %s: %w: %s", filepath.Base(exe), strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return took, json.Unmarshal(out, into)
}

// plainEnv is the environment without what the person at this machine has set for a
// cluster of their own.
func plainEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "BSP_") })
}

// bspRun runs bsp to its end and returns its stdout and wall time.
func (h *harness) bspRun(ctx context.Context, env []string, args ...string) ([]byte, time.Duration, error) {
	cmd := exec.CommandContext(ctx, h.bsp, args...)
	cmd.Env = append(plainEnv(), env...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	if err != nil {
		return out, took, fmt.Errorf("bsp %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return out, took, nil
}

// job runs bsp with -o json and decodes the job it prints.
func (h *harness) job(ctx context.Context, env []string, args ...string) (job.Info, time.Duration, error) {
	var info job.Info
	out, took, err := h.bspRun(ctx, env, args...)
	if err != nil {
		return info, took, err
	}
	return info, took, json.Unmarshal(out, &info)
}

// repeat measures once to warm up and then runs times.
func (h *harness) repeat(runs int, measure func() (float64, error)) ([]float64, error) {
	if _, err := measure(); err != nil {
		return nil, err
	}
	samples := make([]float64, 0, runs)
	for range runs {
		x, err := measure()
		if err != nil {
			return nil, err
		}
		samples = append(samples, x)
	}
	return samples, nil
}

// output returns the name of a folder that does not exist.
func (h *harness) output() string {
	h.outputs++
	return filepath.Join(h.scratch, "out-"+strconv.Itoa(h.outputs))
}

const masters = 3 // of every cluster

// devCluster is a running bsp dev.
type devCluster struct {
	data   string
	grooms int
	env    []string
	ready  time.Duration
	cmd    *exec.Cmd
}

func (h *harness) dev(ctx context.Context, grooms int) (*devCluster, error) {
	h.outputs++
	c := &devCluster{data: filepath.Join(h.scratch, "dev-"+strconv.Itoa(h.outputs)), grooms: grooms}
	c.env = []string{"BSP_DATA=" + c.data}
	c.cmd = exec.CommandContext(ctx, h.bsp, "dev", "--data", c.data, "--masters", strconv.Itoa(masters), "--grooms", strconv.Itoa(grooms), "--slots", "2")
	c.cmd.Env = plainEnv()
	start := time.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if err := h.settled(ctx, c); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	c.ready = time.Since(start)
	return c, nil
}

// settled waits until all masters and grooms are there.
func (h *harness) settled(ctx context.Context, c *devCluster) error {
	for start := time.Now(); time.Since(start) < 30*time.Second; time.Sleep(10 * time.Millisecond) {
		if nodes, err := h.nodes(ctx, c); err == nil && c.up(nodes) {
			return nil
		}
	}
	return errors.New("the cluster is not up within 30 s")
}

func (h *harness) nodes(ctx context.Context, c *devCluster) ([]job.Node, error) {
	out, _, err := h.bspRun(ctx, c.env, "node", "list", "-o", "json")
	if err != nil {
		return nil, err
	}
	var nodes []job.Node
	return nodes, json.Unmarshal(out, &nodes)
}

// up reports whether all masters and grooms are among the nodes.
func (c *devCluster) up(nodes []job.Node) bool {
	up, grooms := 0, 0
	for _, n := range nodes {
		switch {
		case n.State == leader || n.State == "follower":
			up++
		case n.Role == groom && n.State == "ready":
			grooms++
		}
	}
	return up == masters && grooms == c.grooms
}

func (c *devCluster) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return c.cmd.Wait()
}

// pid reads the process id of one of the daemons. A master's id is its name and
// a suffix.
func (c *devCluster) pid(id string) (int, error) {
	name, _, _ := strings.Cut(id, "-")
	b, err := os.ReadFile(filepath.Join(c.data, "run", name+".pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}
