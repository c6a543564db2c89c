package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"scalar/bench"
	"scalar/bench/openloop"
)

const (
	slowConnections = 1000
	slowDeadline    = 9 * time.Second // of header and body
	slowWindow      = 6               // seconds of good traffic, within the deadline
)

// servingSlow measures a server while 1,000 connections have sent half of a request.
func (h *harness) servingSlow(ctx context.Context) (figures []bench.Figure, err error) {
	folder, err := h.mlpModel(ctx)
	if err != nil {
		return nil, err
	}
	request := rowBody(row(784))
	script, body, err := h.poster("slow", request, typeJSON)
	if err != nil {
		return nil, err
	}
	var rate float64
	memory := bench.Figure{Name: "1,000 connections with half a request: memory added", Unit: mib, Mark: 64}
	p99 := bench.Figure{Name: "1,000 connections with half a request: p99 of good traffic beside without", Unit: times, Mark: 2}
	closed := bench.Figure{Name: "1,000 connections with half a request: the last is closed after", Unit: "s", Mark: slowDeadline.Seconds() + 1, Note: fmt.Sprintf("--header-timeout and --body-timeout %v", slowDeadline)}
	var alone, beside []float64
	for run := range h.runs {
		r, err := h.slowRun(ctx, folder, script, stream{body: body, connections: 16, seconds: slowWindow, seed: run + 1}, request)
		if err != nil {
			return nil, err
		}
		memory.Samples, closed.Samples = append(memory.Samples, r.added), append(closed.Samples, r.last.Seconds())
		alone, beside, rate = append(alone, r.alone), append(beside, r.beside), r.rate
	}
	p99.Samples = ratios(beside, alone)
	p99.Note = fmt.Sprintf("%.2f ms beside, %.2f ms alone; Poisson, %.0f requests/s", median(beside), median(alone), rate)
	return []bench.Figure{memory, p99, closed}, nil
}

// A slowRun is what one server came to.
type slowRun struct {
	rate          float64
	added         float64 // MiB
	alone, beside float64 // p99 of good traffic, ms
	last          time.Duration
}

// slowRun starts a server and runs good traffic alone, and beside connections that send half of a request.
func (h *harness) slowRun(ctx context.Context, folder, script string, good stream, request []byte) (r slowRun, err error) {
	server, err := h.ours(ctx, oursPort, nil, "--model", "m="+folder, "--insecure", "--header-timeout", slowDeadline.String(), "--body-timeout", slowDeadline.String())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	if r.rate, err = h.calm(ctx, server, script, .3); err != nil {
		return r, err
	}
	good.url, good.rate = server.url, r.rate
	a, before, err := h.watched(ctx, server, good)
	if err != nil {
		return r, err
	}
	wait, err := openHalves(ctx, server.url, request)
	if err != nil {
		return r, err
	}
	b, during, err := h.watched(ctx, server, good)
	last, late := wait()
	if err = errors.Join(err, late); err != nil {
		return r, err
	}
	if n, what := bad(b); n > 0 {
		return r, fmt.Errorf("%d good requests had no answer: %s", n, what)
	}
	r.added, r.last, r.alone, r.beside = during-before, last, a.Answers[ok200].P99, b.Answers[ok200].P99
	return r, nil
}

// watched runs a stream and returns the most memory of the server meanwhile.
func (h *harness) watched(ctx context.Context, s *served, good stream) (r openloop.Result, most float64, err error) {
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		ticks := time.NewTicker(50 * time.Millisecond)
		defer ticks.Stop()
		for {
			now, err := s.resident()
			if err != nil {
				done <- err
				return
			}
			most = max(most, now)
			select {
			case <-stop:
				done <- nil
				return
			case <-ticks.C:
			}
		}
	}()
	r, err = good.run(ctx, h)
	close(stop)
	return r, most, errors.Join(err, <-done)
}

// openHalves opens connections that send half of a request: half of its header, or all of it and half of its body. wait
// returns after how long the server had closed the last.
func openHalves(ctx context.Context, url string, body []byte) (wait func() (time.Duration, error), err error) {
	host := url[len("http://") : len(url)-len(inferPath)]
	header := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: %d\r\n\r\n", inferPath, host, typeJSON, len(body))
	halves := [][]byte{[]byte(header[:len(header)/2]), append([]byte(header), body[:len(body)/2]...)}
	var reading sync.WaitGroup
	var mu sync.Mutex // guards last and failed
	var last time.Duration
	var failed error
	for i := range slowConnections {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
		if err != nil {
			return nil, err
		}
		opened := time.Now()
		if _, err := conn.Write(halves[i%2]); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		reading.Go(func() {
			defer conn.Close() //nolint:errcheck // the server has closed it
			err := conn.SetReadDeadline(opened.Add(2 * slowDeadline))
			if err == nil {
				_, err = io.Copy(io.Discard, conn)
			}
			mu.Lock()
			defer mu.Unlock()
			last, failed = max(last, time.Since(opened)), errors.Join(failed, err)
		})
	}
	return func() (time.Duration, error) {
		reading.Wait()
		return last, failed
	}, nil
}
