package client

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Config says where a cluster is and who asks.
type Config struct {
	// Addrs are the API addresses of the masters, "https://host:port" or
	// "host:port". At least one; a port is required.
	Addrs []string
	// Token is the bearer token; empty: none, and most calls are denied.
	Token string
	// CA is the PEM of the authority that signed the masters' certificates;
	// empty: the authorities of this machine.
	CA []byte
	// Patience is how long a call looks for a master that answers. 0: 4 s.
	Patience time.Duration
	// Election is how long a call goes on while masters answer that they cannot do it
	// now, since they elect a leader. Less than Patience: Patience.
	Election time.Duration
	// Waiting, unless nil, is told once in a call that goes on beyond Patience what the
	// masters answer.
	Waiting func(err error)
	// UserAgent names the caller in the masters' logs. Empty: "bsp".
	UserAgent string
}

// defaultPatience leaves a second for a process to start within the 5 s in
// which bsp says that a cluster is unreachable.
const defaultPatience = 4 * time.Second

// Client calls the masters of one cluster.
type Client struct {
	cfg   Config
	bases []string
	last  atomic.Int32 // index in bases of the master that answered last
	met   atomic.Bool  // some master has answered
	http  *http.Client

	lossLimit time.Duration // see the constant
}

// New checks cfg and returns a Client. It does not connect.
func New(cfg Config) (*Client, error) {
	if cfg.Patience <= 0 {
		cfg.Patience = defaultPatience
	}
	cfg.Election = max(cfg.Election, cfg.Patience)
	if cfg.UserAgent == "" {
		cfg.UserAgent = "bsp"
	}
	c := &Client{cfg: cfg, lossLimit: lossLimit}
	for _, addr := range cfg.Addrs {
		base, err := baseURL(addr)
		if err != nil {
			return nil, err
		}
		c.bases = append(c.bases, base)
	}
	if len(c.bases) == 0 {
		return nil, errors.New("no address of a master")
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS13}
	if len(cfg.CA) > 0 {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(cfg.CA) {
			return nil, errors.New("the CA holds no PEM certificate")
		}
	}
	// A master that vanished without a word is noticed on an open stream by
	// unanswered probes: by HTTP/2 pings, or by TCP's where HTTP/2 is not spoken.
	dialer := &net.Dialer{Timeout: cfg.Patience, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}}
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext:           dialer.DialContext,
			TLSClientConfig:       conf,
			TLSHandshakeTimeout:   cfg.Patience,
			ResponseHeaderTimeout: headerTimeout,
			MaxIdleConnsPerHost:   4,
			IdleConnTimeout:       30 * time.Second,
			ForceAttemptHTTP2:     true,
			HTTP2:                 &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 5 * time.Second},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Close ends the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Addr returns the address of the master that answered last.
func (c *Client) Addr() string { return c.bases[c.last.Load()] }

func baseURL(addr string) (string, error) {
	if !strings.Contains(addr, "://") {
		addr = "https://" + addr
	}
	u, err := url.Parse(addr)
	if err != nil {
		return "", fmt.Errorf("address %q: %w", addr, err)
	}
	if u.Scheme != "https" {
		return "", fmt.Errorf("address %q: masters answer https only", addr)
	}
	if u.Hostname() == "" || u.Port() == "" {
		return "", fmt.Errorf("address %q: want https://HOST:PORT", addr)
	}
	return "https://" + u.Host, nil
}

// NewRequestID returns a fresh request id. Calls that carry the same one count once.
func NewRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}

type requestIDKey struct{}

// WithRequestID makes the calls under ctx carry id, so that a caller that
// repeats a write after a crash of its own has it counted once.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

func requestID(ctx context.Context) string {
	if id, ok := ctx.Value(requestIDKey{}).(string); ok && id != "" {
		return id
	}
	return NewRequestID()
}
