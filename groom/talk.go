package groom

import (
	"errors"
	"io"
	"net"
	"slices"

	"scalar/bsp/wire"
)

// maxCheckpoints is how many finished checkpoints of a task stay in its reports:
// the tasks of a job may be that many apart and still find one in common.
const maxCheckpoints = 16

// maxPath is the length of a file's URL that a task may report, in bytes.
const maxPath = 4096

// conversation is what a groom and its task say to each other on descriptor 3.
type conversation struct {
	*life
	out   chan<- wire.ToTask // to speak
	addrs []string           // of all tasks, once ordered
	heard bool               // the task has told its own
	met   bool               // addrs are sent
}

// begin gives the task its orders, completed with what only its groom knows.
func (c *conversation) begin() {
	start := c.task.order.Start
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
	if c.lastWord {
		return
	}
	switch {
	case m.Address != nil && !c.heard:
		c.heard = true
		addr := hostOf(m.Address.Addr, c.host)
		c.report(true, func(s *wire.TaskStatus) { s.Phase, s.Addr = wire.Listening, addr })
		c.meet(c.addrs)
	case m.Progress != nil:
		p := m.Progress
		c.report(false, func(s *wire.TaskStatus) {
			s.Phase, s.Superstep, s.Counters, s.Seconds = wire.Working, p.Superstep, boundCounters(p.Counters), p.Seconds
		})
	case m.Checkpoint != nil && !c.plausible(m.Checkpoint.Files), m.Done != nil && !c.plausible(m.Done.Parts):
		c.nonsense = errors.New("more files than peers, or a path that is too long")
		c.kill()
	case m.Checkpoint != nil:
		c.report(true, func(s *wire.TaskStatus) {
			s.Checkpoints = append(s.Checkpoints, *m.Checkpoint)
			s.Checkpoints = s.Checkpoints[max(0, len(s.Checkpoints)-maxCheckpoints):]
		})
	case m.LinkLost != nil:
		f := complete(m.LinkLost, c.key, c.cfg.Name)
		c.report(true, func(s *wire.TaskStatus) { s.Failure = f })
	case m.Done != nil:
		c.lastWord = true
		d := m.Done
		c.report(true, func(s *wire.TaskStatus) {
			s.Phase, s.Failure, s.Superstep, s.Parts = wire.Done, nil, d.Supersteps, d.Parts
			s.Counters, s.Seconds = boundCounters(d.Counters), d.Seconds
		})
	case m.Failed != nil:
		c.lastWord = true
		c.fail(m.Failed)
	}
	if c.lastWord {
		c.out <- wire.ToTask{Stop: true}
	}
}

// plausible reports whether a task's files are so few and their paths so short that
// the groom's report of all its tasks stays within its limit.
func (c *conversation) plausible(files []wire.Part) bool {
	return len(files) <= c.task.peers() &&
		!slices.ContainsFunc(files, func(p wire.Part) bool { return len(p.Path) > maxPath })
}

func (c *conversation) report(urgent bool, change func(s *wire.TaskStatus)) {
	c.table.update(c.task, urgent, change)
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
