package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"scalar/bench"
	"scalar/bench/openloop"
)

// slowNet takes about 1 ms a row, in a batch too: its work is in its products, not in reading weights.
const slowNet = `input: [1, 8, 8]
layers:
  - {type: conv2d, filters: 128, kernel: 3, pad: 1, activation: relu}
  - {type: conv2d, filters: 128, kernel: 3, pad: 1, activation: relu}
  - {type: conv2d, filters: 128, kernel: 3, pad: 1, activation: relu}
  - {type: conv2d, filters: 128, kernel: 3, pad: 1, activation: relu}
  - {type: conv2d, filters: 128, kernel: 3, pad: 1, activation: relu}
  - {type: flatten}
  - {type: dense}
`

const (
	slowFeatures   = 64
	serverCore     = 0
	loadCore       = 1
	deadlineHeader = "X-Request-Timeout-Ms: 100"
	overloads      = 3 // times the capacity
)

// An overloadBench is a server on one core with a slow model, and a generator on the other.
type overloadBench struct {
	h        *harness
	server   *served
	script   string // of wrk
	load     stream
	capacity float64
}

// overloadServer starts the server with more of its options, and measures its capacity in closed loop.
func (h *harness) overloadServer(ctx context.Context, headers []string, args ...string) (b *overloadBench, err error) {
	file, err := h.writeFile("slow.yaml", slowNet)
	if err != nil {
		return nil, err
	}
	rows, err := h.drawnFile("ml-rows-256x64.npy", 256, slowFeatures)
	if err != nil {
		return nil, err
	}
	folder, err := h.modelFrom(ctx, rows, "mlp", "--", "--net", file, "--epochs", "1")
	if err != nil {
		return nil, err
	}
	b = &overloadBench{h: h}
	script, body, err := h.poster("overload", rowBody(row(slowFeatures)), slices.Concat(headers, []string{typeJSON})...)
	if err != nil {
		return nil, err
	}
	b.script = script
	if b.server, err = h.ours(ctx, oursPort, []int{serverCore}, append([]string{"--model", "m=" + folder}, args...)...); err != nil {
		return nil, err
	}
	b.load = stream{url: b.server.url, body: body, headers: slices.Concat(headers, []string{deadlineHeader}), connections: 512, seconds: openWindow, core: []int{loadCore}}
	return b, nil
}

// measure returns the capacity: answers/s of a server that always has something to do.
func (b *overloadBench) measure(ctx context.Context) error {
	l, err := wrk(ctx, target{url: b.server.url, script: b.script}, 16, 3, loadCore)
	b.capacity = l.perSecond
	return err
}

// servingOverload measures goodput and refusals at three times the capacity.
func (h *harness) servingOverload(ctx context.Context) (figures []bench.Figure, err error) {
	b, err := h.overloadServer(ctx, nil, "--insecure")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.server.stop()) }()
	good := bench.Figure{Name: "overload, 3 times the capacity: goodput beside the capacity", Unit: times, AtLeast: true, Mark: .9}
	refusals := bench.Figure{Name: "overload: p99 of refusals", Unit: "ms", Mark: 5}
	var capacity, p99, p50 []float64
	refused, late := 0, 0
	for run := range h.runs + 1 {
		if err := b.measure(ctx); err != nil {
			return nil, err
		}
		b.load.rate, b.load.seed = overloads*b.capacity, run+1
		r, err := b.load.run(ctx, h)
		if err != nil {
			return nil, err
		}
		if run == 0 {
			continue
		}
		if r.Errors > 0 {
			return nil, fmt.Errorf("%d requests without an answer: %s", r.Errors, r.Error)
		}
		refused += r.Refused.N
		late += r.Answers["504"].N
		capacity, p99, p50 = append(capacity, b.capacity), append(p99, r.Answers[ok200].P99), append(p50, r.Refused.P50)
		good.Samples = append(good.Samples, float64(r.Answers[ok200].N)/r.Seconds/b.capacity)
		refusals.Samples = append(refusals.Samples, r.Refused.P99)
	}
	good.Note = fmt.Sprintf("capacity %.0f answers/s, at 16 connections in closed loop; open loop, Poisson, 512 connections, deadline 100 ms; p99 of answers %.1f ms; server on one core, generator on the other", median(capacity), median(p99))
	refusals.Note = fmt.Sprintf("p50 %.2f ms, %d refusals; %d of them waited until their deadline", median(p50), refused, late)
	return []bench.Figure{good, refusals}, nil
}

