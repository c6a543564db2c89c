package groom

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"syscall"

	"scalar/bsp/job"

	"golang.org/x/sys/unix"
)

// reach reports whether a user may pass through a folder, or execute a file, and all
// folders above it. nil is the user that runs the groom.
func reach(u *User, path string) (err error) {
	if u == nil {
		return unix.Access(path, unix.X_OK)
	}
	onOwnThread(func() {
		if err = becomeUser(*u); err == nil {
			err = unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
		}
	})
	return err
}

// becomeUser makes the calling thread see files as the user does. It is raw system
// calls since the C library, and Go, do this to all threads of a process. A thread
// that cannot be made so has no use any more.
func becomeUser(u User) error {
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return fmt.Errorf("give up groups: %w", errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, ^uintptr(0), uintptr(u.GID), ^uintptr(0)); errno != 0 {
		return fmt.Errorf("become group %d: %w", u.GID, errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(u.UID), ^uintptr(0)); errno != 0 {
		return fmt.Errorf("become user %d: %w", u.UID, errno)
	}
	return nil
}

// checkUser says at the start what would fail every task.
func (n *node) checkUser() error {
	for _, dir := range []string{n.dir.tasks(), n.dir.programs()} {
		if err := reach(n.cfg.TaskUser, dir); err != nil {
			return fmt.Errorf("task_user %d cannot reach %s (%w): let it pass through all folders above (mode 0711), or choose another data folder", n.cfg.TaskUser.UID, dir, err)
		}
	}
	return nil
}

// startFailure tells a program that cannot be executed from a node that cannot
// execute: the program's own are bytes that are no program, and an interpreter or
// loader that is not there or not to be executed, while its file and the task's folder
// are.
func (l *life) startFailure(path string, err error) *job.Failure {
	missing := errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
	if missing && reach(l.cfg.TaskUser, path) == nil && reach(l.cfg.TaskUser, l.workDir()) == nil || errors.Is(err, syscall.ENOEXEC) {
		return job.Fail(job.FaultProgram, "program %s cannot be executed: build it as a static binary for linux/%s (%v)", l.task.Order.Program.Name, runtime.GOARCH, err)
	}
	return setupFailure(l.key, err)
}
