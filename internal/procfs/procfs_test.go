package procfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"scalar/internal/procfs"
)

func TestPIDs(t *testing.T) {
	if pids := procfs.PIDs(); !slices.Contains(pids, os.Getpid()) {
		t.Errorf("this process is not among %v", pids)
	}
}

// TestRead reads files that are shorter and longer than the buffer.
func TestRead(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "cat")
	cmd.Env = []string{"LONG=" + strings.Repeat("x", 50_000), "LAST=y"}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
			t.Error(err)
		}
	}()
	want := []byte(strings.Join(cmd.Env, "\x00") + "\x00")
	for _, size := range []int{0, 1, 4096, 1 << 20} {
		got, err := procfs.Read(cmd.Process.Pid, "environ", make([]byte, size))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("buffer of %d: %d bytes, want %d (%v)", size, len(got), len(want), err)
		}
	}
	if b, err := procfs.Read(os.Getpid(), "stat", nil); err != nil || !bytes.Contains(b, []byte("procfs.test")) {
		t.Errorf("stat %q, %v", b, err)
	}
	if _, err := procfs.Read(os.Getpid(), "nothing", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}
