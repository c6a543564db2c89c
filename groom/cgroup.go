package groom

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"scalar/bsp/wire"

	"golang.org/x/sys/unix"
)

// The controllers that a groom uses.
const (
	ctlMemory = "memory"
	ctlCPU    = "cpu"
	ctlPids   = "pids"
)

// cgroups is where tasks get a control group each: one folder per hierarchy that
// the machine offers and that this process may write. On a machine of version 1
// that is one hierarchy per controller, on version 2 one for all, on a mixed one
// both. (containerd/cgroups does the same with eBPF and D-Bus as dependencies;
// what a groom needs is these few writes.)
//
// CPU is shared by weight and never capped: a core that nobody wants is not left
// idle, and all tasks together weigh as much as the groom's cores.
type cgroups struct {
	hierarchies []hierarchy
	missing     []string // controllers that no hierarchy here offers
}

// hierarchy is one mounted tree and the groom's own folder in it.
type hierarchy struct {
	unified     bool // version 2
	controllers []string
	base        string
}

// openCgroups finds what the machine offers and makes the groom's own folders.
// What cannot be used is left out; nothing here is an error.
func openCgroups(name, dataDir string, cores float64) *cgroups {
	sum := sha256.Sum256([]byte(dataDir))
	folder := "bsp-" + name + "-" + hex.EncodeToString(sum[:4])
	c := &cgroups{}
	for _, m := range cgroupMounts() {
		h := hierarchy{unified: m.unified, base: filepath.Join(m.own, folder)}
		if os.MkdirAll(h.base, 0o755) != nil {
			continue
		}
		if m.unified {
			h.controllers = delegate(m.own, h.base)
		} else {
			h.controllers = m.controllers
		}
		c.hierarchies = append(c.hierarchies, h)
	}
	for _, ctl := range []string{ctlMemory, ctlCPU, ctlPids} {
		if !c.has(ctl) {
			c.missing = append(c.missing, ctl)
		}
	}
	for _, h := range c.hierarchies {
		if slices.Contains(h.controllers, ctlCPU) {
			_ = h.setWeight(h.base, cores) // an unweighted groom still works
		}
	}
	return c
}

// has reports whether some hierarchy offers the controller.
func (c *cgroups) has(controller string) bool {
	return slices.ContainsFunc(c.hierarchies, func(h hierarchy) bool { return slices.Contains(h.controllers, controller) })
}

// String says for people what is used.
func (c *cgroups) String() string {
	if len(c.hierarchies) == 0 {
		return "none"
	}
	var b strings.Builder
	for i, h := range c.hierarchies {
		if i > 0 {
			b.WriteString(", ")
		}
		version := "v1"
		if h.unified {
			version = "v2"
		}
		b.WriteString(strings.TrimSpace(version + " " + strings.Join(h.controllers, " ")))
	}
	return b.String()
}

// create makes the group of one task with its limits.
func (c *cgroups) create(name string, limits wire.Limits) (*taskGroup, error) {
	g := &taskGroup{}
	for _, h := range c.hierarchies {
		dir := filepath.Join(h.base, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return g, fmt.Errorf("cgroup: %w", err)
		}
		g.dirs = append(g.dirs, groupDir{path: dir, unified: h.unified, memory: slices.Contains(h.controllers, ctlMemory)})
		if err := h.limit(dir, limits); err != nil {
			return g, fmt.Errorf("limits of the cgroup: %w", err)
		}
	}
	return g, nil
}

// names returns the task groups that are there, whoever made them.
func (c *cgroups) names() []string {
	var out []string
	for _, h := range c.hierarchies {
		entries, err := os.ReadDir(h.base)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if e.IsDir() && !slices.Contains(out, e.Name()) {
				out = append(out, e.Name())
			}
		}
	}
	return out
}

// existing returns the group that an earlier incarnation left under a name.
func (c *cgroups) existing(name string) *taskGroup {
	g := &taskGroup{}
	for _, h := range c.hierarchies {
		dir := filepath.Join(h.base, name)
		if _, err := os.Stat(dir); err == nil {
			g.dirs = append(g.dirs, groupDir{path: dir, unified: h.unified})
		}
	}
	return g
}

// close removes the groom's own folders, which are empty by then.
func (c *cgroups) close() {
	for _, h := range c.hierarchies {
		_ = os.Remove(h.base) // the next incarnation takes what stays
	}
}

// taskGroup is the cgroup of one task in every hierarchy. The zero value is that
// of a machine without any.
type taskGroup struct {
	dirs []groupDir
}

type groupDir struct {
	path    string
	unified bool
	memory  bool // counts memory
}

// unifiedDir returns the folder that a process can be started in, "" if none.
func (g *taskGroup) unifiedDir() string {
	for _, d := range g.dirs {
		if d.unified {
			return d.path
		}
	}
	return ""
}

// add moves a process in. Its later children are in by birth.
func (g *taskGroup) add(pid int) error {
	for _, d := range g.dirs {
		err := writeFile(d.path, "cgroup.procs", strconv.Itoa(pid))
		if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended already
			return fmt.Errorf("cgroup: %w", err)
		}
	}
	return nil
}

// limitsMemory reports whether the kernel holds the task to its memory limit.
func (g *taskGroup) limitsMemory() bool {
	return slices.ContainsFunc(g.dirs, func(d groupDir) bool { return d.memory })
}

// outOfMemory reports whether the kernel has killed a process of the group for
// its memory.
func (g *taskGroup) outOfMemory() bool {
	for _, d := range g.dirs {
		file := "memory.oom_control"
		if d.unified {
			file = "memory.events"
		}
		b, err := os.ReadFile(filepath.Join(d.path, file))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if n, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok && n != "0" {
				return true
			}
		}
	}
	return false
}

// kill ends every process of the group at once where the kernel can, else it
// returns those that are left for the caller to kill.
func (g *taskGroup) kill() []int {
	var left []int
	for _, d := range g.dirs {
		if d.unified && writeFile(d.path, "cgroup.kill", "1") == nil {
			continue
		}
		left = append(left, d.pids()...)
	}
	return left
}

// pids returns the processes of the group.
func (g *taskGroup) pids() []int {
	var out []int
	for _, d := range g.dirs {
		out = append(out, d.pids()...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (d groupDir) pids() []int {
	f, err := os.Open(filepath.Join(d.path, "cgroup.procs"))
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // read only
	var out []int
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// 0 stands for a process of another pid namespace. The groom itself is never
		// a task's process.
		if pid, err := strconv.Atoi(lines.Text()); err == nil && pid > 0 && pid != os.Getpid() {
			out = append(out, pid)
		}
	}
	return out
}

// remove deletes the folders. The kernel refuses while the last process is being
// torn down, which lasts some milliseconds.
func (g *taskGroup) remove(ctx context.Context) error {
	for _, d := range g.dirs {
		for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
			err := os.Remove(d.path)
			if err == nil || errors.Is(err, fs.ErrNotExist) {
				break
			}
			if pause(ctx, wait) != nil {
				return fmt.Errorf("cgroup: %w", err)
			}
		}
	}
	return nil
}

func writeFile(dir, name, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// pause waits for d, or less if ctx ends, and returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
