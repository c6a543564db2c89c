package groom

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

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

// kill ends every process of the group at once where the kernel can: at once is true
// then. Else it keeps them from forking, where that can be, and returns them for the
// caller to kill.
func (g *taskGroup) kill() (left []int, atOnce bool) {
	for _, d := range g.dirs {
		if d.unified && writeFile(d.path, "cgroup.kill", "1") == nil {
			atOnce = true // it is in all folders of the group
			continue
		}
		_ = writeFile(d.path, "pids.max", "0") // not every hierarchy has it
		left = append(left, d.pids()...)
	}
	return left, atOnce
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

// pids returns the processes in the folder and in those that a task, which may write
// there, has made below.
func (d groupDir) pids() []int {
	folders := d.folders()
	out := make([]int, 0, len(folders)) // one each is usual
	for _, dir := range folders {
		out = append(out, members(dir)...)
	}
	return out
}

// folders returns the group's folder and all below it, each before the one it is in.
func (d groupDir) folders() []string {
	var out []string
	_ = filepath.WalkDir(d.path, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			out = append(out, path)
		}
		return nil // what is gone has no processes
	})
	slices.Reverse(out)
	return out
}

// members returns the processes of one group, without those of groups below it.
func members(dir string) []int {
	f, err := os.Open(filepath.Join(dir, "cgroup.procs"))
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
			err := d.remove()
			if err == nil {
				break
			}
			if pause(ctx, wait) != nil {
				return fmt.Errorf("cgroup: %w", err)
			}
		}
	}
	return nil
}

func (d groupDir) remove() error {
	for _, dir := range d.folders() {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
