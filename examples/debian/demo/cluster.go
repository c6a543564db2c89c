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
	"strconv"
	"strings"
	"syscall"
	"time"

	"scalar/bsp/job"
)

// cluster is a `bsp dev` and how to talk to it: by the command line, as a user would.
type cluster struct {
	bsp   string
	data  string
	ready time.Duration
	dev   *exec.Cmd
	log   bytes.Buffer
}

func startCluster(ctx context.Context, bsp, data string) (*cluster, error) {
	c := &cluster{bsp: bsp, data: data}
	c.dev = exec.CommandContext(ctx, bsp, "dev", "--data", data, "--masters", "3", "--grooms", "2", "--slots", "2")
	c.dev.Stderr = &c.log
	c.dev.Cancel = func() error { return c.dev.Process.Signal(syscall.SIGTERM) }
	start := time.Now()
	if err := c.dev.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		if c.grooms(ctx) == 2 {
			c.ready = time.Since(start)
			return c, nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			break
		}
	}
	return nil, errors.Join(fmt.Errorf("the cluster is not ready after %v:\n%s", time.Since(start), c.log.String()), c.stop())
}

// stop ends the cluster and waits for all of its processes.
func (c *cluster) stop() error {
	if err := c.dev.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := c.dev.Wait(); err != nil {
		return fmt.Errorf("bsp dev: %w\n%s", err, c.log.String())
	}
	return nil
}

func (c *cluster) grooms(ctx context.Context) int {
	var nodes []job.Node
	if err := c.json(ctx, &nodes, "node", "list"); err != nil {
		return 0
	}
	n := 0
	for _, node := range nodes {
		if node.Role == "groom" && node.State == "ready" {
			n++
		}
	}
	return n
}

// json runs bsp with args and -o json, and decodes what it prints.
func (c *cluster) json(ctx context.Context, v any, args ...string) error {
	cmd := exec.CommandContext(ctx, c.bsp, append(args, "-o", "json")...)
	cmd.Env = append(os.Environ(), "BSP_DATA="+c.data)
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return fmt.Errorf("bsp %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(exit.Stderr))
		}
		return err
	}
	return json.Unmarshal(out, v)
}

// rank submits pagerank with 4 peers in 2 tasks, calls meanwhile if given while
// the job runs, and waits for the job's end.
func (c *cluster) rank(ctx context.Context, graph, output string, iterations int, meanwhile func(context.Context, job.ID) error) (job.Info, error) {
	cmd := exec.CommandContext(ctx, c.bsp, "job", "submit", "-d", "-o", "json", "--peers", "4", "--tasks", "2",
		"--checkpoint-every", "5", "--input", graph, "--output", output,
		"pagerank", "--", "--ids", "string", "--iterations", strconv.Itoa(iterations))
	cmd.Env = append(os.Environ(), "BSP_DATA="+c.data)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return job.Info{}, fmt.Errorf("submit: %w", err)
	}
	var info job.Info
	if err := json.Unmarshal(out, &info); err != nil {
		return info, err
	}
	id := info.ID
	if meanwhile != nil {
		if err := meanwhile(ctx, id); err != nil {
			return info, err
		}
	}
	if err := c.json(ctx, &info, "job", "wait", string(id)); err != nil {
		return info, err
	}
	if info.State != job.Succeeded {
		return info, fmt.Errorf("%s %s: %w", id, info.State, info.Error)
	}
	return info, nil
}

// killGroomInTheMiddle returns what kills the groom of the job's second task by
// kill -9 once the job has done half of its supersteps.
func (c *cluster) killGroomInTheMiddle(iterations int) func(context.Context, job.ID) error {
	return func(ctx context.Context, id job.ID) error {
		for {
			var info job.Info
			if err := c.json(ctx, &info, "job", "inspect", string(id)); err != nil {
				return err
			}
			if info.State.Final() {
				return fmt.Errorf("%s ended before its groom could be killed", id)
			}
			if len(info.Placement) == 2 && info.Supersteps >= iterations/2 {
				groom := info.Placement[1].Groom
				pid, err := c.pid(groom)
				if err != nil {
					return err
				}
				fmt.Printf("kill -9    groom %s (pid %d) at superstep %d of %d\n", groom, pid, info.Supersteps, iterations)
				return syscall.Kill(pid, syscall.SIGKILL)
			}
			if err := pause(ctx, 20*time.Millisecond); err != nil {
				return err
			}
		}
	}
}

// pid reads the process id that bsp dev has left for one of its daemons.
func (c *cluster) pid(name string) (int, error) {
	b, err := os.ReadFile(filepath.Join(c.data, "run", name+".pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
