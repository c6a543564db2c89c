//go:build e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"scalar/bsp/job"
)

// TestDamagedProgram damages a program where a groom keeps it and in the store: no
// damaged one runs. A groom's is fetched again, the store's is told in one line.
func TestDamagedProgram(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1, 1)
	program := c.buildBadProgram(t)
	runs := func() { c.does(t, "job", "submit", "--peers", "2", program, "--", "nothing") }
	runs()
	cached, stored := only(t, filepath.Join(c.data, "g1/programs/*")), only(t, filepath.Join(c.data, "store/programs/*"))
	whole, err := os.ReadFile(stored)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		damage func(path string) error
	}{
		{"header", flip(func(int) int { return 4 })},
		{"code", flip(func(size int) int { return size / 3 })},
		{"cut", func(path string) error { return rewrite(path, func(b []byte) []byte { return b[:len(b)/2] }) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			pid := c.pid("g1")
			thaw := freeze(t, pid)
			damageProgram(t, cached, row.damage)
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			thaw()
			c.until(t, "the groom is another process", func() bool { return c.pid("g1") != pid && alive(c.pid("g1")) })
			c.settle(t)
			runs() // from the store
			if now, err := os.ReadFile(cached); err != nil || string(now) != string(whole) {
				t.Errorf("the groom keeps %d bytes, %v: want what was submitted", len(now), err)
			}

			pid = c.pid("g1")
			if err := os.Remove(cached); err != nil {
				t.Fatal(err)
			}
			damageProgram(t, stored, row.damage)
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			c.until(t, "the groom is another process", func() bool { return c.pid("g1") != pid && alive(c.pid("g1")) })
			c.settle(t)
			c.command(t, nil, "job", "submit", "--peers", "2", program).ends(t, job.ExitFailed, filepath.Base(stored), "damaged in the store")
			if err := os.Remove(stored); err != nil { // as the line says
				t.Fatal(err)
			}
			runs()
			c.clean(t)
		})
	}
}

// damageProgram puts a damaged copy in the place of a file that is there to be executed,
// and may just be.
func damageProgram(t *testing.T, path string, damage func(path string) error) {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err == nil {
		err = os.Remove(path)
	}
	if err == nil {
		err = os.WriteFile(path, whole, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := damage(path); err != nil {
		t.Fatal(err)
	}
}

// only returns the one file that there is.
func only(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: %s, %v, want one file", pattern, strings.Join(files, " "), err)
	}
	return files[0]
}
