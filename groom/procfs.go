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

	"scalar/internal/procfs"
)

// markerEnv names the environment variable by which a task's processes are found
// when they have left their session and there is no cgroup: it holds the task's
// folder, which no other groom of this machine has.
const markerEnv = "BSP_TASK_DIR"

// match tells whether a process is a task's. sure is false where a second look may
// tell otherwise: a process has no environment for a moment while it execs.
type match func(pid int) (yes, sure bool)

// numbers returns the numbers of this machine's processes, the newest first, but not
// this process's own.
func numbers() []int {
	out := slices.DeleteFunc(procfs.PIDs(), func(pid int) bool { return pid == os.Getpid() })
	slices.SortFunc(out, func(a, b int) int { return b - a })
	return out
}

// processes returns the processes that match. One that is gone by the time it is
// looked at does not.
func processes(is match) []int {
	return slices.DeleteFunc(numbers(), func(pid int) bool {
		yes, _ := is(pid)
		return !yes
	})
}

// marked tells by the environment, which names dir or a folder in it. The match is
// for one goroutine.
func marked(dir string) match {
	entry := []byte("\x00" + markerEnv + "=" + dir)
	buf := make([]byte, 16<<10)
	return func(pid int) (yes, sure bool) {
		b, err := procfs.Read(pid, "environ", buf)
		if err != nil {
			return false, true // it is gone, or another user's
		}
		rest, ok := bytes.CutPrefix(b, entry[1:])
		if !ok {
			_, rest, ok = bytes.Cut(b, entry)
		}
		return ok && (len(rest) == 0 || rest[0] == 0 || rest[0] == '/'), len(b) > 0
	}
}

// inSession tells by the session, which pid sid leads, or else by another match.
func inSession(sid int, or match) match {
	return func(pid int) (yes, sure bool) {
		fields := statFields(pid)
		if sid > 0 && len(fields) > 3 && fields[3] == strconv.Itoa(sid) && fields[0] != "Z" {
			return true, true
		}
		return or(pid)
	}
}

// statFields returns the fields of /proc/<pid>/stat after the command's name:
// state, parent, process group, session and more.
func statFields(pid int) []string {
	b, err := procfs.Read(pid, "stat", nil)
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

// privateMemory returns the bytes of anonymous and shared memory that the process has
// in use, not the files that it has mapped. It counts in full what it shares with
// others.
func privateMemory(pid int) int64 { return sumFields(pid, "status", "RssAnon", "RssShmem") }

// fairMemory is privateMemory where what n processes share counts an nth for each. It
// takes longer: the kernel walks the page tables.
func fairMemory(pid int) int64 {
	if n := sumFields(pid, "smaps_rollup", "Pss_Anon", "Pss_Shmem"); n > 0 {
		return n
	}
	return privateMemory(pid) // an old kernel, or a process that keeps this from others
}

// sumFields adds up lines "Name:  123 kB" of a file in /proc, in bytes.
func sumFields(pid int, file string, names ...string) int64 {
	b, err := os.ReadFile(procFile(pid, file))
	if err != nil {
		return 0
	}
	var total int64
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		if !slices.Contains(names, name) {
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

// killListed kills those of the listed processes that a second look still lists. The
// descriptors keep their numbers from naming other processes in between.
func killListed(listed []int, again func() []int) {
	const held = 100 // descriptors at once
	for pids := range slices.Chunk(listed, held) {
		fds := map[int]int{}
		for _, pid := range pids {
			if fd, err := unix.PidfdOpen(pid, 0); err == nil {
				fds[pid] = fd
			}
		}
		for _, pid := range again() {
			if fd, ok := fds[pid]; ok && pid != os.Getpid() {
				_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) // gone already
			}
		}
		for _, fd := range fds {
			_ = unix.Close(fd) // nothing was written
		}
	}
}

// errSurvivors is returned when processes do not end although they were killed:
// they hang in the kernel.
var errSurvivors = errors.New("processes do not end after SIGKILL")

// A look at /proc may miss a process that is made while it looks by one that has ended
// before it is looked at: three in a row missed the chain of TestChainOfProcesses 25
// times in 25, as long as each looked at all processes, in no order, for 2 ms. These
// six begin with the newest, leave out what is known, and take 8 ms together.
const (
	emptyLooks = 6
	lookPause  = time.Millisecond
)

// killAll kills the processes of a group and those that match, again and again until none
// is left: each may have forked meanwhile.
func killAll(ctx context.Context, group *taskGroup, is match) error {
	others := map[int]bool{} // looked at, and no match: they do not become one
	empty := 0
	for wait := lookPause; ; {
		listed, atOnce := group.kill()
		killListed(listed, group.pids)
		if found := killMatching(is, others); found || len(group.pids()) > 0 {
			empty, wait = 0, min(2*wait, 50*time.Millisecond)
		} else if empty++; atOnce || empty == emptyLooks {
			return nil
		}
		if empty > 0 {
			wait = lookPause
		}
		if pause(ctx, wait) != nil {
			return errSurvivors
		}
	}
}

// killMatching kills the processes that match and reports whether there were any. It
// leaves out others, and adds to them: of 80 processes, the first look takes 2 ms and
// those after it 0.1.
func killMatching(is match, others map[int]bool) (found bool) {
	for _, pid := range numbers() {
		if others[pid] {
			continue
		}
		switch yes, sure := is(pid); {
		case yes:
			found = true
			killListed([]int{pid}, func() []int {
				if still, _ := is(pid); !still {
					return nil
				}
				return []int{pid}
			})
		case sure:
			others[pid] = true
		}
	}
	return found
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
