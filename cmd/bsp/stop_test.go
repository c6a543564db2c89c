package main_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"scalar/bsp/job"
)

// local is a bsp that runs without a cluster, with folders of its own.
type local struct {
	t      *testing.T
	tmp    string
	cmd    *exec.Cmd
	stdout bytes.Buffer
	stderr bytes.Buffer
}

func startLocal(t *testing.T, env []string, args ...string) *local {
	t.Helper()
	l := &local{t: t, tmp: t.TempDir()}
	l.cmd = exec.CommandContext(t.Context(), "bsp", args...)
	l.cmd.Dir = t.TempDir()
	l.cmd.Env = append(os.Environ(), append(env, "TMPDIR="+l.tmp)...)
	l.cmd.Stdout, l.cmd.Stderr = &l.stdout, &l.stderr
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return l
}

// eventually waits until what is true.
func (l *local) eventually(say string, what func() bool) {
	l.t.Helper()
	for start := time.Now(); !what(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > patience {
			l.t.Fatalf("%s: not within %s", say, patience)
		}
	}
}

// ends waits for the end, which must be a stop that leaves nothing behind.
func (l *local) ends() {
	l.t.Helper()
	err := l.cmd.Wait()
	if ended, ok := errors.AsType[*exec.ExitError](err); !ok || ended.ExitCode() != job.ExitStopped {
		l.t.Errorf("ended with %v\n%s", err, &l.stderr)
	}
	for _, dir := range []string{l.tmp, l.cmd.Dir} {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			l.t.Errorf("left in %s: %v, %v", dir, left, err)
		}
	}
}

// children returns the processes that bsp has started.
func (l *local) children() (pids []int) {
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(l.cmd.Process.Pid) + "/task/*/children")
	for _, p := range lists {
		b, _ := os.ReadFile(p)
		for f := range strings.FieldsSeq(string(b)) {
			pid, _ := strconv.Atoi(f)
			pids = append(pids, pid)
		}
	}
	return pids
}

// moves says whether a process that was sent SIGSTOP has not stopped yet: until one of
// its threads takes the signal the others go on.
func moves(pid int) bool {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return !bytes.Contains(b, []byte(") T "))
}

// TestInterruptTheBuild presses ^C while the go command works.
func TestInterruptTheBuild(t *testing.T) {
	tools, src := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(tools, "go"), "#!/bin/sh\nexec sleep 1000\n")
	write(filepath.Join(src, "main.go"), "package main\n")
	l := startLocal(t, []string{"PATH=" + tools + ":/usr/bin:/bin"}, "job", "submit", "--local", src)
	l.eventually("the go command runs", func() bool { return len(l.children()) > 0 })
	l.cmd.Process.Signal(syscall.SIGINT)
	l.ends()
	if l.stderr.String() != "bsp: stopped\n" {
		t.Errorf("said %q", &l.stderr)
	}
}

