// Package memory says how much memory a process may use, and tells Go's runtime.
package memory

import (
	"fmt"
	"math"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// Usable returns eight tenths of what there is, in bytes: of the machine's memory, or of
// the cgroup's limit if that is less.
func Usable() (int64, error) {
	total, err := memlimit.FromSystem()
	if err != nil {
		return 0, fmt.Errorf("read the machine's memory: %w", err)
	}
	// No cgroup, or one without a limit, leaves the machine's memory.
	if limit, err := memlimit.FromCgroup(); err == nil && limit > 0 {
		total = min(total, limit)
	}
	return int64(total / 10 * 8), nil
}

// Limit makes what is usable Go's memory limit, unless that is set already, as by
// GOMEMLIMIT: for a process that has the machine to itself.
func Limit() error {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return nil
	}
	usable, err := Usable()
	if err == nil {
		debug.SetMemoryLimit(usable)
	}
	return err
}
