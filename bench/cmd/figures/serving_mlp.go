package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"scalar/bench"
)

// An mlpBench has the servers of the MLP 784-128-10 and what is asked of each.
type mlpBench struct {
	h       *harness
	servers []*served
	rivals  []*rivalServer

	hello, helloBody, bare       *target // a word, a word for the same body, and the bare server
	ours, binary, secure, cached *target
	tritonBinary                 *target // nil: it is not there
	json, octets                 string  // scripts of wrk
	jsonBody, octetsBody         []byte
	jsonLength                   string // header of the binary body
	row                          []float32
	want                         []float64
}

// servingMLP measures requests of 784 numbers beside the bare server, a word, and the servers that a user would
// pick instead.
func (h *harness) servingMLP(ctx context.Context) (figures []bench.Figure, err error) {
	folder, err := h.mlpModel(ctx)
	if err != nil {
		return nil, err
	}
	b := &mlpBench{h: h, rivals: rivalServers(), row: row(784)}
	defer func() {
		for _, s := range b.servers {
			err = errors.Join(err, s.stop())
		}
		err = errors.Join(err, stopRivals(b.rivals))
	}()
	if err := b.start(ctx, folder); err != nil {
		return nil, err
	}
	for _, connections := range []int{1, 8, 64} {
		if err := h.rounds(ctx, connections, b.targets()...); err != nil {
			return nil, err
		}
		figures = append(figures, b.figures(connections)...)
	}
	return figures, nil
}

// start starts all servers, and compares their answers.
func (b *mlpBench) start(ctx context.Context, folder string) (err error) {
	h := b.h
	var header int
	b.jsonBody = rowBody(b.row)
	b.octetsBody, header = binaryBody(b.row)
	b.jsonLength = "Inference-Header-Content-Length: " + strconv.Itoa(header)
	if b.json, _, err = h.poster("json", b.jsonBody, typeJSON); err != nil {
		return err
	}
	if b.octets, _, err = h.poster("octets", b.octetsBody, typeOctets, b.jsonLength); err != nil {
		return err
	}
	bare, err := h.bareServer(ctx, folder)
	b.servers = append(b.servers, bare)
	if err != nil {
		return err
	}
	b.hello, b.helloBody, b.bare = &target{url: bare.ready}, &target{url: bare.ready, script: b.json}, &target{url: bare.url, script: b.json}
	if err := b.startOurs(ctx, folder); err != nil {
		return err
	}
	if err := b.startRivals(ctx, folder); err != nil {
		return err
	}
	for _, r := range b.rivals {
		if r.binary && r.failed == nil {
			if err := b.sameOctets(ctx, r.served.url); err != nil {
				return fmt.Errorf("%s, binary: %w", r.title, err)
			}
			b.tritonBinary = &target{url: r.served.url, script: b.octets, peer: true}
		}
	}
	return nil
}

// startOurs starts bsp serve: plain, with TLS and a token, and with a cache.
func (b *mlpBench) startOurs(ctx context.Context, folder string) error {
	h, model := b.h, "m="+folder
	plain, err := h.ours(ctx, oursPort, nil, "--model", model, "--insecure")
	b.servers = append(b.servers, plain)
	if err != nil {
		return err
	}
	b.ours, b.binary = &target{url: plain.url, script: b.json}, &target{url: plain.url, script: b.octets}
	answer, err := post(ctx, plain.url, b.jsonBody, typeJSON)
	if err != nil {
		return err
	}
	if b.want, err = probabilities(answer, 10); err != nil {
		return err
	}
	if err := b.sameOctets(ctx, plain.url); err != nil {
		return err
	}
	data := h.output()
	secure, err := h.ours(ctx, securePort, nil, "--model", model, "--data", data)
	b.servers = append(b.servers, secure)
	if err != nil {
		return err
	}
	token, err := os.ReadFile(filepath.Join(data, "token"))
	if err != nil {
		return err
	}
	script, _, err := h.poster("secure", b.jsonBody, typeJSON, "Authorization: Bearer "+strings.TrimSpace(string(token)))
	if err != nil {
		return err
	}
	b.secure = &target{url: secure.url, script: script}
	config := filepath.Join(h.scratch, "cached.yaml")
	if err := os.WriteFile(config, []byte("caches: {m: {max_bytes: 64MiB}}\n"), 0o600); err != nil {
		return err
	}
	cached, err := h.ours(ctx, cachedPort, nil, "--model", model, "--config", config, "--insecure")
	b.servers = append(b.servers, cached)
	b.cached = &target{url: cached.url, script: b.json}
	return err
}

