package bsp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/wire"
)

type celsius float32

func (c celsius) String() string { return fmt.Sprintf("%g°", float32(c)) }

func TestAppendValue(t *testing.T) {
	for _, row := range []struct {
		v    any
		want string
	}{
		{"a b", "a b"},
		{[]byte("xy"), "xy"},
		{7, "7"},
		{int64(math.MinInt64), "-9223372036854775808"},
		{uint64(math.MaxUint64), "18446744073709551615"},
		{int32(-1), "-1"},
		{uint32(5), "5"},
		{int8(3), "3"},
		{0.1, "0.1"},
		{1e-5, "1e-05"},
		{float32(0.1), "0.1"},
		{math.Inf(1), "+Inf"},
		{true, "true"},
		{nil, ""},
		{celsius(21.5), "21.5°"},
		{[]int{1, 2}, "[1 2]"},
		{time.Second, "1s"},
		{errors.New("e"), "e"},
	} {
		if got := string(bsp.AppendValue(nil, row.v)); got != row.want {
			t.Errorf("%#v is %q, want %q", row.v, got, row.want)
		}
	}
	for _, f := range []float64{0.1, 1. / 3, math.MaxFloat64, math.SmallestNonzeroFloat64, 1e21, 123456789} {
		if got, err := strconv.ParseFloat(string(bsp.AppendValue(nil, f)), 64); err != nil || got != f {
			t.Errorf("%v came back as %v", f, got)
		}
	}
}

// Emit writes what Write does.
func TestEmit(t *testing.T) {
	type name string
	type small int8
	prog := func(_ context.Context, p *bsp.Peer[int]) error {
		bsp.Emit(p, name("n"), small(-3))
		bsp.Emit(p, uint16(7), float32(0.1))
		bsp.Emit(p, math.MaxUint32, 1./3)
		p.Write(math.MaxUint32, 1./3)
		return nil
	}
	r, err := bsp.Run(t.Context(), 1, prog)
	if want := "n\t-3\n7\t0.1\n4294967295\t0.3333333333333333\n4294967295\t0.3333333333333333\n"; err != nil || string(r.Output) != want {
		t.Errorf("%q, %v", r.Output, err)
	}
}

// failing is a disk that is full after some bytes.
type failing struct{ left int }

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errors.New("disk full")
	}
	return len(b), nil
}

// An error of the output comes back from Sync, or ends the job in the end.
func TestOutputError(t *testing.T) {
	for _, sync := range []bool{true, false} {
		steps := 0
		prog := func(ctx context.Context, p *bsp.Peer[int]) error {
			for range 100 {
				p.Write("key", "value")
				if sync {
					if err := p.Sync(ctx); err != nil {
						return err
					}
				}
				steps++
			}
			return nil
		}
		_, err := bsp.RunTask(t.Context(), bsp.TaskConfig{
			Runner: bsp.NewRunner(prog), Start: wire.TaskStart{Key: wire.TaskKey{Job: "out-1", Epoch: 1}, Ranges: []job.Range{{Hi: 1}}},
			Output: func(int) io.Writer { return &failing{left: 100} },
		})
		f, ok := errors.AsType[*job.Failure](err)
		if !ok || f.Kind != job.FaultOutput || !strings.Contains(f.Message, "disk full") || (steps < 20) != sync {
			t.Errorf("sync %v: after %d steps %#v", sync, steps, err)
		}
	}
}

func TestLocalMain(t *testing.T) {
	r := bsp.NewRunner(ring)
	run := func(args ...string) (code int, stdout, stderr string) {
		var out, err bytes.Buffer
		code = bsp.LocalMain(r, append([]string{"/bin/ring"}, args...), &out, &err)
		return code, out.String(), err.String()
	}
	code, out, _ := run("--peers", "3", "--", "10")
	if code != 0 || strings.Count(out, "sum\t") != 3 {
		t.Errorf("%d, %q", code, out)
	}
	code, out, _ = run("--peers", "2", "-o", "json", "--", "10")
	var info job.Info
	if err := json.Unmarshal([]byte(out), &info); err != nil || code != 0 || info.Supersteps != 10 || info.ID != "ring-local" || !strings.Contains(info.Result, "sum") {
		t.Errorf("%d, %s, %v", code, out, err)
	}
	dir := t.TempDir() + "/out"
	if code, out, errs := run("--output", dir, "--", "10"); code != 0 || out != "" {
		t.Errorf("%d, %q, %q", code, out, errs)
	}
	if code, _, errs := run("--output", dir, "--", "10"); code != job.ExitUsage || !strings.Contains(errs, "exists") {
		t.Errorf("%d, %q", code, errs)
	}
	for _, args := range [][]string{{"--bogus"}, {"-o", "yaml"}, {"10"}, {"--peers", "0x"}, {"--timeout", "-1s"}, {"--peers", "-1"}} {
		if code, out, errs := run(args...); code != job.ExitUsage || out != "" && args[0] != "--peers" || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: %d, %q, %q", args, code, out, errs)
		}
	}
	if code, _, errs := run("-h"); code != 0 || !strings.Contains(errs, "-checkpoint-every") {
		t.Errorf("help: %d, %q", code, errs)
	}
	if code, _, errs := run("--input", "missing.txt"); code != job.ExitNotFound || !strings.Contains(errs, "missing.txt") {
		t.Errorf("missing input: %d, %q", code, errs)
	}
	if code, _, _ := run("--timeout", "50ms", "--", "1000000", "1"); code != job.ExitTimedOut {
		t.Errorf("timeout: %d", code)
	}
}

// Log and the program's standard error are one stream with the peer's number.
func TestLog(t *testing.T) {
	var log bytes.Buffer
	prog := func(_ context.Context, p *bsp.Peer[int]) error {
		p.Log().Info("hello", "args", p.Args())
		p.Write(p.Host(0), p.String())
		return nil
	}
	info, out, err := bsp.RunLocal(t.Context(), bsp.NewRunner(prog), bsp.LocalConfig{Spec: job.Spec{Peers: 1, Args: []string{"x"}}, Stderr: &log})
	host, _ := os.Hostname()
	if err != nil || !strings.Contains(log.String(), "msg=hello peer=0 args=[x]") || string(out) != host+"\tpeer 0 of 1\n" || info.Program != "job" {
		t.Errorf("%+v, %q, %q, %v", info, out, log.String(), err)
	}
}
