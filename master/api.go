package master

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"regexp"
	"time"

	"scalar/bsp/job"
	"scalar/master/control"
	"scalar/master/fsm"
	"scalar/storage"
)

const (
	requestIDHeader = "X-Request-Id"
	forwardedHeader = "X-Bsp-Forwarded" // set by a follower that proxies; such a call is proxied no further

	maxJSONBody   = job.MaxSpecBytes + 64<<10
	jsonDeadline  = 30 * time.Second // to send a JSON body and, over a follower, to be answered
	blobDeadline  = time.Hour        // to send a blob
	writeDeadline = 30 * time.Second // for a client to take a piece of an answer
	leaderWait    = 3 * time.Second  // for a master that was just elected to be ready
)

// api answers the HTTPS calls of clients.
type api struct {
	cfg     Config
	id      string // of this server
	log     *slog.Logger
	node    *consensus
	lead    *leadership
	roster  *roster
	control *control.Plane
	audit   *auditLog
	strange *strangers
	disk    *diskGuard
	metrics *metrics
	blobs   map[string]*storage.Blobs // by kind

	owner    *storeOwner
	archives *archives
	proxy    *httputil.ReverseProxy
	routes   []route
	ended    <-chan struct{} // closed when the master ends: streams end
}

// route is one operation of the API; openapi.yaml describes each.
type route struct {
	method string
	path   string   // as http.ServeMux has it
	role   job.Role // that the token needs; empty: no token at all
	write  string   // what it does, for the audit log; empty: it changes nothing
	local  bool     // any master answers from what it has; else the leader does
	blob   bool     // the body is a file, not JSON
	serve  func(context.Context, *call) (reply, error)
}

// call is one request on its way through the API.
type call struct {
	w       *recorder
	r       *http.Request
	route   route
	id      string          // request id
	token   *fsm.Token      // nil on routes without a token
	lost    <-chan struct{} // closes when this master stops leading; nil on local routes
	proxied bool            // the leader answers and audits
	did     auditObject     // what a write was about, as far as it is known
}

// reply is what a handler answers; the zero reply was written already.
type reply struct {
	status int
	body   any
}

func answerOK(body any) reply { return reply{http.StatusOK, body} }

// handler returns the whole API.
func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range a.routes {
		mux.Handle(rt.method+" "+rt.path, a.handle(rt))
	}
	mux.Handle("/", a.handle(route{path: "/", role: job.Viewer, local: true, serve: a.unknown}))
	return mux
}

// unknown answers what no route matches, a known path with a wrong method too.
func (a *api) unknown(_ context.Context, c *call) (reply, error) {
	for _, rt := range a.routes {
		probe := http.NewServeMux()
		probe.Handle(rt.path, http.NotFoundHandler())
		if _, pattern := probe.Handler(c.r); pattern != "" {
			return reply{}, fail(http.StatusMethodNotAllowed, "%s does not take %s: see GET /v1/openapi.yaml", c.r.URL.Path, c.r.Method)
		}
	}
	return reply{}, fail(http.StatusNotFound, "no such route %s: see GET /v1/openapi.yaml", c.r.URL.Path)
}

// handle wraps a route: request id, leader, token, body limit, audit, metrics.
func (a *api) handle(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		c := &call{w: &recorder{ResponseWriter: w}, r: r, route: rt}
		answer, err := a.run(r.Context(), c)
		if errors.Is(err, errAborted) {
			panic(http.ErrAbortHandler) // a stream cut short must not look whole
		}
		if err != nil {
			e := toAPIError(err)
			if e.status == http.StatusServiceUnavailable {
				c.w.Header().Set("Retry-After", "1")
			}
			answer = reply{e.status, e}
		}
		if answer.status != 0 {
			a.record(c, answer.status, err)
			a.write(c, answer)
		}
		if err := c.w.extend(); err != nil { // for what is still buffered
			a.log.Debug("answer", "error", err)
		}
		a.metrics.request(rt, c.w.status, time.Since(start))
		a.log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", c.w.status,
			"id", c.id, "from", r.RemoteAddr, "took", time.Since(start), "error", err)
	})
}

func (a *api) run(ctx context.Context, c *call) (reply, error) {
	id, err := requestID(c.r)
	if err != nil {
		return reply{}, err
	}
	c.id = id
	c.w.Header().Set(requestIDHeader, id)
	c.r.Header.Set(requestIDHeader, id) // for the leader, when proxied
	if err := a.limitBody(c); err != nil {
		return reply{}, err
	}
	if !c.route.local {
		lost, serving := a.waitReady(ctx)
		if !serving {
			return reply{}, a.forward(ctx, c)
		}
		c.lost = lost
	}
	if c.route.role != "" {
		if err := a.admit(c); err != nil {
			return reply{}, err
		}
	}
	if err := a.verifyLead(ctx, c); err != nil {
		return reply{}, err
	}
	return c.route.serve(ctx, c)
}

