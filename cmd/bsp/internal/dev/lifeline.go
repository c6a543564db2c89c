package dev

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// LifelineEnv names the descriptor of the lifeline in a child's environment.
const LifelineEnv = "BSP_LIFELINE_FD"

// grace is how long a child that lost its lifeline has to end in order. A groom
// removes its tasks and then its cgroup, which took more than 400 ms on a busy
// machine; all must be gone within 1 s.
const grace = 800 * time.Millisecond

// Watch makes this process end when the lifeline that it inherited does: stop
// is called at once, exit after a while. Without a lifeline it does nothing.
func Watch(stop, exit func()) error {
	text, ok := os.LookupEnv(LifelineEnv)
	if !ok {
		return nil
	}
	if err := os.Unsetenv(LifelineEnv); err != nil { // not for tasks
		return err
	}
	fd, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%s=%q is no descriptor", LifelineEnv, text)
	}
	unix.CloseOnExec(fd)
	pipe := os.NewFile(uintptr(fd), "lifeline")
	go func() { // lives as long as the process
		_, _ = pipe.Read(make([]byte, 1)) // nothing is ever written
		stop()
		time.AfterFunc(grace, exit)
	}()
	return nil
}
