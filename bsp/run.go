package bsp

import (
	"bytes"
	"context"
	"io"
	"sync"

	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// Result is what a job leaves behind.
type Result struct {
	Supersteps int               // completed barriers
	Counters   map[string]int64  // built-in ones (job.CounterMessages, …) and the program's own
	Output     []byte            // of all peers, in peer order
	Files      map[string][]byte // that were written by WriteFile, by name
}

// Run runs prog with n peers in this process and waits for all. It does not try
// again after an error, and takes no checkpoints. Without an error, the output is
// in the Result. If prog ignores ctx, Run waits for it all the same.
func Run[M any](ctx context.Context, n int, prog Program[M], opts ...Option) (Result, error) {
	if n < 1 || n > job.MaxPeers {
		return Result{}, job.Fail(job.FaultInput, "%d peers: there can be 1 to %d", n, job.MaxPeers)
	}
	parts := make([]bytes.Buffer, n)
	files := map[string][]byte{}
	var mu sync.Mutex // guards files
	done, err := RunTask(ctx, TaskConfig{
		Runner: NewRunner(prog, opts...),
		Start:  wire.TaskStart{Key: wire.TaskKey{Job: "run", Epoch: 1}, Name: "run", Ranges: []job.Range{{Lo: 0, Hi: n}}},
		Output: func(peer int) io.Writer { return &parts[peer] },
		File: func(_ int, name string, content []byte) error {
			mu.Lock()
			defer mu.Unlock()
			files[name] = bytes.Clone(content)
			return nil
		},
	})
	if err != nil {
		return Result{}, err
	}
	return Result{Supersteps: done.Supersteps, Counters: done.Counters, Output: joined(parts), Files: files}, nil
}

func joined(parts []bytes.Buffer) []byte {
	size := 0
	for i := range parts {
		size += parts[i].Len()
	}
	all := make([]byte, 0, size)
	for i := range parts {
		all = append(all, parts[i].Bytes()...)
	}
	return all
}
