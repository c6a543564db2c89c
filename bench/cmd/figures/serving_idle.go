package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"scalar/bench"
)

// servingIdle measures how soon a server is ready, and the memory of one that has nothing to do.
func (h *harness) servingIdle(ctx context.Context) ([]bench.Figure, error) {
	folder, err := h.mlpModel(ctx)
	if err != nil {
		return nil, err
	}
	ready := bench.Figure{Name: "start → ready, mlp 784-128-10", Unit: "ms", Mark: 100, Note: "until the line ready: is there"}
	if ready.Samples, err = h.repeat(4*h.runs, func() (float64, error) { return h.startToReady(ctx, folder) }); err != nil {
		return nil, err
	}
	script, _, err := h.poster("idle", rowBody(row(784)), typeJSON)
	if err != nil {
		return nil, err
	}
	before := bench.Figure{Name: "idle memory after the start", Unit: mib, Mark: 64, Note: "resident, 2 s after ready"}
	after := bench.Figure{Name: "idle memory after load", Unit: mib, Note: "resident, 2 s after 3 s of 64 connections"}
	for range h.runs {
		a, b, err := h.idleMemory(ctx, folder, script)
		if err != nil {
			return nil, err
		}
		before.Samples, after.Samples = append(before.Samples, a), append(after.Samples, b)
	}
	return []bench.Figure{ready, before, after}, nil
}

const mib = "MiB"

// startToReady returns how long a start takes, ms.
func (h *harness) startToReady(ctx context.Context, folder string) (ms float64, err error) {
	s := &served{name: "bsp serve", cmd: exec.CommandContext(ctx, h.bsp, "serve", "--model", "m="+folder, "--listen", "127.0.0.1:"+strconv.Itoa(oursPort), "--insecure")}
	s.cmd.Env = plainEnv()
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := s.cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		err = errors.Join(err, s.cmd.Process.Kill())
		_ = s.cmd.Wait() // it was killed
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready: ") {
		return 0, fmt.Errorf("bsp serve said %q (%w)", line, err)
	}
	return time.Since(start).Seconds() * 1e3, nil
}

// idleMemory returns the memory of a server that is idle, before and after load.
func (h *harness) idleMemory(ctx context.Context, folder, script string) (before, after float64, err error) {
	s, err := h.ours(ctx, oursPort, nil, "--model", "m="+folder, "--insecure")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	time.Sleep(2 * time.Second)
	if before, err = s.resident(); err != nil {
		return 0, 0, err
	}
	if _, err := wrk(ctx, target{url: s.url, script: script}, 64, 3); err != nil {
		return 0, 0, err
	}
	time.Sleep(2 * time.Second)
	after, err = s.resident()
	return before, after, err
}
