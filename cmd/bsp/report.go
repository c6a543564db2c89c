package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"scalar/bsp/client"
	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/fault"
	"scalar/cmd/bsp/internal/report"
)

// checkReport refuses a --report whose page could not be written in the end.
func checkReport(path string, detach bool) error {
	if path == "" {
		return nil
	}
	if detach {
		return fault.Usage("--report is made when the job has ended: leave out -d")
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fault.Usage("--report %s is a folder: name a file", path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return fault.Usage("--report %s: there is no folder %s", path, filepath.Dir(path))
	}
	return nil
}

// traced collects what the tasks of the last attempt tell.
type traced struct {
	attempt int
	tasks   map[int]*job.Trace
}

func (t *traced) take(attempt int, task *job.Trace) {
	if t.tasks == nil || attempt != t.attempt {
		t.attempt, t.tasks = attempt, map[int]*job.Trace{}
	}
	t.tasks[task.Task] = task
}

// list returns what the tasks of an attempt have told.
func (t *traced) list(attempt int) []*job.Trace {
	var all []*job.Trace
	if t.attempt == attempt {
		for _, task := range t.tasks {
			all = append(all, task)
		}
	}
	return all
}

// How long a cluster may take to bring what a job's tasks told to the store. Of a job
// that has not succeeded some tasks may have been killed before they could tell.
const (
	tracePause  = 100 * time.Millisecond
	traceWhole  = 5 * time.Second
	traceFailed = 2 * time.Second
)

// fetchTraces asks the masters until all tasks have told, or for so long.
func fetchTraces(ctx context.Context, c *client.Client, info job.Info) ([]*job.Trace, error) {
	limit := traceFailed
	if info.State == job.Succeeded {
		limit = traceWhole
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		var got traced
		err := c.Trace(ctx, info.ID, func(t *job.Trace) { got.take(info.Attempts, t) })
		if err == nil && len(got.tasks) >= info.Tasks {
			return got.list(info.Attempts), nil
		}
		select {
		case <-time.After(tracePause):
		case <-ctx.Done():
			return got.list(info.Attempts), ignoreEnd(err)
		}
	}
}

// ignoreEnd drops the error of a look that was cut short.
func ignoreEnd(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// report writes the page of a job that has ended. How the job ended is not changed by
// a page that cannot be made: that is told in one line.
func (a *app) report(path string, info job.Info, traces []*job.Trace, err error) {
	if path == "" {
		return
	}
	var b bytes.Buffer
	if err == nil {
		err = report.Write(&b, info, traces)
	}
	if err == nil {
		err = os.WriteFile(path, b.Bytes(), 0o644) //nolint:gosec // for whoever may read the folder
	}
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		fmt.Fprintf(a.stderr, "bsp: no report in %s: %v\n", path, err) //nolint:errcheck // nobody to tell
		return
	}
	fmt.Fprintf(a.stderr, "report in %s\n", path) //nolint:errcheck // nobody to tell
}
