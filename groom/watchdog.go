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
	limit := l.task.Order.Limits.Memory
	if limit <= 0 || l.group.limitsMemory() {
		return
	}
	pid := l.proc.PID()
	is := inSession(pid, marked(l.folder))
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
			all := processes(is)
			if used = sum(all, privateMemory); used > limit { // or some of it was counted twice
				used = sum(all, fairMemory)
			}
		}
		if used > limit {
			l.overMemory.Store(true)
			l.kill()
			return
		}
	}
}

func sum(pids []int, of func(pid int) int64) int64 {
	var total int64
	for _, pid := range pids {
		total += of(pid)
	}
	return total
}
