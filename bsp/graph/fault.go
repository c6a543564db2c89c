package graph

import (
	"errors"
	"fmt"
	"io/fs"

	"scalar/bsp/job"
)

// A lineFault says what is wrong at a byte of a block.
type lineFault struct {
	offset int
	what   string
}

// Error returns what is wrong.
func (f *lineFault) Error() string { return f.what }

func faultAt(offset int, format string, args ...any) error {
	return &lineFault{offset, fmt.Sprintf(format, args...)}
}

// inputFailure makes the job's failure of an error about its input: exit code 3
// for a missing file, else 1.
func inputFailure(err error) error {
	f := job.Fail(job.FaultInput, "%v", err)
	if errors.Is(err, fs.ErrNotExist) {
		f.Code = job.ExitNotFound
	}
	return f
}

// malformed says where in the input a line is wrong.
func malformed(where func(offset int) string, err error) error {
	if f, ok := errors.AsType[*lineFault](err); ok {
		return job.Fail(job.FaultInput, "%s: %s", where(f.offset), f.what)
	}
	return err
}