// tenantKeys are the tokens a and b, of namespaces of their names.
const tenantKeys = `keys:
  - {sha256: ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb, namespace: a}
  - {sha256: 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d, namespace: b}
`

// servingTenants measures a tenant that asks for half its share, a quarter of the capacity, alone and beside
// one that asks for three times the capacity.
func (h *harness) servingTenants(ctx context.Context) (figures []bench.Figure, err error) {
	config, err := h.writeFile("tenants.yaml", tenantKeys)
	if err != nil {
		return nil, err
	}
	data := h.output()
	b, err := h.overloadServer(ctx, []string{"Authorization: Bearer a"}, "--config", config, "--data", data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.server.stop()) }()
	b.load.ca = filepath.Join(data, "ca.crt")
	greedy := b.load
	b.load.headers, b.load.connections = []string{"Authorization: Bearer b", deadlineHeader}, 128
	over := bench.Figure{Name: "tenant B at half its share beside A at 3 times the capacity: p99 beyond 1.5 times that alone", Unit: "ms", Mark: 2}
	lost := bench.Figure{Name: "tenant B beside A: requests without an answer of 200", Unit: "per cent", Mark: 1}
	var alone, beside, shares []float64
	again := 0
	for run := range h.runs {
		var r tenantRun
		for try := range slowTries {
			if r, err = b.tenants(ctx, greedy, run+try*h.runs); err != nil {
				return nil, err
			}
			if r.share <= mostShare || try == slowTries-1 {
				break
			}
			again++
		}
		p, q := r.beside.Answers[ok200].P99, r.alone.Answers[ok200].P99
		alone, beside, shares = append(alone, q), append(beside, p), append(shares, r.share)
		over.Samples = append(over.Samples, max(0, p-1.5*q))
		n, _ := bad(r.beside)
		lost.Samples = append(lost.Samples, 100*float64(n)/(r.rate*r.alone.Seconds))
	}
	over.Note = fmt.Sprintf("p99 %.2f ms beside, %.2f ms alone; over TLS, Poisson, capacity of the last run %.0f requests/s; B asked for %.2f of half of what both were answered; %d runs measured again, the machine had become slower",
		median(beside), median(alone), b.capacity, median(shares), again)
	return []bench.Figure{over, lost}, nil
}

// Where B asks for more than mostShare of its share, since the machine does less by a fifth than when the capacity was measured,
// it is not at half its share, and the run is measured again; the last of slowTries counts whatever it is.
const (
	mostShare = .5 / .8
	slowTries = 3
)

// A tenantRun is what became of b's requests.
type tenantRun struct {
	alone, beside openloop.Result
	rate          float64 // of b's requests
	share         float64 // that they are of half of what both were answered beside each other
}

// tenants measures the capacity, and b at a quarter of it alone and beside a greedy stream.
func (b *overloadBench) tenants(ctx context.Context, greedy stream, run int) (r tenantRun, err error) {
	if err := b.measure(ctx); err != nil {
		return r, err
	}
	r.rate = b.capacity / 4
	b.load.rate, b.load.seed = r.rate, run+1
	greedy.rate, greedy.seed, greedy.seconds = overloads*b.capacity, run+100, openWindow+1
	if r.alone, err = b.load.run(ctx, b.h); err != nil {
		return r, err
	}
	type outcome struct {
		openloop.Result

		err error
	}
	ended := make(chan outcome, 1)
	go func() {
		r, err := greedy.run(ctx, b.h)
		ended <- outcome{r, err}
	}()
	r.beside, err = b.load.run(ctx, b.h)
	other := <-ended
	if err = errors.Join(err, other.err); err != nil {
		return r, err
	}
	answered := float64(r.beside.Answers[ok200].N)/r.beside.Seconds + float64(other.Answers[ok200].N)/other.Seconds
	r.share = r.rate / (answered / 2)
	return r, nil
}
