package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"scalar/bsp/wire"
	"scalar/internal/netx"
	"scalar/internal/pack"
	"scalar/internal/rpc"
)

// session is one connection of a groom. It takes reports in and pushes orders
// out: always the newest, whatever was given since the last push.
type session struct {
	id    uint64
	groom string // name in the certificate
	c     *Plane
	conn  *rpc.Conn

	spoke sync.Once     // with the first report
	met   chan struct{} // closed by handle then

	mu     sync.Mutex    // guards orders
	orders *wire.Orders  // not yet pushed
	kick   chan struct{} // holds a value while orders is set; sent by give
}

// A groom is acted on within 3 s of the moment when its machine is gone or cut off, in
// either direction: pingEvery until something is unacknowledged, machineLimit and at
// most pingEvery more until that is seen, Config.Grace and a commit are 2.9 s. A
// stopped process's machine acknowledges, so it has Config.Lease.
const (
	pingEvery    = 300 * time.Millisecond
	machineLimit = 1400 * time.Millisecond
)

// Times of calls to grooms.
const (
	pushTimeout  = 10 * time.Second
	probeTimeout = 5 * time.Second
)

// Serve serves a groom's connection until it or ctx ends, and closes it. groom
// is the name in the groom's certificate: it cannot report for another.
func (c *Plane) Serve(ctx context.Context, groom string, nc net.Conn) error {
	s := &session{groom: groom, c: c, met: make(chan struct{}), kick: make(chan struct{}, 1)}
	s.conn = rpc.NewConn(nc, s.handle, rpc.Config{MaxBody: pack.MaxOrders})
	c.mu.Lock()
	c.lastID++
	s.id = c.lastID
	c.sessions[s.id] = s
	c.mu.Unlock()
	ctx, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { s.push(ctx) })
	beside.Go(func() { s.ping(ctx, nc) })
	err := s.conn.Run(ctx)
	stop()
	beside.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sessions, s.id)
	if c.reign != nil {
		c.reign.core.Closed(c.cfg.Clock(), s.id)
		c.reign.wake()
	}
	return err
}

// ping keeps the link in motion from the first report (the groom speaks first) until
// ctx ends, and closes it when the groom's machine acknowledges nothing any more. The
// machine alone is asked: the kernel's own limit (TCP_USER_TIMEOUT) counts from a
// retransmission, and not at all where there is no route: 6 s were seen instead of 2.
func (s *session) ping(ctx context.Context, nc net.Conn) {
	select {
	case <-ctx.Done():
		return
	case <-s.met:
	}
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	var acked uint64
	moved := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch now, waiting, ok := netx.Progress(nc); {
		case !ok || !waiting || now != acked:
			acked, moved = now, time.Now()
		case time.Since(moved) > machineLimit:
			s.c.cfg.Logger.Warn("a groom's machine does not answer", "groom", s.groom, "silent", time.Since(moved))
			_ = s.conn.Close()
			return
		}
		s.conn.Ping()
	}
}

// handle serves the groom's calls.
func (s *session) handle(_ context.Context, method uint16, body []byte) ([]byte, error) {
	if method != wire.MethodReport {
		return nil, fmt.Errorf("method %d is not served by masters", method)
	}
	var r wire.Report
	if err := pack.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	s.spoke.Do(func() { close(s.met) })
	reply, err := s.c.report(s, r)
	if err != nil {
		return nil, err
	}
	return pack.Marshal(reply)
}

var errNoLeaderKnown = errors.New("no leader is known here yet: report again soon")

func (c *Plane) report(s *session, r wire.Report) (wire.ReportReply, error) {
	if r.Groom != s.groom {
		return wire.ReportReply{}, fmt.Errorf("the certificate is of groom %q, the report of %q: fix the groom's name", s.groom, r.Groom)
	}
	cluster := c.cfg.State().Cluster
	if r.Cluster != "" && cluster != "" && r.Cluster != cluster {
		return wire.ReportReply{}, fmt.Errorf("groom %s belongs to cluster %s, this is %s", r.Groom, r.Cluster, cluster)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reign == nil {
		leader := c.cfg.Leader()
		if leader == "" {
			return wire.ReportReply{}, errNoLeaderKnown
		}
		return wire.ReportReply{Cluster: cluster, Leader: leader}, nil
	}
	if c.sessions[s.id] != s {
		return wire.ReportReply{}, rpc.ErrClosed
	}
	if err := c.reign.core.Report(c.cfg.Clock(), s.id, r); err != nil {
		return wire.ReportReply{}, err
	}
	c.reign.wake()
	return wire.ReportReply{Cluster: cluster, Term: c.reign.term}, nil
}

// give replaces the orders to be pushed.
func (s *session) give(o wire.Orders) {
	s.mu.Lock()
	s.orders = &o
	s.mu.Unlock()
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

func (s *session) take() *wire.Orders {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders
	s.orders = nil
	return o
}

// push sends orders as they come. A groom that does not take them in time loses
// its connection; it comes back and is told all again.
func (s *session) push(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.kick:
		}
		o := s.take()
		if o == nil {
			continue
		}
		if err := s.send(ctx, *o); err != nil {
			if ctx.Err() == nil {
				s.c.cfg.Logger.Warn("groom did not take its orders", "groom", s.groom, "error", err)
			}
			if _, refused := errors.AsType[*rpc.RemoteError](err); !refused { // a refusal is stale news; anything else is a broken link
				_ = s.conn.Close()
				return
			}
		}
	}
}

func (s *session) send(ctx context.Context, o wire.Orders) error {
	body, err := pack.Marshal(o)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	_, err = s.conn.Call(ctx, wire.MethodOrders, body)
	return err
}

// call makes a call of the groom and decodes its answer.
func (s *session) call(ctx context.Context, method uint16, request, reply any) error {
	return s.callWithin(ctx, probeTimeout, method, request, reply)
}

// callWithin is call with another limit.
func (s *session) callWithin(ctx context.Context, limit time.Duration, method uint16, request, reply any) error {
	body, err := pack.Marshal(request)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer, err := s.conn.Call(ctx, method, body)
	if err != nil {
		return fmt.Errorf("ask groom %s: %w", s.groom, err)
	}
	return pack.Unmarshal(answer, reply)
}
