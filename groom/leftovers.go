package groom

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// clean removes what an incarnation that was killed left behind: processes,
// cgroups and folders of its tasks. It returns the tasks, whose logs did not
// reach the store.
func (n *node) clean(ctx context.Context) ([]wire.TaskKey, error) {
	limit, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	all := marked(n.dir.tasks())
	found := len(processes(all))
	for _, name := range n.cgroups.names() {
		group := n.cgroups.existing(name)
		found = max(found, len(group.pids()))
		err := killAll(limit, group, all)
		if err == nil {
			err = group.remove(limit)
		}
		if err != nil {
			return nil, fmt.Errorf("clean up after task %s of an earlier run: %w", name, err)
		}
	}
	if err := killAll(limit, &taskGroup{}, all); err != nil {
		return nil, fmt.Errorf("clean up after tasks of an earlier run: %w", err)
	}
	folders, err := os.ReadDir(n.dir.tasks())
	if err != nil {
		return nil, fmt.Errorf("tasks of an earlier run: %w", err)
	}
	var keys []wire.TaskKey
	for _, f := range folders {
		if err := removeFolder(filepath.Join(n.dir.tasks(), f.Name())); err != nil {
			return nil, fmt.Errorf("clean up after a task of an earlier run: %w", err)
		}
		if key, ok := parseTaskName(f.Name()); ok {
			keys = append(keys, key)
		}
	}
	if len(folders) > 0 || found > 0 {
		n.log.Info("removed what an earlier run left", "tasks", len(folders), "processes", found)
	}
	return keys, nil
}

// parseTaskName is the inverse of taskName.
func parseTaskName(name string) (wire.TaskKey, bool) {
	parts := strings.Split(name, "-")
	if len(parts) < 3 {
		return wire.TaskKey{}, false
	}
	last := len(parts) - 1
	task, err := strconv.ParseUint(parts[last], 10, 31)
	if err != nil {
		return wire.TaskKey{}, false
	}
	epoch, err := strconv.ParseUint(parts[last-1], 10, 32)
	if err != nil {
		return wire.TaskKey{}, false
	}
	id := job.ID(strings.Join(parts[:last-1], "-"))
	return wire.TaskKey{Job: id, Epoch: job.Epoch(epoch), Task: int(task)}, safeID(id)
}

// keepLogs brings the logs of orphaned tasks to the store, and removes local logs
// after their time.
func (n *node) keepLogs(ctx context.Context, orphans []wire.TaskKey) {
	for _, key := range orphans {
		if err := n.storeLog(ctx, key); err != nil {
			n.log.Warn("the log of a task of an earlier run is on this node only", "file", logPath(n.dir.logs(), key), "error", err)
		}
	}
	hourly := time.NewTicker(min(time.Hour, max(n.cfg.LogKeep/4, time.Millisecond)))
	defer hourly.Stop()
	for {
		n.expireLogs(time.Now().Add(-n.cfg.LogKeep))
		select {
		case <-hourly.C:
		case <-ctx.Done():
			return
		}
	}
}

// expireLogs removes log files that nobody has written to since oldest, and the
// folders that are empty then. What cannot be removed is tried again next time.
func (n *node) expireLogs(oldest time.Time) {
	jobs, err := os.ReadDir(n.dir.logs())
	if err != nil {
		n.log.Warn("logs are not cleaned up", "error", err)
		return
	}
	live := n.table.jobs()
	for _, j := range jobs {
		dir := filepath.Join(n.dir.logs(), j.Name())
		files, err := os.ReadDir(dir)
		if err != nil || live[job.ID(j.Name())] {
			continue
		}
		for _, f := range files {
			if info, err := f.Info(); err == nil && info.ModTime().Before(oldest) {
				_ = os.Remove(filepath.Join(dir, f.Name()))
			}
		}
		if info, err := j.Info(); err == nil && info.ModTime().Before(oldest) {
			_ = os.Remove(dir) // stays while a file is in it
		}
	}
}
