package superstep

import (
	"errors"
	"fmt"
)

// What callers act on.
var (
	// ErrAborted is wrapped by every error of a group that was ended by Abort, here
	// or in another task, or by the end of a context; only the call whose context it
	// was returns that context's cause instead.
	ErrAborted = errors.New("superstep aborted")
	// ErrEpoch is wrapped where a task of another job or epoch was met.
	ErrEpoch = errors.New("task of another job or epoch")
	// ErrFrame is wrapped by errors about bytes that are no valid frame at this place.
	ErrFrame = errors.New("malformed frame")
	// ErrInbox is wrapped by errors about saved inboxes and bundles that cannot be decoded.
	ErrInbox = errors.New("malformed messages")
	// ErrSpillLimit is the cause of a SpillError where a superstep sent more than may
	// wait on disk.
	ErrSpillLimit = errors.New("a superstep sends more than may wait on disk: send less at once, combine, or raise the limit")
	// ErrClosed is returned by calls on a peer that has left or a group that has ended.
	ErrClosed = errors.New("the peer has left")
)

// LinkError says that the link to another task broke, or that what came over it
// was wrong. When a third task told of it, Task is the one that was lost.
type LinkError struct {
	Task int
	Err  error
}

// Error names the task.
func (e *LinkError) Error() string { return fmt.Sprintf("link to task %d: %v", e.Task, e.Err) }

// Unwrap returns the cause.
func (e *LinkError) Unwrap() error { return e.Err }
