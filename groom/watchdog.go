package groom

import (
	"time"
)

const (
	watchEvery = 100 * time.Millisecond // of the task's own process
	scanEvery  = 10                     // of those, one looks at the whole session
)

// watchMemory kills the task when its session uses more memory than it may, on
// machines where no cgroup does so.
func (l *life) watchMemory(over <-chan struct{}) {
	limit := l.task.order.Limits.Memory
	if limit <= 0 || l.group.limitsMemory() {
		return
	}
	pid := l.proc.PID()
	mark, session := marked(l.folder), inSession(pid)
	match := func(pid int) bool { return session(pid) || mark(pid) }
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-tick.C:
		case <-over:
			return
		}
		used := privateMemory(pid)
		if n%scanEvery == 0 {
			used = 0
			for _, p := range processes(match) {
				used += privateMemory(p)
			}
		}
		if used > limit {
			l.overMemory.Store(true)
			l.kill()
			return
		}
	}
}
