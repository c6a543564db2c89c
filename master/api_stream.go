package master

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"scalar/bsp/job"
)

// sign is how often a silent stream sends an empty line, so that a dead client
// and a dead master are both noticed.
const sign = 5 * time.Second

// streaming returns a context that ends with the client, with the leadership and
// with the master.
func (a *api) streaming(ctx context.Context, c *call) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() { // ends with ctx, which the handler cancels
		select {
		case <-c.lost:
		case <-a.ended:
		case <-ctx.Done():
		}
		cancel()
	}()
	return ctx, cancel
}

// watch sends job.Info as a line of JSON at once and at every change, until the
// job has ended.
func (a *api) watch(ctx context.Context, c *call) (reply, error) {
	f, err := a.find(ctx, c)
	if err != nil {
		return reply{}, err
	}
	ctx, cancel := a.streaming(ctx, c)
	defer cancel()
	c.w.Header().Set("Content-Type", "application/x-ndjson")
	c.w.Header().Set("Cache-Control", "no-store")
	if f.archived != nil {
		return reply{}, a.lastLine(ctx, c, f)
	}
	alive := time.NewTicker(sign)
	defer alive.Stop()
	changes := a.control.Watch(ctx, f.info.ID)
	for {
		select {
		case info, more := <-changes:
			if !more {
				return reply{}, errAborted
			}
			if info.State.Final() {
				return reply{}, a.lastLine(ctx, c, found{info: info})
			}
			if err := sendLine(c, info); err != nil {
				return reply{}, fmt.Errorf("%w: %w", errAborted, err)
			}
		case <-alive.C:
			if err := c.w.piece([]byte("\n")); err != nil {
				return reply{}, fmt.Errorf("%w: %w", errAborted, err)
			}
		case <-ctx.Done():
			return reply{}, errAborted
		}
	}
}

// lastLine sends a job that has ended, with its result.
func (a *api) lastLine(ctx context.Context, c *call, f found) error {
	if err := a.fillResult(ctx, &f); err != nil {
		a.log.Warn("watch", "job", f.info.ID, "error", err)
	}
	if err := sendLine(c, f.info); err != nil {
		return fmt.Errorf("%w: %w", errAborted, err)
	}
	return nil
}

func sendLine(c *call, info job.Info) error {
	b, err := json.Marshal(info)
	if err != nil {
		return err
	}
	return c.w.piece(append(b, '\n'))
}

// logs sends the output of one task, or of all with "task N: " before each line.
func (a *api) logs(ctx context.Context, c *call) (reply, error) {
	f, err := a.find(ctx, c)
	if err != nil {
		return reply{}, err
	}
	ask, err := logQuery(c.r, f.info)
	if err != nil {
		return reply{}, err
	}
	ctx, cancel := a.streaming(ctx, c)
	defer cancel()
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.w.Header().Set("Cache-Control", "no-store")
	if err := a.copyLogs(ctx, f, ask, c.w.piece); err != nil {
		if c.w.status == 0 {
			return reply{}, err
		}
		return reply{}, fmt.Errorf("%w: %w", errAborted, err)
	}
	if c.w.status == 0 {
		c.w.WriteHeader(http.StatusOK)
	}
	return reply{}, nil
}

// logQuery reads task and follow.
func logQuery(r *http.Request, info job.Info) (logAsk, error) {
	ask := logAsk{task: -1}
	var err error
	q := r.URL.Query()
	if s := q.Get("task"); s != "" {
		ask.task, err = strconv.Atoi(s)
		if err != nil || ask.task < 0 || ask.task >= max(1, info.Tasks) {
			return ask, fail(http.StatusBadRequest, "task %q: job %s has tasks 0 to %d", s, info.ID, max(0, info.Tasks-1))
		}
	}
	if s := q.Get("follow"); s != "" {
		if ask.follow, err = strconv.ParseBool(s); err != nil {
			return ask, fail(http.StatusBadRequest, "follow %q: use true or false", s)
		}
	}
	return ask, nil
}
