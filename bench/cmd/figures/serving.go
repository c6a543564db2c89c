package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"scalar/bench"
)

// servingGroups are the figures of the prediction tier, of make bench-serving.
func servingGroups() []group {
	return []group{
		{"json", (*harness).servingJSON},
		{"small", (*harness).servingSmall},
	}
}

// A served is a server under load.
type served struct {
	name string
	cmd  *exec.Cmd
	url  string // of the predictions
	get  string // of a word, for hello
}

// start runs a server and waits until a URL answers 200.
func startServer(ctx context.Context, s *served, ready, exe string, args ...string) error {
	s.cmd = exec.CommandContext(ctx, exe, args...)
	s.cmd.Env = plainEnv()
	s.cmd.Stdout, s.cmd.Stderr = io.Discard, io.Discard
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for start := time.Now(); time.Since(start) < 30*time.Second; time.Sleep(5 * time.Millisecond) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, ready, http.NoBody)
		if err != nil {
			return err
		}
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		if err := r.Body.Close(); err != nil {
			return err
		}
		if r.StatusCode == http.StatusOK {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("%s does not answer at %s", s.name, ready), s.stop())
}

func (s *served) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	_ = s.cmd.Wait() // bare ends by the signal
	return nil
}

// A load is what wrk saw.
type load struct {
	perSecond float64
	p50, p99  float64 // µs
}

