package superstep

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Kinds of an abort frame's payload.
const (
	farewellAborted = 1 // Abort was called, or a context ended
	farewellLink    = 2 // a link broke
)

// maxFarewell is the most bytes of an abort frame's text.
const maxFarewell = 4 << 10

// farewell is the abort frame that tells why this group ended. A task that was told
// says it again on its other links, so that it does not matter which of them
// speaks first: u8 kind, u32 task, text.
func (g *Group) farewell(l *link) outFrame {
	kind, task, text := byte(farewellAborted), g.cfg.Task, g.cause.Error()
	if lost, ok := errors.AsType[*LinkError](g.cause); ok {
		kind, task, text = farewellLink, lost.Task, lost.Err.Error()
	}
	if told, ok := errors.AsType[*remoteAbort](g.cause); ok {
		task, text = told.task, told.text
	}
	if len(text) > maxFarewell {
		text = text[:maxFarewell]
	}
	c := g.buffers.pool.get(5 + len(text))
	c.room()[0] = kind
	binary.LittleEndian.PutUint32(c.room()[1:], uint32(task))
	c.n = 5 + copy(c.room()[5:], text)
	return outFrame{h: header{typ: frameAbort, job: g.cfg.Job, epoch: g.cfg.Epoch, source: uint32(g.cfg.Task), dest: uint32(l.task)}, c: c}
}

// remoteAbort is another task's Abort.
type remoteAbort struct {
	task int
	text string
}

func (e *remoteAbort) Error() string { return fmt.Sprintf("by task %d: %s", e.task, e.text) }

// AbortedBy says which other task ended a group by Abort or by the end of its
// context, from an error that wraps ErrAborted; false if it was this task.
func AbortedBy(err error) (task int, ok bool) {
	if told, ok := errors.AsType[*remoteAbort](err); ok {
		return told.task, true
	}
	return 0, false
}

// parseFarewell decodes an abort frame that task from sent to task own.
func parseFarewell(h header, c *chunk, from, own int) error {
	if c == nil || len(c.payload()) < 5 || h.length > 5+maxFarewell {
		return fmt.Errorf("%w: abort frame of %d bytes", ErrFrame, h.length)
	}
	b := c.payload()
	task, text := int(binary.LittleEndian.Uint32(b[1:])), string(b[5:])
	switch b[0] {
	case farewellAborted:
		return &toldError{fmt.Errorf("%w %w", ErrAborted, &remoteAbort{task: task, text: text})}
	case farewellLink:
		if task == own {
			task = from // it is this link that it has lost
		}
		return &toldError{&LinkError{Task: task, Err: fmt.Errorf("task %d reports: %s", from, text)}}
	default:
		return fmt.Errorf("%w: abort frame of kind %d", ErrFrame, b[0])
	}
}
