package master

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"

	"scalar/bsp/job"
	"scalar/storage"
)

// trace sends what the tasks of a job's last attempt have told of their supersteps, a
// line of JSON each. Grooms bring it to the store soon after a task's end.
func (a *api) trace(ctx context.Context, c *call) (reply, error) {
	f, err := a.find(ctx, c)
	if err != nil {
		return reply{}, err
	}
	epoch, tasks := attemptOf(a, f)
	ctx, cancel := a.streaming(ctx, c)
	defer cancel()
	c.w.Header().Set("Content-Type", "application/x-ndjson")
	c.w.Header().Set("Cache-Control", "no-store")
	for task, peers := range tasks {
		url := fmt.Sprintf("%s/logs/%s/%d-%d.trace", a.cfg.Store, f.info.ID, epoch, task)
		line, err := look(ctx, a.archives.aside, func(ctx context.Context) ([]byte, error) { return readTrace(ctx, url, task, peers) })
		switch {
		case errors.Is(err, fs.ErrNotExist): // not yet, or never
			continue
		case err == nil:
			err = c.w.piece(append(line, '\n'))
		}
		if err != nil {
			if c.w.status == 0 {
				return reply{}, fmt.Errorf("trace of task %d: %w", task, err)
			}
			return reply{}, fmt.Errorf("%w: %w", errAborted, err)
		}
	}
	if c.w.status == 0 {
		c.w.WriteHeader(http.StatusOK)
	}
	return reply{}, nil
}

// attemptOf returns a job's last attempt and the peers of its tasks.
func attemptOf(a *api, f found) (job.Epoch, []job.Range) {
	var tasks []job.Range
	if f.archived != nil {
		for _, p := range f.archived.Info.Placement {
			tasks = append(tasks, p.Peers)
		}
		return job.Epoch(max(0, f.archived.Info.Attempts)), tasks
	}
	j, known := a.node.State().Job(f.info.ID)
	if !known {
		return 0, nil
	}
	for _, t := range j.Tasks {
		tasks = append(tasks, t.Peers)
	}
	return j.Epoch, tasks
}

// readTrace reads a task's file, which whoever may write to the store has written.
func readTrace(ctx context.Context, url string, task int, peers job.Range) ([]byte, error) {
	files, path, err := storage.Resolve(url)
	if err != nil {
		return nil, err
	}
	r, err := files.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // only read
	if r.Size() > job.MaxTraceFile {
		return nil, fmt.Errorf("%s: %d bytes, at most %d", url, r.Size(), job.MaxTraceFile)
	}
	b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil {
		return nil, err
	}
	var t job.Trace
	if err := json.Unmarshal(b, &t); err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	if !t.Valid(task, peers) {
		return nil, fmt.Errorf("%s is no trace of task %d", url, task)
	}
	return json.Marshal(t)
}
