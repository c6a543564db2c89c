package bsp

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"scalar/bsp/wire"
)

// bindEnv is a task's environment variable; off leaves its threads to the kernel.
const bindEnv = "BSP_BIND"

// bind keeps this process on its own cores where several tasks of a job share a machine, as MPI
// does: tasks that wait for each other every millisecond are otherwise woken on one core, while
// another has nothing to do. Measured with 2 tasks of one core each, which train an MLP at
// batch 128: a step takes 2.6 to 3.0 ms, and 1.8 to 2.2 ms when they are bound.
func bind(start *wire.TaskStart) error {
	switch mode := os.Getenv(bindEnv); mode {
	case "", "cores":
	case "off":
		return nil
	default:
		return fmt.Errorf("%s=%s: want cores or off", bindEnv, mode)
	}
	if err := keepToShare(placeOf(start)); err != nil {
		fmt.Fprintf(os.Stderr, "bsp task: not bound to cores: %v\n", err) // slower, perhaps, and right
	}
	return nil
}

// keepToShare binds the process and has Go run as many goroutines at once as it has cores.
func keepToShare(at place) error {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return err
	}
	cores, procs := allowed.Count(), runtime.GOMAXPROCS(0)
	lo, hi := at.cores(cores)
	if hi-lo < cores {
		if err := keepTo(nth(&allowed, lo, hi)); err != nil {
			return err
		}
	}
	quota := procs < cores && os.Getenv("GOMAXPROCS") == ""
	if n := at.procs(hi-lo, procs, quota); n < procs {
		runtime.GOMAXPROCS(n)
	}
	return nil
}

// A place is where a task is among the job's peers on its machine.
type place struct{ before, own, here int } // peers of the tasks before it, its own, all

func placeOf(start *wire.TaskStart) (p place) {
	me := start.Key.Task
	for task, r := range start.Ranges {
		if hostOf(start, task) != hostOf(start, me) {
			continue
		}
		if p.here += r.N(); task < me {
			p.before += r.N()
		}
	}
	p.own = start.Ranges[me].N()
	return p
}

// cores returns which of n cores are the task's: all of them, unless peers and cores can be
// shared out evenly. With as many of each core, jobs side by side are spread evenly too.
func (p place) cores(n int) (lo, hi int) {
	if p.here%n != 0 && n%p.here != 0 {
		return 0, n
	}
	return p.before * n / p.here, ((p.before+p.own)*n + p.here - 1) / p.here
}

// procs returns how many goroutines the task runs at once on so many cores, where Go would run all. That
// is fewer than there are cores where a cgroup has a quota, which the tasks share.
func (p place) procs(cores, all int, quota bool) int {
	if quota {
		all = (all*p.own + p.here - 1) / p.here
	}
	return min(cores, all)
}

// nth returns the members lo to hi of a set.
func nth(set *unix.CPUSet, lo, hi int) *unix.CPUSet {
	var some unix.CPUSet
	for cpu, seen := 0, 0; seen < hi; cpu++ {
		if !set.IsSet(cpu) {
			continue
		}
		if seen >= lo {
			some.Set(cpu)
		}
		seen++
	}
	return &some
}

// keepTo binds all threads of this process. New ones are bound as those that make them, so that
// it is done when all have been seen.
func keepTo(set *unix.CPUSet) error {
	bound := map[int]bool{}
	for again := true; again; {
		again = false
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil || bound[id] {
				continue
			}
			if err := unix.SchedSetaffinity(id, set); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
			bound[id], again = true, true
		}
	}
	return nil
}