// TestSecondInterrupt presses ^C until a local job leaves whose tasks hang; two
// signals at once are one.
func TestSecondInterrupt(t *testing.T) {
	l := startLocal(t, nil, "job", "submit", "--local", "--peers", "2", "--tasks", "2", "--output", "out",
		"randcomm", "--", "--size", "8", "--messages", "1", "--supersteps", "1000000000")
	var tasks []int
	l.eventually("the tasks write", func() bool {
		parts, _ := filepath.Glob(filepath.Join(l.cmd.Dir, "out.tmp-*/*part-*"))
		tasks = l.children()
		return len(tasks) == 2 && len(parts) > 0
	})
	for _, pid := range tasks {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	l.eventually("the tasks stand still", func() bool { return !slices.ContainsFunc(tasks, moves) })
	l.cmd.Process.Signal(syscall.SIGINT)
	l.cmd.Process.Signal(syscall.SIGTERM)
	time.Sleep(500 * time.Millisecond)
	for _, pid := range tasks { // the list of children is not to be relied on while threads end
		if syscall.Kill(pid, 0) != nil {
			t.Errorf("the second signal did not wait: task %d is gone", pid)
		}
	}
	start := time.Now()
	l.cmd.Process.Signal(syscall.SIGINT)
	l.ends()
	t.Logf("left after %s", time.Since(start).Round(time.Millisecond))
	for _, pid := range tasks {
		if syscall.Kill(pid, 0) == nil {
			t.Errorf("task %d lives", pid)
		}
	}
}

// TestTerminal runs a program that prints on a terminal: its lines stay, the live
// line goes.
func TestTerminal(t *testing.T) {
	ours, theirs := terminalPair(t)
	l := &local{t: t}
	dir := talker(t, "8")
	l.cmd = exec.CommandContext(t.Context(), "bsp", "job", "submit", "--local", "--peers", "1", "--name", "talk", dir)
	l.cmd.Stdout, l.cmd.Stderr = &l.stdout, theirs
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	raw, _ := io.ReadAll(ours) // ends with EIO when the last writer has gone
	if err := l.cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	if live := regexp.MustCompile(`talk-? ?[a-z]* runs, superstep 0: line \d of 8 \[2J `); !live.Match(raw) {
		t.Errorf("no live line with what the program says: %q", raw)
	}
	screen := show(string(raw))
	for i := range 8 {
		want := "half of line " + strconv.Itoa(i) + "\n"
		if strings.Count(screen, want) != 1 {
			t.Errorf("no %q on the screen:\n%s\nraw %q", want, screen, raw)
			break
		}
	}
	if !strings.Contains(screen, "without an end\n") || strings.Contains(screen, "superstep ") || !strings.Contains(screen, "talk-local succeeded") {
		t.Errorf("screen:\n%s", screen)
	}
}

// talker returns a program that prints that many lines, and one without an end.
func talker(t *testing.T, count string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	cmd := exec.CommandContext(t.Context(), "bsp", "program", "new", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(`package main

import (
	"context"
	"fmt"
	"time"

	"scalar/bsp"
)

func talk(ctx context.Context, p *bsp.Peer[int]) error {
	for i := range `+count+` {
		p.Note(fmt.Sprintf("line %d\nof `+count+`\x1b[2J", i))
		fmt.Printf("half of ")
		time.Sleep(60 * time.Millisecond)
		fmt.Printf("line %d\n", i)
	}
	fmt.Print("without an end")
	return p.Sync(ctx)
}

func main() { bsp.Main(talk) }
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// terminalPair opens a pseudo terminal.
func terminalPair(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo terminals here: ", err)
	}
	t.Cleanup(func() { ours.Close() })
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120})
	}
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

var escapes = regexp.MustCompile(`^\x1b\[([0-9]*)([A-Za-z])`)

// show is what stays on a terminal that was sent raw.
func show(raw string) string {
	lines, row, col := []string{""}, 0, 0
	for len(raw) > 0 {
		if m := escapes.FindStringSubmatch(raw); m != nil {
			n, _ := strconv.Atoi(m[1])
			switch m[2] {
			case "A": // up
				row = max(0, row-max(1, n))
			case "J": // erase what is below
				lines = lines[:row+1]
				lines[row] = lines[row][:min(col, len(lines[row]))]
			case "K":
				lines[row] = lines[row][:min(col, len(lines[row]))]
			}
			raw = raw[len(m[0]):]
			continue
		}
		switch c := raw[0]; c {
		case '\r':
			col = 0
		case '\n':
			if row, col = row+1, 0; row == len(lines) {
				lines = append(lines, "")
			}
		default:
			line := lines[row] + strings.Repeat(" ", max(0, col-len(lines[row])))
			lines[row] = line[:col] + string(c) + line[min(len(line), col+1):]
			col++
		}
		raw = raw[1:]
	}
	return strings.Join(lines, "\n") + "\n"
}
