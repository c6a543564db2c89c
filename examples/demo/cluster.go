package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// readyLimit is how long the cluster may take to come up: as long as bsp dev waits.
const readyLimit = 60 * time.Second

// cluster is a `bsp dev` and how to talk to it: by the command line, as a user would.
type cluster struct {
	bsp   string
	data  string
	ready time.Duration
	dev   *exec.Cmd
	log   bytes.Buffer // of dev; to be read once ended has been received from
	ended chan error   // how dev has ended, once; size 1: nobody may ask
}

func startCluster(ctx context.Context, bsp, data string) (*cluster, error) {
	c := &cluster{bsp: bsp, data: data, ended: make(chan error, 1)}
	said := readiness{yes: make(chan struct{})}
	c.dev = c.command(ctx, "dev", "--data", data, "--masters", "3", "--grooms", "2", "--slots", "2")
	c.dev.Stdout, c.dev.Stderr = &said, &c.log
	start := time.Now()
	if err := c.dev.Start(); err != nil {
		return nil, err
	}
	go func() { c.ended <- c.dev.Wait() }() // stop waits for it
	limit := time.NewTimer(readyLimit)
	defer limit.Stop()
	select {
	case <-said.yes:
		c.ready = time.Since(start)
		return c, nil
	case err := <-c.ended:
		return nil, errors.Join(fmt.Errorf("bsp dev ended before the cluster was ready:\n%s", c.log.String()), err)
	case <-limit.C:
	case <-ctx.Done():
	}
	err := c.stop()
	return nil, errors.Join(fmt.Errorf("the cluster is not ready after %v:\n%s", time.Since(start), c.log.String()), err)
}

// readiness is the stdout of bsp dev, which says "ready: …" once all masters and
// grooms are there.
type readiness struct {
	text []byte
	once sync.Once
	yes  chan struct{} // closed by Write
}

func (r *readiness) Write(b []byte) (int, error) {
	r.text = append(r.text, b...)
	if bytes.HasPrefix(r.text, []byte("ready: ")) {
		r.once.Do(func() { close(r.yes) })
	}
	return len(b), nil
}

// stop ends the cluster and waits for all of its processes.
func (c *cluster) stop() error {
	if err := c.dev.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := <-c.ended; err != nil {
		return fmt.Errorf("bsp dev: %w\n%s", err, c.log.String())
	}
	return nil
}

// command prepares a run of bsp that ends in order with ctx. A cluster of the
// user's own, in BSP_ADDR or BSP_TOKEN, is none of its business.
func (c *cluster) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.bsp, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "BSP_") })
	cmd.Env = append(cmd.Env, "BSP_DATA="+c.data)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second // then by force
	return cmd
}

// kill ends a daemon by kill -9.
func (c *cluster) kill(name string) (pid int, err error) {
	b, err := os.ReadFile(filepath.Join(c.data, "run", name+".pid")) // left by bsp dev
	if err != nil {
		return 0, err
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(string(b))); err != nil {
		return 0, err
	}
	return pid, syscall.Kill(pid, syscall.SIGKILL)
}
