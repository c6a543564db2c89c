package groom

import (
	"errors"
	"io"
	"net"
	"time"

	"scalar/bsp/wire"
)

// maxCheckpoints is how many finished checkpoints of a task stay in its reports:
// the tasks of a job may be that many apart and still find one in common.
const maxCheckpoints = 16

// conversation is what a groom and its task say to each other on descriptor 3.
type conversation struct {
	*life
	out   chan<- wire.ToTask // to speak
	addrs []string           // of all tasks, once ordered
	heard bool               // the task has told its own
	met   bool               // addrs are sent
	asked bool               // it is ordered to end at its next barrier
}

// begin gives the task its orders, completed with what only its groom knows.
func (c *conversation) begin() {
	start := c.task.Order.Start
	if start.Listen == "" {
		start.Listen = c.host
		if start.DataPlane == wire.PlaneUnix {
			start.Listen = c.tmpDir()
		}
	}
	c.out <- wire.ToTask{Start: &start}
}

// hear takes one message of the task.
func (c *conversation) hear(m wire.FromTask) {
	if m.Trace != nil && c.nonsense == nil {
		c.traced(m.Trace)
		return
	}
	if c.lastWord || c.nonsense != nil {
		return
	}
	if c.nonsense = c.share.check(m, c.task.Range()); c.nonsense != nil {
		c.kill()
		return
	}
	switch {
	case m.Address != nil && !c.heard:
		c.heard = true
		addr := clip(hostOf(m.Address.Addr, c.host), maxAddr)
		c.report(true, func(s *wire.TaskStatus) { s.Phase, s.Addr = wire.Listening, addr })
		c.meet(c.addrs)
	case m.Progress != nil:
		p := m.Progress
		c.report(false, func(s *wire.TaskStatus) {
			s.Phase, s.Superstep, s.Counters, s.Seconds, s.Times = wire.Working, p.Superstep, boundCounters(p.Counters, c.share.counters()), p.Seconds, p.Times
			s.Note = p.Note
		})
	case m.Checkpoint != nil:
		c.report(true, func(s *wire.TaskStatus) {
			s.Checkpoints = c.share.newest(append(s.Checkpoints, *m.Checkpoint))
		})
	case m.LinkLost != nil:
		f := c.complete(m.LinkLost)
		c.report(true, func(s *wire.TaskStatus) { s.Failure = f })
	case m.Done != nil:
		c.lastWord = true
		d := m.Done
		c.report(true, func(s *wire.TaskStatus) {
			s.Phase, s.Failure, s.Superstep, s.Parts = wire.Done, nil, d.Supersteps, d.Parts
			s.Counters, s.Seconds, s.Times = boundCounters(d.Counters, c.share.counters()), d.Seconds, d.Times
			if d.Stopped {
				s.Phase, s.Parts = wire.Stopped, nil
			}
		})
	case m.Failed != nil:
		c.lastWord = true
		c.fail(m.Failed)
	}
	if c.lastWord {
		c.out <- wire.ToTask{Stop: true}
	}
}

func (c *conversation) report(urgent bool, change func(s *wire.TaskStatus)) {
	c.table.Update(c.task, urgent, change)
}

// meet gives the task the addresses of all, once both sides are ready.
func (c *conversation) meet(addrs []string) {
	c.addrs = addrs
	if c.met || !c.heard || len(addrs) == 0 {
		return
	}
	c.met = true
	c.out <- wire.ToTask{Connect: &wire.Connect{Addrs: addrs}}
	c.report(true, func(s *wire.TaskStatus) { s.Phase = wire.Working })
	if c.asked {
		c.out <- wire.ToTask{Barrier: true}
	}
}

// askToStop has the task end at its next barrier; there is none before it has met
// the others.
func (c *conversation) askToStop() {
	c.asked = true
	if c.met {
		c.out <- wire.ToTask{Barrier: true}
	}
}

// hush takes the end of what the task says; err says why that was no message.
func (c *conversation) hush(err error) {
	if err != nil && c.nonsense == nil {
		c.nonsense = err
		c.kill()
	}
}

// drain takes what a task said last, when all its processes have ended, until the
// listener has come to the end of it. Where one that cannot be found holds the socket
// there is no end, and drain returns after drainTimeout. It counts that in ticks: a
// machine that stood still for so long has not listened for so long.
func (c *conversation) drain(words <-chan wire.FromTask, silent <-chan error) {
	const ticks = 10
	tick := time.NewTicker(drainTimeout / ticks)
	defer tick.Stop()
	for n := 0; n < ticks; {
		select {
		case m := <-words:
			c.hear(m)
		case err := <-silent:
			c.hush(err)
			return
		case <-tick.C:
			n++
		}
	}
	select {
	case m := <-words: // it is as late as the last tick
		c.hear(m)
	default:
	}
}

// listen brings the task's messages until it says no more. The error is nil if
// the task closed its end.
func (l *life) listen(words chan<- wire.FromTask, over <-chan struct{}) error {
	for {
		m, err := l.proc.Recv()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		select {
		case words <- m:
		case <-over:
			return nil
		}
	}
}

// speak sends what it is given. An error means that the task has gone, which
// attend notices by itself.
func (l *life) speak(out <-chan wire.ToTask, over <-chan struct{}) {
	for {
		select {
		case m := <-out:
			if l.proc.Send(m) != nil {
				return
			}
		case <-over:
			return
		}
	}
}
