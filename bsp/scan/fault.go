package scan

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"scalar/bsp/job"
)

// A Fault says what is wrong at a byte of a block.
type Fault struct {
	Offset int
	What   string
}

// Error returns what is wrong.
func (f *Fault) Error() string { return f.What }

// FaultAt returns a *Fault.
func FaultAt(offset int, format string, args ...any) error {
	return &Fault{offset, fmt.Sprintf(format, args...)}
}

// InputFailure makes the job's failure of an error about its input: exit code 3
// for a missing file, else 1.
func InputFailure(err error) error {
	f := job.Fail(job.FaultInput, "%v", err)
	if errors.Is(err, fs.ErrNotExist) {
		f.Code = job.ExitNotFound
	}
	return f
}

// Malformed makes the job's failure of a *Fault: where says where in the input a byte
// of the block is. Other errors stay what they are.
func Malformed(where func(offset int) string, err error) error {
	if f, ok := errors.AsType[*Fault](err); ok {
		return job.Fail(job.FaultInput, "%s: %s", where(f.Offset), f.What)
	}
	return err
}

// Quote shows a field in an error, shortened.
func Quote(b []byte) string {
	if len(b) > 40 {
		return strconv.Quote(string(b[:37])) + "…"
	}
	return strconv.Quote(string(b))
}
