package fsm

import (
	"errors"
	"fmt"

	"scalar/bsp/job"
)

// What a command can be refused for. [Result.Err] wraps one of them.
var (
	ErrInvalid    = errors.New("invalid command")                        // malformed or over a limit
	ErrStale      = errors.New("stale command")                          // about an epoch, incarnation or plan that is over
	ErrNotFound   = errors.New("not found")                              // no such job, groom or token
	ErrFinal      = errors.New("the job has ended")                      //
	ErrCommitting = errors.New("the job is making its output visible")   // too late to stop it
	ErrConflict   = errors.New("conflict with what the cluster has")     // another cluster's UUID, a token id in use
	ErrFull       = errors.New("the cluster holds as many as it can")    // jobs, grooms or tokens
	ErrReused     = errors.New("request id was used for something else") //
)

// Code is an outcome as it is stored; 0 is success.
type Code uint8

// codes lists the sentinels by Code-1. Append only: codes are in snapshots.
var codes = [...]error{ErrInvalid, ErrStale, ErrNotFound, ErrFinal, ErrCommitting, ErrConflict, ErrFull, ErrReused}

// Result is what a command did.
type Result struct {
	Code    Code   `msgpack:",omitempty"`
	Message string `msgpack:",omitempty"` // what was wrong
	Job     job.ID `msgpack:",omitempty"` // that the command was about
	Token   string `msgpack:",omitempty"` // id of the token that the command was about
	Groom   string `msgpack:",omitempty"` // that a drain was about
}

// Err returns nil, or an error that wraps a sentinel of this package.
func (r Result) Err() error {
	if r.Code == 0 {
		return nil
	}
	if int(r.Code) > len(codes) {
		return fmt.Errorf("code %d: %s", r.Code, r.Message)
	}
	if r.Message == "" {
		return codes[r.Code-1]
	}
	return fmt.Errorf("%w: %s", codes[r.Code-1], r.Message)
}

// refuse returns the Result for err, which wraps a sentinel.
func refuse(sentinel error, format string, args ...any) Result {
	for i, e := range codes {
		if errors.Is(sentinel, e) {
			return Result{Code: Code(i + 1), Message: fmt.Sprintf(format, args...)}
		}
	}
	panic("fsm: refuse without a sentinel")
}
