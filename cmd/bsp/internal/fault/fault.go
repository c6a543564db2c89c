// Package fault gives errors of the command line their exit code.
package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"scalar/bsp/client"
	"scalar/bsp/job"
)

// Error is an error with the exit code that bsp ends with.
type Error struct {
	Code int
	Err  error // nil: what there is to say is on stderr already
}

// Error returns the line for people.
func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Usage is a wrong command line.
func Usage(format string, args ...any) error { return with(job.ExitUsage, format, args...) }

// NotFound is a program, job or file that is not there.
func NotFound(format string, args ...any) error { return with(job.ExitNotFound, format, args...) }

// Failed is work that failed.
func Failed(format string, args ...any) error { return with(job.ExitFailed, format, args...) }

// Unreachable is a cluster that cannot be asked.
func Unreachable(format string, args ...any) error { return with(job.ExitUnreachable, format, args...) }

// Exit ends bsp with code in silence.
func Exit(code int) error { return &Error{Code: code} }

func with(code int, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// Default gives err the code unless it has one of its own.
func Default(code int, err error) error {
	if err == nil || Code(err) != job.ExitInternal {
		return err
	}
	return &Error{Code: code, Err: err}
}

// Code returns the exit code for err.
func Code(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	if code := client.ExitCode(err); code != job.ExitInternal {
		return code
	}
	is := func(targets ...error) bool {
		return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
	}
	switch {
	case is(fs.ErrNotExist):
		return job.ExitNotFound
	case is(fs.ErrExist, syscall.ENOTDIR, syscall.EISDIR, syscall.ENAMETOOLONG, syscall.EADDRINUSE, syscall.EADDRNOTAVAIL):
		return job.ExitUsage
	case is(fs.ErrPermission, syscall.EROFS):
		return job.ExitDenied
	case is(syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EIO): // the disk's, not bsp's
		return job.ExitFailed
	case is(context.DeadlineExceeded):
		return job.ExitTimedOut
	case is(context.Canceled):
		return job.ExitStopped
	}
	return job.ExitInternal
}
