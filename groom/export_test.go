package groom

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/groom/table"
	"scalar/internal/rpc"
)

// CgroupsUsable reports whether tasks get cgroups on this machine.
func CgroupsUsable(dir string) bool {
	c := openCgroups("probe", dir)
	defer c.close()
	return len(c.hierarchies) > 0
}

// KernelLimitsMemory reports whether a cgroup holds tasks to their memory here.
func KernelLimitsMemory(dir string) bool {
	c := openCgroups("probe", dir)
	defer c.close()
	return c.has(ctlMemory)
}

// KernelLimitsProcs reports whether a cgroup holds tasks to their processes here.
func KernelLimitsProcs(dir string) bool {
	c := openCgroups("probe", dir)
	defer c.close()
	return c.has(ctlPids)
}

// CgroupsLeft returns the folders that a groom has left in cgroup hierarchies.
func CgroupsLeft(name, dir string) []string {
	c := openCgroups(name, dir)
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
	c := openCgroups("probe", dir)
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
	return killAll(ctx, v.g, func(int) (bool, bool) { return false, true })
}

// Remove removes the folders.
func (v GroupV1) Remove(ctx context.Context) error {
	defer v.c.close()
	return v.g.remove(ctx)
}

// KillsItself reports whether the scan for a task's processes can find the groom.
func KillsItself() bool {
	return slices.Contains(processes(func(int) (bool, bool) { return true, true }), os.Getpid())
}

// Serve returns the handler of a groom that starts nothing.
func Serve(dir string) rpc.Handler { return ServeProbes(dir, probe) }

// ServeProbes is Serve with another way to look at storage.
func ServeProbes(dir string, look func(context.Context, wire.Probe) wire.ProbeReply) func(ctx context.Context, method uint16, body []byte) ([]byte, error) {
	n := &node{
		log: slog.New(slog.DiscardHandler), dir: &dataDir{root: dir}, prober: newProber(look),
		keeper: newStorekeeper("file:///dev/null/store"), // which cannot be
		table:  table.New("", func(string) error { return nil }),
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
func BoundCounters(c map[string]int64) map[string]int64 { return boundCounters(c, 1<<20) }

// Said is what a groom with so many slots reports of tasks of one peer each on all of
// them, when every task has said these messages.
func Said(slots int, id job.ID, words []wire.FromTask) wire.Report {
	cfg := Config{Name: strings.Repeat("g", 63), Slots: slots, Logger: slog.New(slog.DiscardHandler)}
	n := &node{cfg: cfg, log: cfg.Logger, programs: &programs{}, table: table.New("uuid", func(string) error { return nil })}
	n.metrics = newMetrics(n)
	all := make([]wire.TaskOrder, 2*slots)
	for i := range all {
		all[i].Start = wire.TaskStart{Key: wire.TaskKey{Job: id, Epoch: 1 << 30, Task: i}, Ranges: slices.Repeat([]job.Range{{Hi: 1}}, 2*slots)}
	}
	order := func(seq uint64, tasks []wire.TaskOrder) {
		if err := n.table.Apply(wire.Orders{Cluster: "uuid", Term: 1, Seq: seq, Tasks: tasks}); err != nil {
			panic(err)
		}
	}
	order(1, all)
	started, _ := n.table.Take()
	for _, task := range started {
		l := &life{node: n, key: task.Order.Start.Key, task: task, log: n.log, share: shareOf(1, slots), group: &taskGroup{}}
		c := &conversation{life: l, out: make(chan wire.ToTask, 3)}
		for _, w := range words {
			c.hear(w)
		}
		if c.nonsense != nil {
			panic(c.nonsense)
		}
	}
	order(2, all[:slots]) // the others are being killed
	var r wire.Report
	n.table.Fill(&r)
	return r
}

// TaskGroups returns the cgroup folders of a task of a groom that runs.
func TaskGroups(name, dir string, key wire.TaskKey) []string {
	dirs := openCgroups(name, dir).existing(taskName(key)).dirs
	out := make([]string, 0, len(dirs))
	for _, d := range dirs {
		out = append(out, d.path)
	}
	return out
}

// GroomGroups returns the cgroup folders of a groom that runs.
func GroomGroups(name, dir string) []string {
	return openCgroups(name, dir).folders()
}
