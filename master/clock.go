package master

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"scalar/internal/gossip"

	"github.com/hashicorp/raft"
)

const (
	maxClockError = time.Hour        // between the clocks of two masters
	clockRetry    = 10 * time.Second // before a master with a wrong clock tries again to lead
)

// errWrongClock keeps a master from leading. State time never goes back: one reign
// a year ahead would forget all that is kept for days and end every job with a
// timeout, and a reign a year behind would look like a clock that stands.
var errWrongClock = errors.New("this master's clock is more than 1 h from the clocks of the others: set it right; until then another master leads")

// reignClock is the clock of the replicated state while this master leads. It
// begins at the time of the state, or at this master's own if that is later, as it
// is after a pause; and then it goes as monotonic time does, whatever is done to
// the machine's clock.
type reignClock struct {
	start atomic.Pointer[clockStart] // nil: not leading
}

type clockStart struct {
	state time.Time // what the clock showed
	began time.Time // and when, by monotonic time
}

func (c *reignClock) begin(state, wall time.Time) {
	if wall.After(state) {
		state = wall
	}
	c.start.Store(&clockStart{state.UTC().Round(0), time.Now()})
}

func (c *reignClock) end() { c.start.Store(nil) }

// stamp returns the time for a command; ok is false while this master does not lead.
func (c *reignClock) stamp() (now time.Time, ok bool) {
	s := c.start.Load()
	if s == nil {
		return time.Time{}, false
	}
	return s.state.Add(time.Since(s.began)), true
}

// now is stamp, or this master's own time while it does not lead.
func (c *reignClock) now() time.Time {
	if now, ok := c.stamp(); ok {
		return now
	}
	return time.Now()
}

// startClock begins the clock of this reign. It returns errWrongClock when most
// masters can be asked and this one's clock is not near those of most.
func (m *Master) startClock(ctx context.Context) error {
	servers, err := m.node.servers()
	if err != nil {
		return err
	}
	var asking sync.WaitGroup
	defer asking.Wait()
	ctx, cancel := context.WithTimeout(ctx, meetTimeout)
	defer cancel() // a master that does not answer is not waited for
	voters := 0
	clocks := make(chan time.Time, len(servers)) // sent by each question once: zero without an answer
	for _, s := range servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		if string(s.ID) == m.id {
			continue
		}
		asking.Go(func() { clocks <- m.clockOf(ctx, s) })
	}
	if err := agree(m.wall, clocks, voters); err != nil {
		return err
	}
	m.clock.begin(m.node.State().Now, m.wall())
	return nil
}

func (m *Master) clockOf(ctx context.Context, s raft.Server) time.Time {
	addr, err := m.roster.ServerAddr(s.ID)
	if err != nil {
		addr = s.Address
	}
	a, err := m.ask(ctx, gossip.Member{ID: string(s.ID), Addr: string(addr)}, question{From: m.id})
	if err != nil {
		m.log.Debug("a master does not tell its time", "master", s.ID, "error", err)
		return time.Time{}
	}
	return a.Clock
}

// agree compares this master's clock with the answers of the other voters. It
// returns as soon as most of them, with this one, agree.
func agree(wall func() time.Time, clocks <-chan time.Time, voters int) error {
	answered, near, most := 1, 1, voters/2+1
	for asked := 1; asked < voters && near < most; asked++ {
		clock := <-clocks
		if clock.IsZero() {
			continue
		}
		answered++
		if wall().Sub(clock).Abs() <= maxClockError {
			near++
		}
	}
	switch {
	case near >= most:
		return nil
	case answered >= most:
		return errWrongClock
	}
	return fmt.Errorf("compare clocks: %d of %d masters answer", answered, voters)
}
