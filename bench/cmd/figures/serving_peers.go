package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A rivalServer is a server that a user would pick instead, with the same weights.
type rivalServer struct {
	name, title string // of its folder, and for people
	workers     []int  // of which the fastest is taken
	path, ready string
	body        func(x []float32) []byte
	mark        float64 // ours in requests/s beside it, from 8 and 64 connections
	binary      bool    // it speaks V2's binary extension

	served *served
	target *target
	failed error // why it is not measured
}

// rivalServers returns them in the order of the table.
func rivalServers() []*rivalServer {
	instances := func(x []float32) []byte { return append(appendRow([]byte(`{"instances":[`), x), "]}"...) }
	input := func(x []float32) []byte { return append(appendRow([]byte(`{"input":[`), x), "]}"...) }
	const ready = "/v2/health/ready"
	return []*rivalServer{
		{name: "fastapi", title: "FastAPI + ONNX Runtime", workers: []int{1, 2}, path: inferPath, ready: ready, body: rowBody, mark: 5},
		{name: "triton", title: "Triton (python back end, numpy)", workers: []int{2}, path: inferPath, ready: ready, body: rowBody, mark: 3, binary: true},
		{name: "mlserver", title: "MLServer", workers: []int{0}, path: inferPath, ready: ready, body: rowBody, mark: 20},
		{name: "torchserve", title: "TorchServe", workers: []int{2}, path: "/predictions/m", ready: "/ping", body: instances, mark: 20},
		{name: "litserve", title: "LitServe", workers: []int{2}, path: "/predict", ready: "/health", body: input},
	}
}

// startRivals starts those that are installed, and compares their answers with ours. What fails is left in them.
func (b *mlpBench) startRivals(ctx context.Context, folder string) error {
	for i, r := range b.rivals {
		if r.failed = b.startRival(ctx, r, folder, peerPort+20*i); r.failed != nil {
			fmt.Fprintf(os.Stderr, "not measured: %s: %v\n", r.title, r.failed)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (b *mlpBench) startRival(ctx context.Context, r *rivalServer, folder string, port int) error {
	body := r.body(b.row)
	script, _, err := b.h.poster(r.name, body, typeJSON)
	if err != nil {
		return err
	}
	best := 0.0
	for i, workers := range r.workers {
		s, err := b.h.rival(ctx, r, folder, port+10*i, workers)
		if err != nil {
			return err
		}
		got, err := post(ctx, s.url, body, typeJSON)
		if err == nil {
			err = sameAnswer(got, b.want)
		}
		speed := load{perSecond: 1}
		if err == nil && len(r.workers) > 1 {
			speed, err = wrk(ctx, target{url: s.url, script: script}, 64, 3)
		}
		if err != nil || speed.perSecond <= best {
			if err := errors.Join(err, s.stop()); err != nil {
				return err
			}
			continue
		}
		if r.served != nil {
			if err := r.served.stop(); err != nil {
				return err
			}
		}
		best, r.served = speed.perSecond, s
	}
	r.target = &target{url: r.served.url, script: script, peer: true}
	return nil
}

// rival starts a peer with so many workers.
func (h *harness) rival(ctx context.Context, r *rivalServer, folder string, port, workers int) (*served, error) {
	dir, err := filepath.Abs(filepath.Join(peersDir, r.name))
	if err != nil {
		return nil, err
	}
	cache, err := filepath.Abs(filepath.Join(peersDir, ".cache", r.name))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(cache, "ready")); err != nil {
		why, err := os.ReadFile(filepath.Join(cache, "errors"))
		if err != nil {
			why = []byte("bench/peers/install " + r.name)
		}
		lines := strings.Split(strings.TrimSpace(string(why)), "\n")
		return nil, fmt.Errorf("it is not installed: %s", lines[len(lines)-1])
	}
	work := h.output()
	if err := os.MkdirAll(work, 0o755); err != nil {
		return nil, err
	}
	at := "http://127.0.0.1:" + strconv.Itoa(port)
	s := &served{name: r.title, url: at + r.path, ready: at + r.ready, workers: workers}
	return s, h.startServer(ctx, s, nil, filepath.Join(dir, "serve"), cache, folder, work, strconv.Itoa(port), strconv.Itoa(workers))
}

// of says with how many workers a peer runs.
func (r *rivalServer) of() string {
	if r.served == nil {
		return ""
	}
	if r.served.workers == 0 {
		return "in one process"
	}
	return fmt.Sprintf("%d worker(s)", r.served.workers)
}

// markAt returns the mark from so many connections.
func (r *rivalServer) markAt(connections int) float64 {
	if connections == 1 {
		return 0
	}
	return r.mark
}

// stopRivals ends them.
func stopRivals(all []*rivalServer) (err error) {
	for _, r := range all {
		if r.served != nil {
			err = errors.Join(err, r.served.stop())
		}
	}
	return err
}

// post asks a URL once; other answers than 200 are errors.
func post(ctx context.Context, url string, body []byte, headers ...string) (answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for _, h := range headers {
		key, value, _ := strings.Cut(h, ": ")
		req.Header.Set(key, value)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Body.Close()) }()
	if answer, err = io.ReadAll(r.Body); err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("POST %s: %s: %.200s", url, r.Status, answer)
	}
	return answer, err
}

// sameAnswer compares an answer in JSON with probabilities.
func sameAnswer(answer []byte, want []float64) error {
	got, err := probabilities(answer, len(want))
	if err != nil {
		return err
	}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-5 {
			return fmt.Errorf("class %d has probability %v, want %v", i, got[i], want[i])
		}
	}
	return nil
}

// probabilities returns the first list of n numbers in a JSON text, however it is nested.
func probabilities(text []byte, n int) ([]float64, error) {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, fmt.Errorf("%w: %.100s", err, text)
	}
	if p := numbersIn(v, n); p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no list of %d numbers in %.100s", n, text)
}

func numbersIn(v any, n int) []float64 {
	switch v := v.(type) {
	case map[string]any:
		for _, one := range v {
			if p := numbersIn(one, n); p != nil {
				return p
			}
		}
	case []any:
		p := make([]float64, 0, n)
		for _, one := range v {
			if x, ok := one.(float64); ok {
				p = append(p, x)
			} else if q := numbersIn(one, n); q != nil {
				return q
			}
		}
		if len(p) == n {
			return p
		}
	}
	return nil
}
