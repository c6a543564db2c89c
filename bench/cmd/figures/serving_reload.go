package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"scalar/bench"
)

// openWindow is how long a stream of a figure is, seconds, with the second that is not counted.
const openWindow = 11

// A swap is a folder whose model is exchanged while it is served.
type swap struct {
	live, other string // folders: each has a model of its own
	url         string
	body        []byte
	last        float64 // what the model says of the first class
}

// servingReload measures windows of 10 s in pairs: one without, one in which the model is exchanged every second.
func (h *harness) servingReload(ctx context.Context) (figures []bench.Figure, err error) {
	s := &swap{body: rowBody(row(784))}
	for i, into := range []*string{&s.live, &s.other} {
		if *into, err = h.mlpModel(ctx, "--seed", strconv.Itoa(i+1)); err != nil {
			return nil, err
		}
	}
	script, body, err := h.poster("reload", s.body, typeJSON)
	if err != nil {
		return nil, err
	}
	server, err := h.ours(ctx, oursPort, nil, "--model", "m="+s.live, "--insecure")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	s.url = server.url
	rate, err := h.calm(ctx, server, script, .3)
	if err != nil {
		return nil, err
	}
	added := bench.Figure{Name: "reload every second, 64 connections: p99 added", Unit: "ms", Mark: 2}
	errs := bench.Figure{Name: "reload every second: requests without an answer of 200", Unit: "requests", Mark: .5}
	var still, moved []float64
	reloads := 0
	for run := range h.runs {
		load := stream{url: server.url, body: body, rate: rate, connections: 64, seconds: openWindow, seed: run + 1}
		a, err := load.run(ctx, h)
		if err != nil {
			return nil, err
		}
		stop := s.every(ctx, time.Second)
		b, err := load.run(ctx, h)
		n, failed := stop()
		if err = errors.Join(err, failed); err != nil {
			return nil, err
		}
		reloads += n
		still, moved = append(still, a.Answers[ok200].P99), append(moved, b.Answers[ok200].P99)
		added.Samples = append(added.Samples, b.Answers[ok200].P99-a.Answers[ok200].P99)
		lost, what := bad(b)
		errs.Samples, errs.Note = append(errs.Samples, float64(lost)), errs.Note+what
	}
	added.Note = fmt.Sprintf("p99 %.2f ms with, %.2f ms without; Poisson, %.0f requests/s, %d reloads", median(moved), median(still), rate, reloads)
	return []bench.Figure{added, errs}, nil
}

// every exchanges the model in steps of time until stop is called, which returns how often.
func (s *swap) every(ctx context.Context, step time.Duration) (stop func() (int, error)) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	n := 0
	go func() {
		ticks := time.NewTicker(step)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				done <- nil
				return
			case <-ticks.C:
			}
			if err := s.exchange(context.WithoutCancel(ctx)); err != nil {
				done <- err
				return
			}
			n++
		}
	}()
	return func() (int, error) {
		cancel()
		return n, <-done
	}
}

// exchange swaps the folders, has the server load the new model, and looks that it answers.
func (s *swap) exchange(ctx context.Context) error {
	aside := filepath.Join(filepath.Dir(s.live), "aside")
	if err := errors.Join(os.Rename(s.live, aside), os.Rename(s.other, s.live), os.Rename(aside, s.other)); err != nil {
		return err
	}
	base := s.url[:len(s.url)-len(inferPath)]
	if _, err := post(ctx, base+"/v2/repository/models/m/load", nil); err != nil {
		return err
	}
	answer, err := post(ctx, s.url, s.body, typeJSON)
	if err != nil {
		return err
	}
	p, err := probabilities(answer, 10)
	if err != nil {
		return err
	}
	if math.Abs(p[0]-s.last) < 1e-9 {
		return errors.New("the model is the old one after a reload")
	}
	s.last = p[0]
	return nil
}