// sameOctets compares a binary answer with the one in JSON.
func (b *mlpBench) sameOctets(ctx context.Context, url string) error {
	answer, err := post(ctx, url, b.octetsBody, typeOctets, b.jsonLength)
	if err != nil {
		return err
	}
	if len(answer) < 4*len(b.want) {
		return fmt.Errorf("a binary answer of %d bytes: %q", len(answer), answer)
	}
	values := answer[len(answer)-4*len(b.want):]
	for i, want := range b.want {
		if got := float64(math.Float32frombits(binary.LittleEndian.Uint32(values[4*i:]))); math.Abs(got-want) > 1e-5 {
			return fmt.Errorf("class %d has probability %v in a binary answer, want %v", i, got, want)
		}
	}
	return nil
}

// targets returns all that is asked in a round.
func (b *mlpBench) targets() []*target {
	all := []*target{b.hello, b.bare, b.ours, b.binary, b.secure, b.cached, b.helloBody}
	if b.tritonBinary != nil {
		all = append(all, b.tritonBinary)
	}
	for _, r := range b.rivals {
		if r.target != nil {
			all = append(all, r.target)
		}
	}
	return all
}

// figures returns the rows of a number of connections.
func (b *mlpBench) figures(connections int) []bench.Figure {
	c := contest{"mlp 784-128-10, JSON", connections, marks{bare: .9, bareHello: .35}, b.hello, b.bare, b.ours}
	all := c.figures()
	at := fmt.Sprintf(", %d connection(s)", connections)
	name := c.name + at
	for _, r := range b.rivals {
		f := bench.Figure{Name: name + " beside " + r.title, Mark: r.markAt(connections)}
		all = append(all, r.beside(f, b.ours, r.target))
	}
	all = append(all, bench.Figure{
		Name: "mlp, binary V2" + at, Unit: perSecond, AtLeast: true, Samples: b.binary.rates(), Note: fmt.Sprintf("p50 %.0f µs, p99 %.0f µs", median(b.binary.halves()), b.binary.p99()),
	})
	for _, r := range b.rivals {
		if r.binary {
			f := bench.Figure{Name: "mlp, binary V2" + at + " beside " + r.title + ", binary"}
			if connections > 1 {
				f.Mark = 2.5
			}
			all = append(all, r.beside(f, b.binary, b.tritonBinary))
		}
	}
	return append(all,
		bench.Figure{
			Name: "mlp, JSON, TLS 1.3 and token" + at, Unit: perSecond, AtLeast: true, Samples: b.secure.rates(),
			Note: fmt.Sprintf("%.2f of plain HTTP; p50 %.0f µs", median(ratios(b.secure.rates(), b.ours.rates())), median(b.secure.halves())),
		},
		bench.Figure{
			Name: "mlp, JSON, cache hit" + at + " beside a word for the same body", Unit: times, AtLeast: true, Mark: .85, Samples: ratios(b.cached.rates(), b.helloBody.rates()),
			Note: fmt.Sprintf("%.0f requests/s beside %.0f; p50 %.0f µs beside %.0f µs", median(b.cached.rates()), median(b.helloBody.rates()), median(b.cached.halves()), median(b.helloBody.halves())),
		})
}

// beside fills in a row of ours beside a peer; of one that is not there it says why.
func (r *rivalServer) beside(f bench.Figure, ours, theirs *target) bench.Figure {
	f.Unit, f.AtLeast = times, true
	failed := r.failed
	if failed == nil && theirs != nil {
		failed = theirs.failed
	}
	if failed != nil || theirs == nil {
		f.Note = "not measured: " + oneLine(fmt.Sprint(failed))
		return f
	}
	f.Samples = ratios(ours.rates(), theirs.rates())
	f.Note = fmt.Sprintf("it %.0f requests/s, p50 %.0f µs; ours %.0f µs; %s", median(theirs.rates()), median(theirs.halves()), median(ours.halves()), r.of())
	return f
}

// oneLine makes a text fit into a cell of a table.
func oneLine(s string) string {
	s = strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "/")
	if len(s) > 200 {
		s = s[:200] + " …"
	}
	return s
}
