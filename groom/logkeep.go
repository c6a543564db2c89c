package groom

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// keepLogs brings the logs of orphaned tasks to the store, and removes local logs
// after their time, or when there are too many of them.
func (n *node) keepLogs(ctx context.Context, orphans []wire.TaskKey) {
	for _, key := range orphans {
		n.keepLog(ctx, key)
	}
	tick := time.NewTicker(min(time.Minute, max(n.cfg.LogKeep/4, time.Millisecond)))
	defer tick.Stop()
	for {
		n.expireLogs(time.Now().Add(-n.cfg.LogKeep), n.cfg.LogBytes)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// oldLog is a file of a job's log that nobody writes to any more.
type oldLog struct {
	path    string
	written time.Time
	size    int64
}

// expireLogs removes log files that nobody has written to since oldest, of the rest
// the oldest until at most keep bytes are left, and the folders that are empty then.
// What cannot be removed is tried again next time.
func (n *node) expireLogs(oldest time.Time, keep int64) {
	files, folders := n.oldLogs()
	var total int64
	for _, f := range files {
		total += f.size
	}
	for _, f := range files {
		if f.written.Before(oldest) || total > keep {
			_ = os.Remove(f.path)
			total -= f.size
		}
	}
	for _, dir := range folders {
		if info, err := os.Stat(dir); err == nil && info.ModTime().Before(oldest) {
			_ = os.Remove(dir) // stays while a file is in it
		}
	}
}

// oldLogs returns the logs of jobs that have no tasks here, the oldest first, and the
// folders that they are in.
func (n *node) oldLogs() (files []oldLog, folders []string) {
	jobs, err := os.ReadDir(n.dir.logs())
	if err != nil {
		n.log.Warn("logs are not cleaned up", "error", err)
		return nil, nil
	}
	live := n.table.Jobs()
	for _, j := range jobs {
		dir := filepath.Join(n.dir.logs(), j.Name())
		entries, err := os.ReadDir(dir)
		if err != nil || live[job.ID(j.Name())] {
			continue
		}
		folders = append(folders, dir)
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				files = append(files, oldLog{filepath.Join(dir, e.Name()), info.ModTime(), info.Size()})
			}
		}
	}
	slices.SortFunc(files, func(a, b oldLog) int { return a.written.Compare(b.written) })
	return files, folders
}
