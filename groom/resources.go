package groom

import (
	"fmt"
	"runtime"

	"scalar/internal/memory"
)

// measure fills in cores and memory from what this process may use: the runtime knows
// the cgroup's CPU quota.
func (c *Config) measure() error {
	fill(&c.Cores, float64(runtime.GOMAXPROCS(0)))
	if c.Memory > 0 {
		return nil
	}
	usable, err := memory.Usable()
	if err != nil {
		return fmt.Errorf("%w; set memory", err)
	}
	c.Memory = usable
	return nil
}
