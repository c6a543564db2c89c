package groom

import (
	"context"
	"log/slog"
	"os"
	"slices"

	"scalar/bsp/wire"
)

// CgroupsUsable reports whether tasks get cgroups on this machine.
func CgroupsUsable(dir string) bool {
	c := openCgroups("probe", dir, 1)
	defer c.close()
	return len(c.hierarchies) > 0
}

// KernelLimitsMemory reports whether a cgroup holds tasks to their memory here.
func KernelLimitsMemory(dir string) bool {
	c := openCgroups("probe", dir, 1)
	defer c.close()
	return c.has(ctlMemory)
}

// CgroupsLeft returns the folders that a groom has left in cgroup hierarchies.
func CgroupsLeft(name, dir string) []string {
	c := openCgroups(name, dir, 1)
	defer c.close()
	return c.names()
}

// GroupV1 is a task's group in hierarchies of version 1 only.
type GroupV1 struct {
	c *cgroups
	g *taskGroup
}

// NewGroupV1 makes one; false where there is no version 1.
func NewGroupV1(dir string) (GroupV1, bool) {
	c := openCgroups("probe", dir, 1)
	g, err := c.create("task", wire.Limits{Cores: 1, Procs: 50, Memory: 64 << 20})
	for _, d := range g.dirs {
		if d.unified {
			_ = os.Remove(d.path)
		}
	}
	g.dirs = slices.DeleteFunc(g.dirs, func(d groupDir) bool { return d.unified })
	if err != nil || len(g.dirs) == 0 {
		_ = g.remove(context.Background())
		c.close()
		return GroupV1{}, false
	}
	return GroupV1{c, g}, true
}

// Add moves a process in.
func (v GroupV1) Add(pid int) error { return v.g.add(pid) }

// Pids returns the members.
func (v GroupV1) Pids() []int { return v.g.pids() }

// KillAll kills by the group alone.
func (v GroupV1) KillAll(ctx context.Context) error {
	return killAll(ctx, v.g, func(int) bool { return false })
}

// Remove removes the folders.
func (v GroupV1) Remove(ctx context.Context) error {
	defer v.c.close()
	return v.g.remove(ctx)
}

// KillsItself reports whether the scan for a task's processes can find the groom.
func KillsItself() bool {
	return slices.Contains(processes(func(int) bool { return true }), os.Getpid())
}

// Serve returns the handler of a groom that starts nothing.
func Serve(dir string) func(ctx context.Context, method uint16, body []byte) ([]byte, error) {
	n := &node{
		log: slog.New(slog.DiscardHandler), dir: &dataDir{root: dir},
		table: newTable("", func(string) error { return nil }),
	}
	return n.serve
}

// TaskNameRoundTrip reports whether a name that is read as a key is that key's.
func TaskNameRoundTrip(name string) bool {
	key, ok := parseTaskName(name)
	if !ok {
		return true
	}
	again, ok := parseTaskName(taskName(key))
	return ok && again == key
}

// BoundCounters is what a report keeps of a task's counters.
var BoundCounters = boundCounters
