package groom

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// clean removes what an incarnation that was killed left behind: processes,
// cgroups and folders of its tasks. It returns the tasks, whose logs did not
// reach the store. What resists is told and left: a process that hangs in the
// kernel, or a folder that something is mounted on, is no reason not to run others.
func (n *node) clean(ctx context.Context) []wire.TaskKey {
	limit, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	resists := func(what string, err error) {
		n.log.Warn("something of a task of an earlier run stays", "what", what, "error", err)
	}
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
			resists("cgroup "+name, err)
		}
	}
	if err := killAll(limit, &taskGroup{}, all); err != nil {
		resists("processes", err)
	}
	folders, err := os.ReadDir(n.dir.tasks())
	if err != nil {
		resists("folders", err)
	}
	var keys []wire.TaskKey
	for _, f := range folders {
		if err := removeFolder(filepath.Join(n.dir.tasks(), f.Name())); err != nil {
			resists("folder "+f.Name(), err)
		}
		if key, ok := parseTaskName(f.Name()); ok {
			keys = append(keys, key)
		}
	}
	if len(folders) > 0 || found > 0 {
		n.log.Info("removed what an earlier run left", "tasks", len(folders), "processes", found)
	}
	return keys
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
