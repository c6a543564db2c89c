package groom

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// markerEnv names the environment variable by which a task's processes are found
// when they have left their session and there is no cgroup: it holds the task's
// folder, which no other groom of this machine has.
const markerEnv = "BSP_TASK_DIR"

// processes returns the processes of this machine for which match is true. A
// process that is gone by the time it is looked at is no match.
func processes(match func(pid int) bool) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var out []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() && match(pid) {
			out = append(out, pid)
		}
	}
	return out
}

// marked matches processes whose environment names dir, or a folder in it.
func marked(dir string) func(pid int) bool {
	entry := []byte("\x00" + markerEnv + "=" + dir)
	return func(pid int) bool {
		b, err := os.ReadFile(procFile(pid, "environ"))
		if err != nil {
			return false
		}
		_, rest, ok := bytes.Cut(append([]byte{0}, b...), entry)
		return ok && (len(rest) == 0 || rest[0] == 0 || rest[0] == '/')
	}
}

// inSession matches processes of the session that pid sid leads.
func inSession(sid int) func(pid int) bool {
	return func(pid int) bool {
		if sid <= 0 {
			return false
		}
		fields := statFields(pid)
		return len(fields) > 3 && fields[3] == strconv.Itoa(sid) && fields[0] != "Z"
	}
}

// statFields returns the fields of /proc/<pid>/stat after the command's name:
// state, parent, process group, session and more.
func statFields(pid int) []string {
	b, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return nil
	}
	// The name is in parentheses and may hold anything, parentheses too.
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return nil
	}
	return strings.Fields(string(b[i+1:]))
}

// privateMemory returns the bytes that only this process accounts for: anonymous
// and shared memory, not the files that it has mapped.
func privateMemory(pid int) int64 {
	b, err := os.ReadFile(procFile(pid, "status"))
	if err != nil {
		return 0
	}
	var total int64
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		if name != "RssAnon" && name != "RssShmem" {
			continue
		}
		if kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64); err == nil {
			total += kib << 10
		}
	}
	return total
}

func procFile(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// killMatching kills pid if match is still true of it. The descriptor keeps the
// number from naming another process in between.
func killMatching(pid int, match func(pid int) bool) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil || pid == os.Getpid() {
		return
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written
	if match(pid) {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) // gone already
	}
}

// errSurvivors is returned when processes do not end although they were killed:
// they hang in the kernel.
var errSurvivors = errors.New("processes do not end after SIGKILL")

// killAll kills the processes of a group and those that match, again and again
// until none is left: each may have forked meanwhile.
func killAll(ctx context.Context, group *taskGroup, match func(pid int) bool) error {
	inGroup := func(pid int) bool { return slices.Contains(group.pids(), pid) }
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		for _, pid := range group.kill() {
			killMatching(pid, inGroup)
		}
		left := processes(match)
		for _, pid := range left {
			killMatching(pid, match)
		}
		if len(left) == 0 && len(group.pids()) == 0 {
			return nil
		}
		if pause(ctx, wait) != nil {
			return errSurvivors
		}
	}
}

// removeFolder deletes a task's folder. A program may have taken its own write
// permission away.
func removeFolder(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	})
	return os.RemoveAll(dir)
}
