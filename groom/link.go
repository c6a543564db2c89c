package groom

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"scalar/bsp/wire"
	"scalar/groom/table"
	"scalar/internal/gossip"
	"scalar/internal/netx"
	"scalar/internal/pack"
	"scalar/internal/pki"
	"scalar/internal/rpc"
)

const (
	alpn         = "bsp-groom"
	minPatience  = 300 * time.Millisecond // with masters in one round of looking for the leader: a silent one
	maxPatience  = 3 * time.Second        // must not hold up a failover, a slow machine must get through
	replyTimeout = 2 * time.Second        // a leader that does not answer a report for this long is left: the lease lasts 3 s
	soonDelay    = 100 * time.Millisecond // progress waits this long for company
	minBackoff   = 20 * time.Millisecond  // between rounds
	maxBackoff   = 500 * time.Millisecond
	leaveTimeout = 300 * time.Millisecond // for the last report

	complainEvery = time.Minute
	maxTold       = 256 // reasons remembered
)

// link keeps one RPC connection to the leader and reports over it.
type link struct {
	table     *table.Table
	facts     wire.Report // what does not change while the groom lives
	tls       *tls.Config
	members   func() []gossip.Member
	changed   <-chan struct{} // members
	handler   rpc.Handler
	heartbeat time.Duration
	log       *slog.Logger

	known map[string]string    // addresses by master; kept when gossip, which may err, calls one gone; only for run
	told  map[string]time.Time // when a master and its reason were last told; only for run

	mu  sync.Mutex // guards what follows
	seq uint64     // of the last report
}

// run finds the leader, stays with it while it answers, and looks again. When
// ctx has ended it tells the leader and returns.
func (k *link) run(ctx context.Context) {
	var hints []string
	wait, patience := minBackoff, minPatience
	for ctx.Err() == nil {
		found := k.find(ctx, hints, patience)
		hints = found.hints
		if found.session == nil {
			k.rest(ctx, wait)
			wait, patience = min(2*wait, maxBackoff), min(2*patience, maxPatience)
			continue
		}
		wait, patience = minBackoff, minPatience
		k.log.Info("connected to the leader", "master", found.session.addr)
		hint, err := k.stay(ctx, found.session)
		if ctx.Err() != nil {
			k.leave(ctx, found.session)
		}
		found.session.close()
		if hint != "" {
			hints = []string{hint}
		}
		if ctx.Err() == nil {
			k.log.Warn("left the leader, tasks keep running", "master", found.session.addr, "hint", hint, "error", err)
		}
	}
}

// rest waits until another try makes sense.
func (k *link) rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d/2 + rand.N(d)) // spread, so that grooms do not come all at once
	defer t.Stop()
	select {
	case <-t.C:
	case <-k.changed:
	case <-ctx.Done():
	}
}

// session is a connection to one master.
type session struct {
	addr string
	conn *rpc.Conn
	done chan struct{} // closed when conn.Run has returned
}

func (s *session) close() {
	_ = s.conn.Close()
	<-s.done
}

// search is the outcome of asking some masters.
type search struct {
	session *session // to the leader; nil: not found
	hints   []string // who others think is the leader
}

// find asks all known masters at once, and those that they name. The first that
// says it is the leader wins.
func (k *link) find(ctx context.Context, hints []string, patience time.Duration) search {
	asked := map[string]bool{}
	addrs := slices.Clone(hints)
	for _, m := range k.members() {
		if m.Role == pki.RoleMaster {
			k.known[m.ID] = m.Addr
		}
	}
	for _, addr := range k.known {
		addrs = append(addrs, addr)
	}
	for {
		var round []string
		for _, a := range addrs {
			if a != "" && !asked[a] {
				asked[a] = true
				round = append(round, a)
			}
		}
		if len(round) == 0 {
			return search{}
		}
		s := k.ask(ctx, round, patience)
		if s.session != nil || len(s.hints) == 0 {
			return s
		}
		addrs = s.hints
	}
}

