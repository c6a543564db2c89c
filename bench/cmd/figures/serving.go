package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"

	"scalar/bench"
)

// servingGroups are the figures of the prediction tier, of make bench-serving.
func servingGroups() []group {
	return []group{
		{"mlp", withWrk((*harness).servingMLP)},
		{"small", withWrk((*harness).servingSmall)},
		{"idle", withWrk((*harness).servingIdle)},
		{"reload", withWrk((*harness).servingReload)},
		{"slow", withWrk((*harness).servingSlow)},
		{"overload", withWrk((*harness).servingOverload)},
		{"tenants", withWrk((*harness).servingTenants)},
	}
}

type measure = func(*harness, context.Context) ([]bench.Figure, error)

// withWrk leaves a group out where there is no wrk.
func withWrk(m measure) measure {
	return func(h *harness, ctx context.Context) ([]bench.Figure, error) {
		if _, err := exec.LookPath("wrk"); errors.Is(err, exec.ErrNotFound) {
			h.skipped = append(h.skipped, "figures of serving: there is no wrk (apt-get install wrk)")
			return nil, nil
		}
		return m(h, ctx)
	}
}

// The ports of the servers; a peer has some of its own from its port on.
const (
	barePort   = 18131
	oursPort   = 18132
	securePort = 18133
	cachedPort = 18134
	peerPort   = 18140
)

const (
	inferPath = "/v2/models/m/infer"

	typeJSON   = "Content-Type: application/json"
	typeOctets = "Content-Type: application/octet-stream"
)

// row draws the numbers of a row.
func row(features int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, features)
	for i := range x {
		x[i] = float32(r.Float64() * 3)
	}
	return x
}

// appendRow writes numbers as an array, each in its shortest text.
func appendRow(b []byte, x []float32) []byte {
	b = append(b, '[')
	for i, v := range x {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, float64(v), 'g', -1, 32)
	}
	return append(b, ']')
}

// rowBody is a V2 request of one row.
func rowBody(x []float32) []byte {
	b := fmt.Appendf(nil, `{"inputs":[{"name":"input","shape":[1,%d],"datatype":"FP32","data":`, len(x))
	return append(appendRow(b, x), "}]}"...)
}

// binaryBody is a V2 request of one row with its numbers, and those of the answer, as bytes. It returns the length of the
// JSON too.
func binaryBody(x []float32) (body []byte, header int) {
	body = fmt.Appendf(nil, `{"inputs":[{"name":"input","shape":[1,%d],"datatype":"FP32","parameters":{"binary_data_size":%d}}],"outputs":[{"name":"probabilities","parameters":{"binary_data":true}}]}`, len(x), 4*len(x))
	header = len(body)
	for _, v := range x {
		body = binary.LittleEndian.AppendUint32(body, math.Float32bits(v))
	}
	return body, header
}

// modelOf trains a net on drawn rows and returns its folder.
func (h *harness) modelOf(ctx context.Context, features int, program ...string) (string, error) {
	rows, err := h.drawnRows(features)
	if err != nil {
		return "", err
	}
	return h.modelFrom(ctx, rows, program...)
}

// modelFrom trains a net on a file and returns its folder.
func (h *harness) modelFrom(ctx context.Context, rows string, program ...string) (string, error) {
	out := h.output()
	_, _, err := h.job(ctx, nil, append([]string{"job", "submit", "-o", "json", "--local", "--input", rows, "--output", out}, program...)...)
	return out, err
}

// mlpModel trains the net of most figures, 784-128-10.
func (h *harness) mlpModel(ctx context.Context, more ...string) (string, error) {
	return h.modelOf(ctx, 784, append([]string{"mlp", "--", "--hidden", "128", "--epochs", "1"}, more...)...)
}

// bare starts the bare server with a model.
func (h *harness) bareServer(ctx context.Context, folder string) (*served, error) {
	at := "127.0.0.1:" + strconv.Itoa(barePort)
	s := &served{name: "bare", url: "http://" + at + inferPath, ready: "http://" + at + "/hello"}
	return s, h.startServer(ctx, s, nil, filepath.Join(h.scratch, "bare"), folder, at)
}

// servingSmall measures requests of 4 numbers.
func (h *harness) servingSmall(ctx context.Context) (figures []bench.Figure, err error) {
	folder, err := h.modelOf(ctx, 4, "softmax", "--", "--epochs", "1")
	if err != nil {
		return nil, err
	}
	script, _, err := h.poster("small", rowBody(row(4)), typeJSON)
	if err != nil {
		return nil, err
	}
	bare, err := h.bareServer(ctx, folder)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	ours, err := h.ours(ctx, oursPort, nil, "--model", "m="+folder, "--insecure")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	for _, connections := range []int{1, 8, 64} {
		c := contest{
			name: "4 features, JSON", connections: connections, marks: marks{hello: .7},
			hello: &target{url: bare.ready}, bare: &target{url: bare.url, script: script}, ours: &target{url: ours.url, script: script},
		}
		if err := h.rounds(ctx, connections, c.hello, c.bare, c.ours); err != nil {
			return nil, err
		}
		figures = append(figures, c.figures()...)
	}
	return figures, nil
}

// marks are those of ours beside the bare server and beside a word, and of bare beside a word from 64 connections.
type marks struct{ bare, hello, bareHello float64 }

// A contest is a word, the bare server and ours, and what wrk saw of them.
type contest struct {
	name              string
	connections       int
	marks             marks
	hello, bare, ours *target
}

func (c contest) figures() []bench.Figure {
	name := fmt.Sprintf("%s, %d connection(s)", c.name, c.connections)
	floor := c.marks.bareHello
	if c.connections != 64 {
		floor = 0
	}
	return []bench.Figure{
		{Name: name, Unit: perSecond, AtLeast: true, Samples: c.ours.rates(), Note: fmt.Sprintf("p50 %.0f µs, p99 %.0f µs", median(c.ours.halves()), c.ours.p99())},
		{Name: name + " beside bare", Unit: times, AtLeast: true, Mark: c.marks.bare, Samples: ratios(c.ours.rates(), c.bare.rates()), Note: fmt.Sprintf("bare %.0f requests/s", median(c.bare.rates()))},
		{Name: name + ", p50 of bare beside ours", Unit: times, AtLeast: true, Mark: c.marks.bare, Samples: ratios(c.bare.halves(), c.ours.halves())},
		{Name: name + " beside a word (hello)", Unit: times, AtLeast: true, Mark: c.marks.hello, Samples: ratios(c.ours.rates(), c.hello.rates()), Note: fmt.Sprintf("hello %.0f requests/s", median(c.hello.rates()))},
		{Name: name + ", bare beside a word (hello)", Unit: times, AtLeast: true, Mark: floor, Samples: ratios(c.bare.rates(), c.hello.rates())},
	}
}

const (
	perSecond = "requests/s"
	times     = "times"
)

func median(x []float64) float64 { return bench.Figure{Samples: x}.Median() }
