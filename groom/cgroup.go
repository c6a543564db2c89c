package groom

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
// idle. All tasks together weigh half of what one daemon does, so that a machine full
// of work does not look dead to the masters; among them they weigh as their cores.
type cgroups struct {
	hierarchies []hierarchy
	earlier     []hierarchy // where earlier lives had theirs, when this process was in another group
	missing     []string    // controllers that no hierarchy here offers
}

// hierarchy is one mounted tree and the groom's own folder in it.
type hierarchy struct {
	unified     bool // version 2
	controllers []string
	base        string
}

// baseWeight is what all tasks together weigh: half of a group, or a process, whose
// weight nobody has set.
const baseWeight = 0.5

// openCgroups finds what the machine offers and makes the groom's own folders.
// What cannot be used is left out; nothing here is an error.
func openCgroups(name, dataDir string) *cgroups {
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
			_ = h.setWeight(h.base, baseWeight) // an unweighted groom still works
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

// folders returns the groom's own folders, earlier ones too.
func (c *cgroups) folders() []string {
	all := slices.Concat(c.hierarchies, c.earlier)
	out := make([]string, 0, len(all))
	for _, h := range all {
		out = append(out, h.base)
	}
	return out
}

// adopt takes over folders that an earlier life has written down, where they are still
// there and still a groom's cgroups.
func (c *cgroups) adopt(folders []string) {
	for _, base := range folders {
		var fs unix.Statfs_t
		known := slices.Contains(c.folders(), base)
		if known || !strings.HasPrefix(filepath.Base(base), "bsp-") || unix.Statfs(base, &fs) != nil {
			continue
		}
		if fs.Type == unix.CGROUP_SUPER_MAGIC || fs.Type == unix.CGROUP2_SUPER_MAGIC {
			c.earlier = append(c.earlier, hierarchy{base: base, unified: fs.Type == unix.CGROUP2_SUPER_MAGIC})
		}
	}
}

// names returns the task groups that are there, whoever made them.
func (c *cgroups) names() []string {
	var out []string
	for _, h := range slices.Concat(c.hierarchies, c.earlier) {
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
	for _, h := range slices.Concat(c.hierarchies, c.earlier) {
		dir := filepath.Join(h.base, name)
		if _, err := os.Stat(dir); err == nil {
			g.dirs = append(g.dirs, groupDir{path: dir, unified: h.unified})
		}
	}
	return g
}

// close removes the groom's own folders, which are empty by then.
func (c *cgroups) close() {
	for _, base := range c.folders() {
		_ = os.Remove(base) // the next incarnation takes what stays
	}
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
