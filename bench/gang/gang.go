// Package gang starts the processes of a measurement and lets them meet: the same
// command several times, each with a TCP listener on loopback and the addresses of
// all, as a groom does it for tasks.
//
//	Run ── exec ×N: listener on descriptor 3, orders on standard input
//	          └ Join ── Member ── Connect (bare) or Mesh (for a superstep.Group)
//
// It knows nothing of what is measured; task 0 prints the Result.
package gang

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"scalar/internal/netx"
	"scalar/internal/pki"
)

// member is the environment variable that makes a process part of a gang.
const member = "BENCH_GANG"

// name is the job's in the certificates.
const name = "bench"

// A Result is what task 0 prints: how long so many of the things measured took.
type Result struct {
	Seconds float64 `json:"seconds"`
	Count   float64 `json:"count"` // rounds, messages or bytes, of all tasks
}

// orders are what a process gets on standard input.
type orders struct {
	Task  int
	Addrs []string
	CA    []byte // with Pair: links are TLS; nil: plain
	Pair  pki.Pair
}

// Run starts exe with args as tasks processes and returns what task 0 printed when
// all have ended in order. The links are TLS under a CA of their own if secure.
func Run(ctx context.Context, exe string, tasks int, secure bool, args ...string) (Result, error) {
	var res Result
	all, files, err := meet(ctx, tasks, secure)
	defer func() {
		for _, f := range files {
			_ = f.Close() // a copy of a listener
		}
	}()
	if err != nil {
		return res, err
	}
	var out bytes.Buffer
	group, ctx := errgroup.WithContext(ctx)
	for i, o := range all {
		group.Go(func() error {
			in, err := json.Marshal(o)
			if err != nil {
				return err
			}
			var errs bytes.Buffer
			cmd := exec.CommandContext(ctx, exe, args...)
			cmd.Env = append(os.Environ(), member+"=1")
			cmd.Stdin, cmd.Stderr, cmd.ExtraFiles = bytes.NewReader(in), &errs, files[i:i+1]
			if i == 0 {
				cmd.Stdout = &out
			}
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("task %d of %s: %w: %s", i, strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return res, err
	}
	return res, json.Unmarshal(out.Bytes(), &res)
}

// meet opens the listeners and writes the orders.
func meet(ctx context.Context, tasks int, secure bool) (all []orders, files []*os.File, err error) {
	all = make([]orders, tasks)
	addrs := make([]string, tasks)
	var ca *pki.Attempt
	if secure {
		if ca, err = pki.NewAttempt(name, 0, time.Now()); err != nil {
			return nil, files, err
		}
	}
	for i := range all {
		all[i].Task, all[i].Addrs = i, addrs
		if secure {
			all[i].CA = ca.CertPEM()
			if all[i].Pair, err = ca.Task(i, "127.0.0.1"); err != nil {
				return nil, files, err
			}
		}
		f, addr, err := listen(ctx)
		if err != nil {
			return nil, files, err
		}
		addrs[i], files = addr, append(files, f)
	}
	return all, files, nil
}

// listen returns a listener as a file that a child can inherit.
func listen(ctx context.Context) (*os.File, string, error) {
	l, err := netx.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, "", fmt.Errorf("%T is no TCP listener", l)
	}
	f, err := tcp.File()
	return f, l.Addr().String(), errors.Join(err, l.Close())
}
