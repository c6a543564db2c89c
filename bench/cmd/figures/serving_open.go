package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"scalar/bench/openloop"
)

// A stream is requests at set times, by the generator of bench/cmd/openloop.
type stream struct {
	url, body   string
	headers     []string
	ca          string
	rate        float64
	connections int
	seconds     float64 // of them the first is not counted
	seed        int
	core        []int
}

// run sends a stream and returns what became of it.
func (s stream) run(ctx context.Context, h *harness) (r openloop.Result, err error) {
	command := []string{
		filepath.Join(h.scratch, "openloop"), "-url", s.url, "-body", s.body, "-rate", fmt.Sprint(s.rate), "-poisson", "-seed", strconv.Itoa(s.seed),
		"-connections", strconv.Itoa(s.connections), "-for", time.Duration(s.seconds * 1e9).String(), "-warm", "1s", "-header", typeJSON,
	}
	if s.ca != "" {
		command = append(command, "-ca", s.ca)
	}
	for _, header := range s.headers {
		command = append(command, "-header", header)
	}
	for _, c := range s.core {
		command = onCore(c, command[0], command[1:]...)
	}
	_, err = h.tool(ctx, &r, command[0], command[1:]...)
	return r, err
}

// bad returns what was not answered with 200, and what it was.
func bad(r openloop.Result) (n int, what string) {
	n = r.Errors
	if n > 0 {
		what = r.Error
	}
	for status, s := range r.Answers {
		if status != ok200 {
			n += s.N
			what = "status " + status
		}
	}
	return n, what
}

const ok200 = "200"

// calm returns a share of what a server answers in closed loop at 64 connections: requests/s that leave room.
func (h *harness) calm(ctx context.Context, s *served, script string, share float64, core ...int) (rate float64, err error) {
	for range 2 {
		l, err := wrk(ctx, target{url: s.url, script: script}, 64, 3, core...)
		if err != nil {
			return 0, err
		}
		rate = l.perSecond
	}
	return share * rate, nil
}

// writeFile writes a file of the scratch folder and returns its path.
func (h *harness) writeFile(name, text string) (string, error) {
	path := filepath.Join(h.scratch, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}
