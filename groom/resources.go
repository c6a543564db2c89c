package groom

import (
	"fmt"
	"runtime"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// measure fills in cores and memory from what this process may use: the
// runtime knows the cgroup's CPU quota, memlimit its memory limit.
func (c *Config) measure() error {
	fill(&c.Cores, float64(runtime.GOMAXPROCS(0)))
	if c.Memory > 0 {
		return nil
	}
	total, err := memlimit.FromSystem()
	if err != nil {
		return fmt.Errorf("read the machine's memory: %w; set memory", err)
	}
	// No cgroup, or one without a limit, leaves the machine's memory.
	if limit, err := memlimit.FromCgroup(); err == nil && limit > 0 {
		total = min(total, limit)
	}
	c.Memory = int64(total / 10 * 8)
	return nil
}
