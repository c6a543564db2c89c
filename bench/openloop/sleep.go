package openloop

import (
	"time"

	"golang.org/x/sys/unix"
)

// precise sleeps by the kernel's own timer: that of the runtime wakes to a millisecond where a process is idle.
func precise(d time.Duration) {
	t := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&t, nil) // cut short by a signal: who sleeps looks at the clock
}
