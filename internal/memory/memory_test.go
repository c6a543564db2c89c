package memory_test

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"scalar/internal/memory"
)

// What is usable is more than this test has and less than the machine: Linux says how
// much that has.
func TestUsable(t *testing.T) {
	n, err := memory.Usable()
	if err != nil {
		t.Fatal(err)
	}
	meminfo, err := os.ReadFile(filepath.Clean("/proc/meminfo"))
	if err != nil {
		t.Skip("no /proc/meminfo here")
	}
	total := int64(0)
	for _, c := range meminfo { // the first number in it is MemTotal, in KiB
		switch {
		case c >= '0' && c <= '9':
			total = 10*total + int64(c-'0')
		case total > 0:
			if n <= 0 || n > total*1024/10*8 {
				t.Errorf("%d bytes of %d KiB", n, total)
			}
			return
		}
	}
	t.Error("no number in /proc/meminfo")
}

// A limit that is set stays.
func TestLimit(t *testing.T) {
	before := debug.SetMemoryLimit(1 << 40)
	defer debug.SetMemoryLimit(before)
	if err := memory.Limit(); err != nil || debug.SetMemoryLimit(-1) != 1<<40 {
		t.Errorf("the limit is %d now, %v", debug.SetMemoryLimit(-1), err)
	}
	usable, err := memory.Usable()
	if err != nil {
		t.Fatal(err)
	}
	debug.SetMemoryLimit(1<<63 - 1)
	if err := memory.Limit(); err != nil || debug.SetMemoryLimit(-1) != usable {
		t.Errorf("the limit is %d, usable %d, %v", debug.SetMemoryLimit(-1), usable, err)
	}
}
