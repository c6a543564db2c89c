package master

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"scalar/internal/pki"
)

// newServer returns the server of the API. Its calls end with ctx.
func (m *Master) newServer(ctx context.Context) (*http.Server, error) {
	a := &api{
		cfg: m.cfg, id: m.id, log: m.log, node: m.node, lead: m.lead, roster: m.roster, control: m.control,
		audit: m.audit, strange: &m.strange, disk: m.disk, metrics: m.metrics, blobs: m.blobs, owner: m.owner, archives: m.archive, ended: m.ended,
	}
	a.routes = a.newRoutes()
	if err := a.newProxy(); err != nil {
		return nil, fmt.Errorf("API: %w", err)
	}
	conf := m.own.ServerTLS(pki.ServerOptions{ALPN: []string{"h2", "http/1.1"}})
	return &http.Server{
		Handler: a.handler(), TLSConfig: conf, BaseContext: func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ConnState: limitConns(maxClients),
		ErrorLog:  slog.NewLogLogger(m.log.Handler(), slog.LevelDebug),
	}, nil
}

// maxClients bounds the connections of the API, idle ones too. One takes some
// 50 KiB and a descriptor before its token is known.
const maxClients = 4096

// limitConns closes the connections beyond limit.
func limitConns(limit int64) func(net.Conn, http.ConnState) {
	var open atomic.Int64
	return func(c net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			if open.Add(1) > limit {
				_ = c.Close() // the server then reports it closed
			}
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		case http.StateActive, http.StateIdle:
		}
	}
}

// serveGroom serves one groom until its link ends.
func (m *Master) serveGroom(ctx context.Context, c net.Conn) {
	tc, ok := c.(*tls.Conn)
	if !ok {
		return
	}
	_, name, err := pki.PeerName(tc.ConnectionState())
	if err == nil {
		err = m.control.Serve(ctx, name, c)
	}
	m.log.Debug("groom left", "groom", name, "from", c.RemoteAddr(), "error", err)
}
