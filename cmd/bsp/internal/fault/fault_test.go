package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"

	"scalar/bsp/client"
	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/fault"
)

// TestCode checks that only what is a fault of bsp has the code that asks for a report.
func TestCode(t *testing.T) {
	for _, row := range []struct {
		err  error
		want int
	}{
		{fault.Usage("x"), job.ExitUsage},
		{fmt.Errorf("y: %w", fault.NotFound("x")), job.ExitNotFound},
		{fault.Default(job.ExitUsage, errors.New("x")), job.ExitUsage},
		{fault.Default(job.ExitUsage, fs.ErrNotExist), job.ExitNotFound},
		{job.Fail(job.FaultInput, "x"), job.ExitFailed},
		{client.ErrUnreachable, job.ExitUnreachable},
		{&os.PathError{Op: "open", Path: "p", Err: syscall.ENOENT}, job.ExitNotFound},
		{&os.PathError{Op: "mkdir", Path: "p", Err: syscall.EEXIST}, job.ExitUsage},
		{&os.PathError{Op: "mkdir", Path: "p", Err: syscall.ENOTDIR}, job.ExitUsage},
		{&os.PathError{Op: "open", Path: "p", Err: syscall.EACCES}, job.ExitDenied},
		{&os.PathError{Op: "open", Path: "p", Err: syscall.EROFS}, job.ExitDenied},
		{&net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}, job.ExitUsage},
		{&net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)}, job.ExitUsage},
		{&os.PathError{Op: "write", Path: "p", Err: syscall.ENOSPC}, job.ExitFailed},
		{&os.PathError{Op: "write", Path: "p", Err: syscall.EDQUOT}, job.ExitFailed},
		{&os.PathError{Op: "write", Path: "p", Err: syscall.EFBIG}, job.ExitFailed},
		{&os.PathError{Op: "read", Path: "p", Err: syscall.EIO}, job.ExitFailed},
		{fault.Default(job.ExitUsage, syscall.ENOSPC), job.ExitFailed},
		{context.DeadlineExceeded, job.ExitTimedOut},
		{context.Canceled, job.ExitStopped},
		{errors.New("x"), job.ExitInternal},
	} {
		if got := fault.Code(fmt.Errorf("while: %w", row.err)); got != row.want {
			t.Errorf("%v: code %d instead of %d", row.err, got, row.want)
		}
	}
}
