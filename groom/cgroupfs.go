package groom

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"scalar/bsp/wire"
)

// cgroupMount is one hierarchy as it is mounted here.
type cgroupMount struct {
	unified     bool
	controllers []string // of version 1, only those that a groom uses
	own         string   // folder of the group that this process is in
}

// cgroupMounts reads /proc/self/mountinfo and /proc/self/cgroup. It leaves out
// version 1 hierarchies without a controller of use.
func cgroupMounts() []cgroupMount {
	own := ownGroups()
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // read only
	var out []cgroupMount
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// id parent major:minor root mountpoint options … - type source superoptions
		before, after, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 {
			continue
		}
		m := cgroupMount{unified: right[0] == "cgroup2"}
		switch right[0] {
		case "cgroup2":
			m.own = ownFolder(left[4], left[3], own[""])
		case "cgroup":
			for ctl := range strings.SplitSeq(right[2], ",") {
				if ctl == ctlMemory || ctl == ctlCPU || ctl == ctlPids {
					m.controllers = append(m.controllers, ctl)
					m.own = ownFolder(left[4], left[3], own[ctl])
				}
			}
		}
		seen := slices.ContainsFunc(out, func(o cgroupMount) bool { return o.own == m.own })
		if m.own != "" && !seen {
			out = append(out, m)
		}
	}
	return out
}

// ownGroups returns this process's group by controller; "" is version 2's.
func ownGroups() map[string]string {
	out := map[string]string{}
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return out
	}
	for line := range strings.Lines(string(b)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // id:controllers:path
		if len(parts) != 3 {
			continue
		}
		for ctl := range strings.SplitSeq(parts[1], ",") {
			out[ctl] = parts[2]
		}
	}
	return out
}

// ownFolder maps a group's path to the file system: a mount may show only a
// subtree, whose root in the hierarchy is mountRoot.
func ownFolder(mountPoint, mountRoot, group string) string {
	if group == "" {
		return ""
	}
	rel, err := filepath.Rel(mountRoot, group)
	if err != nil || strings.HasPrefix(rel, "..") {
		rel = "."
	}
	dir := filepath.Join(mountPoint, rel)
	if _, err := os.Stat(dir); err != nil {
		return mountPoint
	}
	return dir
}

// delegate turns on the controllers of version 2 from the group own down to base
// and returns those that task groups in base will have. A group that holds
// processes cannot give controllers to its children: where this process is its
// only member it moves into a group beside base, as systemd's Delegate=yes wants.
func delegate(own, base string) []string {
	var out []string
	for _, ctl := range []string{ctlMemory, ctlCPU, ctlPids} {
		if enable(own, ctl) != nil {
			if !moveAside(own) || enable(own, ctl) != nil {
				continue
			}
		}
		if enable(base, ctl) == nil {
			out = append(out, ctl)
		}
	}
	return out
}

func enable(dir, controller string) error {
	return writeFile(dir, "cgroup.subtree_control", "+"+controller)
}

// moveAside moves this process into <own>/daemon if it is the only one in own.
func moveAside(own string) bool {
	pids := members(own)
	b, err := os.ReadFile(filepath.Join(own, "cgroup.controllers"))
	if len(pids) != 1 || pids[0] != os.Getpid() || err != nil || len(strings.TrimSpace(string(b))) == 0 {
		return false
	}
	aside := filepath.Join(own, "daemon")
	if os.MkdirAll(aside, 0o755) != nil {
		return false
	}
	return writeFile(aside, "cgroup.procs", strconv.Itoa(os.Getpid())) == nil
}

// maxPids is the kernel's own limit; it refuses a larger one.
const maxPids = 1 << 22

// limit writes a task's limits into its folder of h.
func (h hierarchy) limit(dir string, l wire.Limits) error {
	if slices.Contains(h.controllers, ctlMemory) && l.Memory > 0 {
		if err := h.limitMemory(dir, l.Memory); err != nil {
			return err
		}
	}
	if slices.Contains(h.controllers, ctlPids) && l.Procs > 0 {
		if err := writeFile(dir, "pids.max", strconv.Itoa(min(l.Procs, maxPids))); err != nil {
			return err
		}
	}
	if slices.Contains(h.controllers, ctlCPU) && l.Cores > 0 {
		return h.setWeight(dir, l.Cores)
	}
	return nil
}

// limitMemory holds the group to n bytes without swap.
func (h hierarchy) limitMemory(dir string, n int64) error {
	value := strconv.FormatInt(n, 10)
	if !h.unified {
		if err := writeFile(dir, "memory.limit_in_bytes", value); err != nil {
			return err
		}
		_ = writeFile(dir, "memory.memsw.limit_in_bytes", value) // only where swap is accounted
		return nil
	}
	if err := writeFile(dir, "memory.max", value); err != nil {
		return err
	}
	_ = writeFile(dir, "memory.swap.max", "0") // only where swap is accounted
	_ = writeFile(dir, "memory.oom.group", "1")
	return nil
}

// setWeight gives the group the weight of so many cores: 1024 shares a core in
// version 1 and 100 in version 2, which are the defaults of a group and of a process
// beside it.
func (h hierarchy) setWeight(dir string, cores float64) error {
	if h.unified {
		return writeFile(dir, "cpu.weight", strconv.Itoa(min(max(int(100*cores), 1), 10_000)))
	}
	return writeFile(dir, "cpu.shares", strconv.Itoa(min(max(int(1024*cores), 2), 1<<18)))
}
