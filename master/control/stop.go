package control

import (
	"scalar/bsp/wire"
	"scalar/master/fsm"
)

// checkStop ends a job that is being stopped: as soon as its tasks have come to the
// barrier at which all end, when it cannot come to that any more, or when the time
// that it had for it has passed.
func (t *turn) checkStop(j *fsm.Job, list []status) {
	if end := j.Stopping.Deadline; t.now.Before(end) && stopsByItself(list) {
		t.at(end)
		return
	}
	t.propose("stop/"+string(j.ID), fsm.Command{Stop: &fsm.Stop{Job: j.ID, By: j.EndedBy, Last: t.soFar(j)}})
}

// stopsByItself reports whether a task is yet to end and all may still meet at a
// barrier. They do not where one has failed or lost a link, or has not begun to
// work: it is not started any more. Of a groom that does not report nothing is
// known; its lease ends the attempt.
func stopsByItself(list []status) bool {
	ended := 0
	for _, s := range list {
		switch {
		case !s.here:
		case s.TaskStatus == nil, s.Phase < wire.Working, s.Phase == wire.Dead, s.Failure != nil:
			return false
		case s.Phase == wire.Done, s.Phase == wire.Stopped:
			ended++
		}
	}
	return ended < len(list)
}
