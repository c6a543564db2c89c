package taskproc

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"scalar/internal/procfs"
)

// killRounds is how often Kill looks for processes that were made while it killed
// the others.
const killRounds = 16

// Kill ends the process and all that it started, as far as they can be told (see
// the package's doc), by SIGKILL. One that refuses, as a process of another user may,
// is an error and does not save the others. It is no error if they are gone; once Wait
// has reaped the process it does nothing.
func (p *Proc) Kill() error {
	p.killing.Lock()
	defer p.killing.Unlock()
	if p.reaped {
		return nil
	}
	return killFamily(p.PID(), unix.Kill)
}

// killFamily kills a process, its group, session and descendants.
func killFamily(leader int, kill func(pid int, s unix.Signal) error) error {
	refused := map[int]bool{}
	var errs []error
	for range killRounds {
		found := family(leader)
		for _, pid := range append([]int{-leader}, found...) { // the group by its negated number
			err := kill(pid, unix.SIGKILL)
			if err == nil || errors.Is(err, unix.ESRCH) || refused[pid] {
				continue
			}
			refused[pid] = true // the others may end meanwhile, and it be found no more
			errs = append(errs, fmt.Errorf("kill task: process %d: %w", pid, err))
		}
		if len(found) == 0 {
			break
		}
	}
	return errors.Join(errs...)
}

// family returns the living processes in the session of leader and the descendants
// of leader and of those.
func family(leader int) []int {
	all := processes()
	in := map[int]bool{}
	for pid, s := range all {
		if s.session == leader {
			in[pid] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for pid, s := range all {
			if !in[pid] && (in[s.parent] || s.parent == leader) {
				in[pid], grown = true, true
			}
		}
	}
	found := make([]int, 0, len(in))
	for pid := range in {
		if pid != leader && !all[pid].dead {
			found = append(found, pid)
		}
	}
	return found
}

// stat is what Kill needs of /proc/PID/stat.
type stat struct {
	parent  int
	session int
	dead    bool // a zombie
}

// processes reads /proc; a process that ends meanwhile is left out.
func processes() map[int]stat {
	all := map[int]stat{}
	buf := make([]byte, 4096)
	for _, pid := range procfs.PIDs() {
		b, err := procfs.Read(pid, "stat", buf)
		if err != nil {
			continue
		}
		if s, ok := parseStat(b); ok {
			all[pid] = s
		}
	}
	return all
}

// parseStat reads "pid (name) state ppid pgrp session …"; the name may hold
// anything.
func parseStat(b []byte) (s stat, ok bool) {
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return s, false
	}
	f := bytes.Fields(b[i+1:])
	if len(f) < 4 {
		return s, false
	}
	s.dead = f[0][0] == 'Z' || f[0][0] == 'X'
	var err1, err2 error
	s.parent, err1 = strconv.Atoi(string(f[1]))
	s.session, err2 = strconv.Atoi(string(f[3]))
	return s, err1 == nil && err2 == nil
}
