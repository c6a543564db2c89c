package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A load is what wrk saw.
type load struct {
	perSecond float64
	p50, p99  float64 // µs
}

var (
	wrkRate    = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkLatency = regexp.MustCompile(`(?m)^\s+(50|99)%\s+([0-9.]+)(us|ms|s|m)$`)
	wrkBad     = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)|Socket errors: .*`)
)

// wrk loads a target from so many connections for some seconds; with a script it posts. With a core it runs there.
func wrk(ctx context.Context, t target, connections, seconds int, core ...int) (l load, err error) {
	command := []string{"wrk", "-t", "1", "-c", strconv.Itoa(connections), "-d", fmt.Sprintf("%ds", seconds), "--timeout", "20s", "--latency"}
	if t.script != "" {
		command = append(command, "-s", t.script)
	}
	for _, c := range core {
		command = onCore(c, command[0], command[1:]...)
	}
	command = append(command, t.url)
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	if err != nil {
		return l, fmt.Errorf("wrk %s: %w: %s", t.url, err, out)
	}
	if bad := wrkBad.Find(out); bad != nil {
		return l, fmt.Errorf("wrk %s: %s", t.url, bad)
	}
	m := wrkRate.FindSubmatch(out)
	if m == nil {
		return l, fmt.Errorf("wrk %s: %s", t.url, out)
	}
	if l.perSecond, err = strconv.ParseFloat(string(m[1]), 64); err != nil {
		return l, err
	}
	for _, m := range wrkLatency.FindAllSubmatch(out, -1) {
		x, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return l, err
		}
		x *= map[string]float64{"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6}[string(m[3])]
		if string(m[1]) == "50" {
			l.p50 = x
		} else {
			l.p99 = x
		}
	}
	return l, nil
}

// poster writes a script of wrk that posts a body with headers NAME: VALUE, and returns its path and the body's.
func (h *harness) poster(name string, body []byte, headers ...string) (script, data string, err error) {
	data, script = filepath.Join(h.scratch, name+".body"), filepath.Join(h.scratch, name+".lua")
	if err := os.WriteFile(data, body, 0o600); err != nil {
		return "", "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "wrk.method = \"POST\"\nlocal f = io.open(%q, \"rb\")\nwrk.body = f:read(\"*a\")\n", data)
	for _, h := range headers {
		key, value, _ := strings.Cut(h, ": ")
		fmt.Fprintf(&text, "wrk.headers[%q] = %q\n", key, value)
	}
	return script, data, os.WriteFile(script, []byte(text.String()), 0o600)
}

// A target is what wrk asks in turn with others.
type target struct {
	url, script string
	peer        bool // what goes wrong with it is a row, and ends nothing

	loads  []load // of a round each
	turns  []load // of the round that runs
	failed error
}

func (t *target) rates() (all []float64) {
	for _, l := range t.loads {
		all = append(all, l.perSecond)
	}
	return all
}

func (t *target) halves() (all []float64) {
	for _, l := range t.loads {
		all = append(all, l.p50)
	}
	return all
}

func (t *target) p99() float64 {
	all := make([]float64, 0, len(t.loads))
	for _, l := range t.loads {
		all = append(all, l.p99)
	}
	return median(all)
}

// passes is how often a round asks each target, for a second.
const passes = 3

// rounds asks the targets in turn from so many connections, a round more than is kept. A machine may be half as fast for some seconds, since
// somebody else has it: turns are short, and go there and back, so that this happens to neighbours alike.
func (h *harness) rounds(ctx context.Context, connections int, targets ...*target) error {
	for _, t := range targets {
		t.loads = nil
	}
	for run := range h.runs + 1 {
		if err := round(ctx, connections, targets); err != nil {
			return err
		}
		for _, t := range targets {
			if run > 0 && t.failed == nil {
				t.loads = append(t.loads, mean(t.turns))
			}
			t.turns = nil
		}
	}
	return nil
}

// round asks them in turn, there and back.
func round(ctx context.Context, connections int, targets []*target) error {
	for pass := range passes {
		for i := range targets {
			t := targets[i]
			if pass%2 == 1 {
				t = targets[len(targets)-1-i]
			}
			if t.failed != nil {
				continue // its row says so
			}
			l, err := wrk(ctx, *t, connections, 1)
			switch {
			case err != nil && t.peer && ctx.Err() == nil:
				t.failed = err
			case err != nil:
				return err
			default:
				t.turns = append(t.turns, l)
			}
		}
	}
	return nil
}

// mean returns the mean of turns that were equally long.
func mean(turns []load) (m load) {
	n := float64(len(turns))
	for _, l := range turns {
		m.perSecond += l.perSecond / n
		m.p50 += l.p50 / n
		m.p99 += l.p99 / n
	}
	return m
}