// ask connects to every address and reports there, all within patience.
func (k *link) ask(ctx context.Context, addrs []string, patience time.Duration) search {
	type answer struct {
		session   *session
		hint, who string
		err       error
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answers := make(chan answer, len(addrs))
	for _, addr := range addrs {
		go func() { // waited for by the loop below
			s, hint, err := k.try(ctx, addr)
			if ctx.Err() != nil {
				err = nil // of no interest any more
			}
			answers <- answer{s, hint, addr, err}
		}()
	}
	var out search
	for range addrs {
		a := <-answers
		if a.err != nil {
			k.complain(ctx, a.who, a.err)
		}
		switch {
		case a.session != nil && out.session == nil:
			out.session = a.session
			cancel() // the others are not needed
		case a.session != nil:
			a.session.close()
		case a.hint != "":
			out.hints = append(out.hints, a.hint)
		}
	}
	return out
}

// noLeader is in a master's answer while it knows none, as in every failover.
const noLeader = "no leader is known"

// complain tells that a master does not take this groom: each reason once a minute,
// and what every failover brings only on the debug level.
func (k *link) complain(ctx context.Context, master string, err error) {
	level, now := slog.LevelWarn, time.Now()
	key := master + "\x00" + reason(err)
	switch last, told := k.told[key]; {
	case errors.Is(err, syscall.ECONNREFUSED), strings.Contains(err.Error(), noLeader), told && now.Sub(last) < complainEvery:
		level = slog.LevelDebug
	case len(k.told) > maxTold:
		clear(k.told)
		fallthrough
	default:
		k.told[key] = now
	}
	k.log.Log(ctx, level, "a master does not take this groom", "master", master, "error", err)
}

// reason returns an error's text without the addresses of a connection, which has
// another port every time.
func reason(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

// try connects to one master and sends a report. It returns a session if that is
// the leader, or who is.
func (k *link) try(ctx context.Context, addr string) (*session, string, error) {
	raw, err := netx.Dial(ctx, addr)
	if err != nil {
		return nil, "", err
	}
	conn := tls.Client(raw, k.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, "", errors.Join(fmt.Errorf("TLS: %w", err), raw.Close())
	}
	s := &session{addr: addr, conn: rpc.NewConn(conn, k.handler, rpc.Config{MaxBody: pack.MaxOrders}), done: make(chan struct{})}
	// The session outlives this search; whoever gets it closes it.
	serving := context.WithoutCancel(ctx)
	go func() {
		defer close(s.done)
		_ = s.conn.Run(serving) // the reason is told by the calls on it
	}()
	reply, err := k.report(ctx, s, false)
	if err == nil && reply.Leader == "" && reply.Term > 0 {
		return s, "", nil
	}
	s.close()
	return nil, reply.Leader, err
}

// stay reports to the leader until the link is lost, the master says that it is
// no longer the leader, or ctx ends. It returns who is, if the master knows.
func (k *link) stay(ctx context.Context, s *session) (hint string, err error) {
	beat := time.NewTicker(k.heartbeat)
	defer beat.Stop()
	var soon <-chan time.Time // set while progress waits to be told
	for {
		select {
		case <-k.table.Changed():
		case <-beat.C:
		case <-soon:
		case <-k.table.Moved():
			if soon == nil {
				soon = time.After(soonDelay)
			}
			continue
		case <-s.conn.Done():
			return "", rpc.ErrClosed
		case <-ctx.Done():
			return "", nil
		}
		soon = nil
		reply, err := k.reportIn(ctx, replyTimeout, s)
		if err != nil || reply.Leader != "" || reply.Term == 0 {
			return reply.Leader, err
		}
	}
}

// leave tells the leader that this groom shuts down in order.
func (k *link) leave(ctx context.Context, s *session) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	if _, err := k.report(last, s, true); err != nil {
		k.log.Debug("the leader was not told of the end", "error", err)
	}
}

func (k *link) reportIn(ctx context.Context, limit time.Duration, s *session) (wire.ReportReply, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return k.report(ctx, s, false)
}

// report sends all that runs here and takes the answer.
func (k *link) report(ctx context.Context, s *session, leaving bool) (wire.ReportReply, error) {
	var reply wire.ReportReply
	r := k.facts
	r.Leaving = leaving
	// A later number never carries an earlier state.
	k.mu.Lock()
	k.seq++
	r.Seq = k.seq
	k.table.Fill(&r)
	k.mu.Unlock()
	body, err := pack.Marshal(r)
	if err != nil {
		return reply, err
	}
	if body, err = s.conn.Call(ctx, wire.MethodReport, body); err != nil {
		return reply, fmt.Errorf("report to %s: %w", s.addr, err)
	}
	if err := pack.Unmarshal(body, &reply); err != nil {
		return reply, fmt.Errorf("answer of %s: %w", s.addr, err)
	}
	return reply, k.table.Learn(reply.Cluster)
}