// limitBody bounds what a client may send and how long it may take. A read
// without a body gets no deadline: it would end the streams of HTTP/1.
func (a *api) limitBody(c *call) error {
	limit, within := int64(maxJSONBody), jsonDeadline
	if c.route.blob {
		limit, within = a.cfg.BlobLimit, blobDeadline
	}
	if c.r.ContentLength > limit {
		return fail(http.StatusRequestEntityTooLarge, "the body has %d bytes, at most %d are taken", c.r.ContentLength, limit)
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, limit)
	if c.r.ContentLength == 0 && (c.r.Method == http.MethodGet || c.r.Method == http.MethodHead) {
		return nil
	}
	err := c.w.control().SetReadDeadline(time.Now().Add(within))
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// verifyLead makes sure that what the leader tells is not older than the call. A
// write needs no such check: its commit proves the leadership.
func (a *api) verifyLead(ctx context.Context, c *call) error {
	if c.route.local || c.route.write != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, leaderWait)
	defer cancel()
	return a.node.verify(ctx)
}

// waitReady waits while this master is elected and not ready yet.
func (a *api) waitReady(ctx context.Context) (lost <-chan struct{}, serving bool) {
	timeout := time.NewTimer(leaderWait)
	defer timeout.Stop()
	for {
		changed := a.lead.change()
		if lost, serving = a.lead.current(); serving || !a.node.leads() {
			return lost, serving
		}
		select {
		case <-changed:
		case <-timeout.C:
			return nil, false
		case <-ctx.Done():
			return nil, false
		}
	}
}

// admit checks the token.
func (a *api) admit(c *call) error {
	state := a.node.State()
	if state.Cluster == "" {
		return fail(http.StatusServiceUnavailable, "this master belongs to no cluster yet: it waits for the others")
	}
	t, err := authenticate(state, c.r)
	if err != nil {
		c.w.Header().Set("WWW-Authenticate", `Bearer realm="bsp"`)
		return err
	}
	c.token = t
	return allow(t, c.route.role)
}

// record writes the audit line of a write call.
func (a *api) record(c *call, status int, err error) {
	if c.route.write == "" || c.proxied {
		return
	}
	e := auditEntry{
		Time: time.Now().UTC(), What: c.route.write, On: c.r.URL.Path, auditObject: c.did, Outcome: "ok", Status: status,
		RequestID: c.id, Remote: c.r.RemoteAddr, Forwarded: c.r.Header.Get("X-Forwarded-For"),
	}
	if err != nil {
		e.Outcome = err.Error()
	}
	if c.token == nil {
		a.metrics.strangers.Inc()
		a.strange.note(e)
		return
	}
	e.Who = c.token.ID
	if err := a.audit.append(e); err != nil {
		a.log.Error("audit", "error", err)
	}
}

func (a *api) write(c *call, answer reply) {
	h := c.w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if answer.body == nil || c.r.Method == http.MethodHead {
		c.w.WriteHeader(answer.status)
		return
	}
	h.Set("Content-Type", "application/json")
	c.w.WriteHeader(answer.status)
	if err := json.NewEncoder(c.w).Encode(answer.body); err != nil {
		a.log.Debug("answer", "error", err)
	}
}

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)

// requestID returns the client's request id, or a new one.
func requestID(r *http.Request) (string, error) {
	id := r.Header.Get(requestIDHeader)
	if id == "" {
		return rand.Text(), nil
	}
	if !requestIDPattern.MatchString(id) {
		return "", fail(http.StatusBadRequest, "%s: use 1 to 128 letters, digits and any of \". _ : -\"", requestIDHeader)
	}
	return id, nil
}

// dedupKey is the request id as the state knows it: one person's id must not
// answer for another's.
func (c *call) dedupKey() string { return c.token.ID + "/" + c.id }

// usedFor refuses a request id that was remembered for another target: the call
// has done nothing.
func usedFor(c *call, target string) error {
	return fail(http.StatusConflict, "request id %s was used for %s: use another one", c.id, target)
}

// propose commits a client's write under its request id.
func (a *api) propose(ctx context.Context, c *call, cmd fsm.Command) (fsm.Result, error) {
	if err := a.disk.check(); err != nil {
		return fsm.Result{}, err
	}
	cmd.RequestID = c.dedupKey()
	result, err := a.node.propose(ctx, cmd)
	if err == nil {
		err = result.Err()
	}
	return result, err
}
