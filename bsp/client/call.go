package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	requestIDHeader = "X-Request-Id"

	// headerTimeout ends a call to a master that took the request and hangs.
	headerTimeout = 15 * time.Second

	// maxJSON bounds an answer that is read into memory.
	maxJSON = 64 << 20
)

// call is one request, which may be sent several times.
type call struct {
	method string
	path   string
	query  url.Values
	body   func() (io.Reader, int64, error) // opened anew for every try; nil: none
	kind   string                           // content type of body
	out    any                              // decoded from the answer's JSON; nil: the caller reads the body
}

// errTried marks an error after which another master may still answer.
type errTried struct{ err error }

func (e *errTried) Error() string { return e.err.Error() }
func (e *errTried) Unwrap() error { return e.err }

// do sends r to one master after the other until one answers with a success
// (the response's body is the caller's to close) or a final error.
func (c *Client) do(ctx context.Context, r call) (*http.Response, error) {
	id := requestID(ctx)
	s := c.search()
	wait := &backoff.ExponentialBackOff{InitialInterval: 40 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 1.6, MaxInterval: 500 * time.Millisecond}
	first, untrusted := int(c.last.Load()), 0
	for try := 0; ; try++ {
		at := (first + try) % len(c.bases)
		resp, err := c.try(ctx, r, c.bases[at], id, s.deadline)
		if err == nil {
			c.last.Store(int32(at))
			c.met.Store(true)
			return resp, nil
		}
		if _, again := errors.AsType[*errTried](err); !again || ctx.Err() != nil {
			return nil, err
		}
		s.failed(err)
		if errors.Is(err, errUntrusted) {
			untrusted++
		}
		pause := time.Duration(0)
		if (try+1)%len(c.bases) == 0 { // each was tried: let them come back
			if untrusted == len(c.bases) {
				return nil, plain(err)
			}
			pause, untrusted = wait.NextBackOff(), 0
		}
		if time.Until(s.deadline) <= pause {
			return nil, s.gaveUp(err)
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// search is how long a call looks for a master, and what it has heard.
type search struct {
	client   *Client
	patience time.Time // when a call ends that nobody has answered
	deadline time.Time // when this one does
	heard    *Error    // what a master answered last that cannot do it now
	told     bool      // Config.Waiting was called
}

func (c *Client) search() *search {
	end := time.Now().Add(c.cfg.Patience)
	return &search{client: c, patience: end, deadline: end}
}

// failed takes note of a try after which another one is worth it: masters that answer
// have longer.
func (s *search) failed(err error) {
	c := s.client
	if e, ok := errors.AsType[*Error](err); ok {
		s.heard, s.deadline = e, s.patience.Add(c.cfg.Election-c.cfg.Patience)
	}
	if s.heard != nil && !s.told && c.cfg.Waiting != nil && time.Now().After(s.patience) {
		s.told = true
		c.cfg.Waiting(s.heard)
	}
}

// gaveUp says in one line that nobody answered. Masters that answered keep their own words.
func (s *search) gaveUp(err error) error {
	c := s.client
	if s.heard != nil {
		return s.heard
	}
	if errors.Is(err, errUntrusted) {
		return plain(err)
	}
	where := c.bases[0]
	if n := len(c.bases); n > 1 {
		where = fmt.Sprintf("%s or %d others", where, n-1)
	}
	return fmt.Errorf("%w at %s: %w", ErrUnreachable, where, plain(err))
}

// plain strips what net/http wraps around a cause.
func plain(err error) error {
	if t, ok := errors.AsType[*errTried](err); ok {
		err = t.err
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

func (c *Client) try(ctx context.Context, r call, base, id string, deadline time.Time) (*http.Response, error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := c.request(ctx, r, base, id)
	if err != nil {
		cancel()
		return nil, err
	}
	// Finding a connection is bounded apart from the call itself, which may
	// upload for minutes. Of several masters none may use up the whole patience.
	limit := min(time.Until(deadline), c.cfg.Patience/time.Duration(min(len(c.bases), 3)))
	var late atomic.Bool
	timer := time.AfterFunc(limit, func() { late.Store(true); cancel() })
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { timer.Stop() }}
	resp, err := c.http.Do(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	timer.Stop()
	if err != nil {
		cancel()
		if late.Load() {
			err = errors.New("no connection in time")
		}
		return nil, tried(err)
	}
	if resp.StatusCode/100 != 2 {
		defer cancel()
		if e := responseError(resp); again(e) {
			return nil, &errTried{e}
		} else {
			return nil, e
		}
	}
	resp.Body = &body{resp.Body, cancel}
	if r.out == nil {
		return resp, nil
	}
	return resp, errors.Join(decode(resp.Body, r), resp.Body.Close())
}

// decode reads the answer. One that was cut says nothing of what was done: another
// try, under the same request id, does.
func decode(answer io.Reader, r call) error {
	b, err := io.ReadAll(io.LimitReader(answer, maxJSON))
	if err != nil {
		return &errTried{fmt.Errorf("the master's answer to %s %s: %w", r.method, r.path, err)}
	}
	if err := json.Unmarshal(b, r.out); err != nil {
		return fmt.Errorf("the master's answer to %s %s: %w", r.method, r.path, err)
	}
	return nil
}

// again reports whether another master, or the same one later, may do better.
func again(e *Error) bool {
	return e.Status == http.StatusServiceUnavailable || e.Status == http.StatusBadGateway || e.Status == http.StatusGatewayTimeout
}

// errUntrusted is wrapped when a master's certificate does not hold. Another
// master's may.
var errUntrusted = fmt.Errorf("%w that can be trusted", ErrUnreachable)

// tried says what an error of the transport means: another try is worth it.
func tried(err error) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok {
		return &errTried{err}
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired && e.Cert != nil {
		return &errTried{fmt.Errorf("%w: %s", errUntrusted, expired(e.Cert))}
	}
	cause := err
	if u, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		cause = u
	}
	return &errTried{fmt.Errorf("%w: %w (give the cluster's CA by --ca or BSP_CA)", errUntrusted, plain(cause))}
}

// expired says when a certificate holds, and what to do.
func expired(c *x509.Certificate) string {
	const layout = "2006-01-02 15:04 MST"
	name := c.Subject.CommonName
	if time.Now().Before(c.NotBefore) {
		return fmt.Sprintf("the certificate of %s holds from %s on: set the clocks right", name, c.NotBefore.UTC().Format(layout))
	}
	return fmt.Sprintf("the certificate of %s expired on %s: sign it anew by `bsp tls renew` and restart the master", name, c.NotAfter.UTC().Format(layout))
}

func (c *Client) request(ctx context.Context, r call, base, id string) (*http.Request, error) {
	var content io.Reader
	var size int64
	if r.body != nil {
		var err error
		if content, size, err = r.body(); err != nil {
			return nil, err
		}
	}
	target := base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, content)
	if err != nil {
		return nil, err
	}
	if content != nil {
		req.ContentLength = size
		req.Header.Set("Content-Type", r.kind)
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	req.Header.Set(requestIDHeader, id)
	if c.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	return req, nil
}

// body ends the call's context when the caller has read enough.
type body struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *body) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// get asks for path and decodes the answer.
func get[T any](ctx context.Context, c *Client, path string) (T, error) {
	return ask[T](ctx, c, http.MethodGet, path, nil)
}

// ask calls and decodes the answer; in is sent as JSON if not nil.
func ask[T any](ctx context.Context, c *Client, method, path string, in any) (T, error) {
	var out T
	err := c.json(ctx, method, path, in, &out)
	return out, err
}

func (c *Client) json(ctx context.Context, method, path string, in, out any) error {
	r := call{method: method, path: path, kind: "application/json", out: out}
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		r.body = func() (io.Reader, int64, error) { return bytes.NewReader(b), int64(len(b)), nil }
	}
	resp, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	return resp.Body.Close() // read only, and closed before where it was decoded
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