var (
	wrkRate    = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkLatency = regexp.MustCompile(`(?m)^\s+(50|99)%\s+([0-9.]+)(us|ms|s)$`)
	wrkBad     = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)|Socket errors: .*`)
)

// wrk loads a URL from so many connections for some seconds; with a script it posts.
func wrk(ctx context.Context, url, script string, connections int) (l load, err error) {
	args := []string{"-t", "1", "-c", strconv.Itoa(connections), "-d", "3s", "--latency"}
	if script != "" {
		args = append(args, "-s", script)
	}
	out, err := exec.CommandContext(ctx, "wrk", append(args, url)...).CombinedOutput()
	if err != nil {
		return l, fmt.Errorf("wrk %s: %w: %s", url, err, out)
	}
	if bad := wrkBad.Find(out); bad != nil {
		return l, fmt.Errorf("wrk %s: %s", url, bad)
	}
	m := wrkRate.FindSubmatch(out)
	if m == nil {
		return l, fmt.Errorf("wrk %s: %s", url, out)
	}
	if l.perSecond, err = strconv.ParseFloat(string(m[1]), 64); err != nil {
		return l, err
	}
	for _, m := range wrkLatency.FindAllSubmatch(out, -1) {
		x, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return l, err
		}
		x *= map[string]float64{"us": 1, "ms": 1e3, "s": 1e6}[string(m[3])]
		if string(m[1]) == "50" {
			l.p50 = x
		} else {
			l.p99 = x
		}
	}
	return l, nil
}

// poster writes a script of wrk that posts a body, and returns its path.
func (h *harness) poster(name string, body []byte, contentType string) (string, error) {
	data, script := filepath.Join(h.scratch, name+".body"), filepath.Join(h.scratch, name+".lua")
	if err := os.WriteFile(data, body, 0o600); err != nil {
		return "", err
	}
	text := fmt.Sprintf("wrk.method = \"POST\"\nlocal f = io.open(%q, \"rb\")\nwrk.body = f:read(\"*a\")\nwrk.headers[\"Content-Type\"] = %q\n", data, contentType)
	return script, os.WriteFile(script, []byte(text), 0o600)
}

// rowBody is a V2 request of one row of so many numbers, in their shortest text.
func rowBody(features int, most float64) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := fmt.Appendf(nil, `{"inputs":[{"name":"input","shape":[1,%d],"datatype":"FP32","data":[`, features)
	for i := range features {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, float64(float32(r.Float64()*most)), 'g', -1, 32)
	}
	return append(b, "]}]}"...)
}

// modelOf trains a net on drawn rows and returns its folder.
func (h *harness) modelOf(ctx context.Context, features int, program ...string) (string, error) {
	rows, err := h.drawnRows(features)
	if err != nil {
		return "", err
	}
	out := h.output()
	_, _, err = h.job(ctx, nil, append([]string{"job", "submit", "-o", "json", "--local", "--input", rows, "--output", out}, program...)...)
	return out, err
}

// servingJSON measures requests of 784 numbers in JSON, beside the bare server and a word.
func (h *harness) servingJSON(ctx context.Context) ([]bench.Figure, error) {
	return h.servingOf(ctx, 784, []string{"mlp", "--", "--hidden", "128", "--epochs", "1"}, "mlp 784-128-10, JSON", [2]float64{.9, 0})
}

// servingSmall measures requests of 4 numbers.
func (h *harness) servingSmall(ctx context.Context) ([]bench.Figure, error) {
	return h.servingOf(ctx, 4, []string{"softmax", "--", "--epochs", "1"}, "4 features, JSON", [2]float64{0, .7})
}

func (h *harness) servingOf(ctx context.Context, features int, program []string, name string, marks [2]float64) (figures []bench.Figure, err error) {
	if _, err := exec.LookPath("wrk"); err != nil {
		h.skipped = append(h.skipped, "all of serving: there is no wrk (apt-get install wrk)")
		return nil, nil
	}
	folder, err := h.modelOf(ctx, features, program...)
	if err != nil {
		return nil, err
	}
	script, err := h.poster(strconv.Itoa(features), rowBody(features, 3), "application/json")
	if err != nil {
		return nil, err
	}
	bare := &served{name: "bare", url: "http://127.0.0.1:18131/v2/models/m/infer", get: "http://127.0.0.1:18131/hello"}
	ours := &served{name: "bsp serve", url: "http://127.0.0.1:18132/v2/models/m/infer"}
	if err := startServer(ctx, bare, bare.get, filepath.Join(h.scratch, "bare"), folder, "127.0.0.1:18131"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	if err := startServer(ctx, ours, "http://127.0.0.1:18132/v2/health/ready", h.bsp, "serve", "--model", "m="+folder, "--listen", "127.0.0.1:18132", "--insecure"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	for _, connections := range []int{1, 8, 64} {
		f, err := h.servingAt(ctx, duel{name, bare, ours, script, marks}, connections)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f...)
	}
	return figures, nil
}

// A duel is a word, the bare server and ours, and what is asked of them.
type duel struct {
	name       string
	bare, ours *served
	script     string
	marks      [2]float64 // of ours beside bare, and beside a word
}

// servingAt loads the servers in turn from so many connections.
func (h *harness) servingAt(ctx context.Context, d duel, connections int) ([]bench.Figure, error) {
	bare, ours, script, name, marks := d.bare, d.ours, d.script, d.name, d.marks
	var word, least, full []load
	turn := func(into *[]load, url, script string) func(keep bool) error {
		return func(keep bool) error {
			l, err := wrk(ctx, url, script, connections)
			if err == nil && keep {
				*into = append(*into, l)
			}
			return err
		}
	}
	if err := h.turns(turn(&word, bare.get, ""), turn(&least, bare.url, script), turn(&full, ours.url, script)); err != nil {
		return nil, err
	}
	name = fmt.Sprintf("%s, %d connection(s)", name, connections)
	rate := func(l []load) (all []float64) {
		for _, x := range l {
			all = append(all, x.perSecond)
		}
		return all
	}
	half := func(l []load) (all []float64) {
		for _, x := range l {
			all = append(all, x.p50)
		}
		return all
	}
	bareMark := 0.0
	if connections == 64 && marks[0] > 0 {
		bareMark = .35
	}
	return []bench.Figure{
		{Name: name, Unit: "requests/s", AtLeast: true, Samples: rate(full), Note: fmt.Sprintf("p50 %.0f µs, p99 %.0f µs", median(half(full)), p99(full))},
		{Name: name + " beside bare", Unit: "times", AtLeast: true, Mark: marks[0], Samples: ratios(rate(full), rate(least)), Note: fmt.Sprintf("bare %.0f requests/s", median(rate(least)))},
		{Name: name + ", p50 of bare beside ours", Unit: "times", AtLeast: true, Mark: marks[0], Samples: ratios(half(least), half(full))},
		{Name: name + " beside a word (hello)", Unit: "times", AtLeast: true, Mark: marks[1], Samples: ratios(rate(full), rate(word)), Note: fmt.Sprintf("hello %.0f requests/s", median(rate(word)))},
		{Name: name + ", bare beside a word (hello)", Unit: "times", AtLeast: true, Mark: bareMark, Samples: ratios(rate(least), rate(word))},
	}, nil
}

func median(x []float64) float64 { return bench.Figure{Samples: x}.Median() }

func p99(l []load) float64 {
	worst := math.Inf(1)
	for _, x := range l {
		worst = min(worst, x.p99)
	}
	return worst
}
