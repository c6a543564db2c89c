package groom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/storage"
)

// traced takes what a task tells of its supersteps, once and only if it was asked.
func (c *conversation) traced(t *job.Trace) {
	switch {
	case !c.task.Order.Start.Trace || c.trace != nil:
	case !t.Valid(c.key.Task, c.task.Range()):
		c.log.Warn("what the task tells of its supersteps cannot be: its report is dropped")
	default:
		c.trace = t
	}
}

// keepTrace brings what a task has told of its supersteps to the store, where the
// masters find it beside the task's log.
func (n *node) keepTrace(ctx context.Context, key wire.TaskKey, t *job.Trace) {
	if err := n.storeTrace(ctx, key, t); err != nil {
		n.log.Warn("a task's share of its job's report is lost", "job", key.Job, "task", key.Task, "error", err)
	}
}

// storeTrace writes <store>/logs/<job>/<epoch>-<task>.trace.
func (n *node) storeTrace(ctx context.Context, key wire.TaskKey, t *job.Trace) error {
	ctx, cancel := graceful(ctx, storeGrace, storeTimeout)
	defer cancel()
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	fsys, url, err := storage.Resolve(storeURL(n.cfg.Store, "logs", string(key.Job), fmt.Sprintf("%d-%d.trace", key.Epoch, key.Task)))
	if err != nil {
		return err
	}
	w, err := fsys.Create(ctx, url)
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return errors.Join(err, w.Abort())
	}
	if err := w.Commit(); err != nil {
		return err
	}
	return restrict(n.cfg.Store, url)
}
