package master

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"scalar/internal/netx"
	"scalar/internal/pki"

	"github.com/hashicorp/raft"
)

const (
	dialTimeout = 2 * time.Second
	leaderGrace = time.Second // without a leader, before a call through the last one is given up
)

// errAborted ends a stream that this master cannot carry to its end.
var errAborted = errors.New("stream cut short: the master ends or no longer leads")

type targetKey struct{}

// newProxy hands calls to the leader's API. The leader is who its certificate
// says: master.CLUSTER of the cluster's CA.
func (a *api) newProxy() error {
	conf, err := pki.ClientTLS(a.cfg.CA, pki.RoleMaster+"."+a.cfg.Cluster)
	if err != nil {
		return err
	}
	a.proxy = &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			target, _ := pr.In.Context().Value(targetKey{}).(string)
			pr.SetURL(&url.URL{Scheme: "https", Host: target})
			pr.SetXForwarded()
			pr.Out.Header.Set(forwardedHeader, a.id)
		},
		Transport: &http.Transport{
			DialContext: dialLeader, TLSClientConfig: conf, TLSHandshakeTimeout: handshakeTimeout,
			MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second, DisableCompression: true,
		},
		ErrorLog:      slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
		FlushInterval: -1, // streams: every line at once
		ModifyResponse: func(r *http.Response) error {
			r.Header.Del(requestIDHeader) // this master has set it
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			a.log.Debug("proxy to the leader", "path", r.URL.Path, "error", err)
			if rec, ok := w.(*recorder); ok && rec.status == 0 {
				rec.proxyErr = err
			}
		},
	}
	return nil
}

// dialLeader connects to the leader's API.
func dialLeader(ctx context.Context, _, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return netx.Dial(ctx, addr)
}

// forward lets the leader answer. When it leads no longer, which a leader that
// hangs cannot say itself, the call ends with errNoLeader if nothing was
// answered yet, else the answer is cut short.
func (a *api) forward(ctx context.Context, c *call) error {
	target, leader, known := a.leaderAPI()
	if !known || c.r.Header.Get(forwardedHeader) != "" {
		return errNoLeader
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() {
		defer cancel()
		a.whileLeads(ctx, leader)
	})
	c.proxied = true
	a.proxy.ServeHTTP(c.w, c.r.WithContext(context.WithValue(ctx, targetKey{}, target)))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](c.w.proxyErr); tooLarge {
		return c.w.proxyErr
	}
	if c.w.proxyErr != nil {
		return errNoLeader
	}
	if ctx.Err() != nil { // a leader that sees the call cut may end its answer as if it were whole
		return errAborted
	}
	return nil
}

// leaderAPI returns the address of the leader's API and its id, if it is another
// master.
func (a *api) leaderAPI() (addr string, id raft.ServerID, known bool) {
	_, id = a.node.raft.LeaderWithID()
	if id == "" || string(id) == a.id {
		return "", "", false
	}
	m, ok := a.roster.find(string(id))
	return m.API, id, ok && m.API != ""
}

// whileLeads returns when ctx ends, when this master knows another leader, and
// when it has known none for leaderGrace.
func (a *api) whileLeads(ctx context.Context, leader raft.ServerID) {
	changed := make(chan raft.Observation, 1) // sent by Raft, which drops what finds it full: one says enough
	observer := raft.NewObserver(changed, false, func(o *raft.Observation) bool {
		_, ok := o.Data.(raft.LeaderObservation)
		return ok
	})
	a.node.raft.RegisterObserver(observer)
	defer a.node.raft.DeregisterObserver(observer)
	grace := time.NewTimer(leaderGrace)
	defer grace.Stop()
	var over <-chan time.Time // nil: there is a leader
	for {
		switch _, now := a.node.raft.LeaderWithID(); {
		case now == leader:
			over = nil
		case now != "":
			return
		case over == nil:
			grace.Reset(leaderGrace)
			over = grace.C
		}
		select {
		case <-changed:
		case <-over:
			return
		case <-ctx.Done():
			return
		}
	}
}
