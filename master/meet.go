package master

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"scalar/internal/gossip"
	"scalar/internal/pack"
)

const (
	meetTimeout = 2 * time.Second
	meetLimit   = 64 << 10         // bytes of a question or an answer
	promiseLife = 10 * time.Second // an agreement to found a cluster that was not
)

// question is what a master asks another over ALPN "bsp-meet": one frame there,
// one frame back.
type question struct {
	From  string   // the asker's server id
	Found []string // ids, sorted, that From wants to found a cluster with; none: how are you?
}

// answer is the other's state.
type answer struct {
	ID       string
	Cluster  string        // UUID of the cluster that it belongs to
	HasState bool          // its log is not empty: it must not found a cluster
	Expect   int           // its bootstrap_expect
	Agrees   bool          // to Found, and to nothing else for promiseLife
	Last     uint64        // index of its last log entry
	Contact  time.Duration // since it heard of the leader; < 0: never
	Clock    time.Time     // what its clock shows
}

// promise is the set that this master has agreed to found a cluster with. Two
// overlapping sets that both bootstrap would be a split brain.
type promise struct {
	mu    sync.Mutex // guards what follows
	found []string
	until time.Time
}

// give agrees to found, unless another set was agreed to lately.
func (p *promise) give(found []string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Before(p.until) && !slices.Equal(p.found, found) {
		return false
	}
	p.found, p.until = slices.Clone(found), now.Add(promiseLife)
	return true
}

// ask puts a question to another master.
func (m *Master) ask(ctx context.Context, to gossip.Member, q question) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, meetTimeout)
	defer cancel()
	c, err := m.streams.dial(ctx, to.Addr, m.streams.meet)
	if err != nil {
		return answer{}, fmt.Errorf("meet master %s: %w", to.ID, err)
	}
	defer func() { _ = c.Close() }() // the answer is in, or the error is known
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })
	defer stop()
	var a answer
	if err = pack.WriteFrame(c, q); err == nil {
		err = pack.ReadFrame(c, meetLimit, &a)
	}
	if err == nil && a.ID != to.ID {
		err = fmt.Errorf("it calls itself %q", a.ID)
	}
	if err != nil {
		return answer{}, fmt.Errorf("meet master %s: %w", to.ID, err)
	}
	return a, nil
}

// meet answers one question on c.
func (m *Master) meet(_ context.Context, c net.Conn) {
	err := c.SetDeadline(time.Now().Add(meetTimeout))
	var q question
	if err == nil {
		err = pack.ReadFrame(c, meetLimit, &q)
	}
	if err == nil {
		err = pack.WriteFrame(c, m.answer(q))
	}
	if err != nil {
		m.log.Debug("meeting", "from", c.RemoteAddr(), "error", err)
	}
}

func (m *Master) answer(q question) answer {
	a := answer{
		ID: m.id, Cluster: m.dir.cluster(), HasState: m.hasState(), Expect: m.cfg.BootstrapExpect,
		Last: m.node.raft.LastIndex(), Contact: -1, Clock: m.wall(),
	}
	if last := m.node.raft.LastContact(); !last.IsZero() {
		a.Contact = time.Since(last)
	}
	if len(q.Found) == a.Expect && a.Expect > 0 && !a.HasState &&
		slices.Contains(q.Found, m.id) && slices.IsSorted(q.Found) && q.From == q.Found[0] {
		a.Agrees = m.promise.give(q.Found, time.Now())
	}
	return a
}

// hasState reports whether this master's log is not empty.
func (m *Master) hasState() bool { return m.node.hadState || m.node.raft.LastIndex() > 0 }
