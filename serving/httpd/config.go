package httpd

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"time"

	"scalar/serving/cache"
	"scalar/serving/host"
	"scalar/serving/limit"
)

// A Config says how models are served. Only Host is needed.
type Config struct {
	Host    *host.Host
	Name    string // of the server in its metadata. Empty: "bsp"
	Version string
	// Loaded reports whether all models that were asked for at the start have been tried. nil: they have.
	// The server is ready when they have been, and Host is.
	Loaded func() bool

	TLS  *tls.Config // nil: plain HTTP
	Keys []Key       // nil: no token is asked for, and everyone is Namespace and may do all
	// Namespace is everyone's without keys. Empty: "default".
	Namespace string
	// Quotas are by namespace; of others there is no limit. Caches are by model; others have none.
	Quotas map[string]limit.Quota
	Caches map[string]cache.Config

	MaxBody int // bytes of a body, as it comes and decompressed. 0: 64 MiB
	// MaxBodies bounds the memory of all requests together, bytes: bodies, decompressed too, their rows, and answers until they
	// are sent. Those that have up to 64 KiB do not count. At least four times MaxBody and 16 MiB; 0: 1 GiB, or what is least if that is more.
	MaxBodies     int64
	HeaderTimeout time.Duration // until a request's header is there. 0: 10 s
	BodyTimeout   time.Duration // until its body is there. 0: 60 s
	IdleTimeout   time.Duration // between requests of a connection. 0: 2 min
	WriteTimeout  time.Duration // for an answer. 0: 60 s
	MaxConns      int           // at once. 0: 16,384

	Log    *slog.Logger // of what goes wrong. nil: nothing is logged
	Access io.Writer    // takes a line of JSON a request. nil: none is written
}

const (
	defaultMaxBody = 64 << 20
	defaultBodies  = 1 << 30
	leastBodies    = 16 << 20
	defaultConns   = 16_384
)

// filled returns the config with its defaults, and what is wrong with it.
func (c Config) filled() (Config, error) {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.HeaderTimeout, 10*time.Second)
	set(&c.BodyTimeout, time.Minute)
	set(&c.IdleTimeout, 2*time.Minute)
	set(&c.WriteTimeout, time.Minute)
	if c.MaxBody == 0 {
		c.MaxBody = defaultMaxBody
	}
	least := max(leastBodies, 4*int64(c.MaxBody))
	if c.MaxBodies == 0 {
		c.MaxBodies = max(defaultBodies, least)
	}
	if c.MaxConns == 0 {
		c.MaxConns = defaultConns
	}
	if c.Name == "" {
		c.Name = "bsp"
	}
	if c.Namespace == "" {
		c.Namespace = "default"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Loaded == nil {
		c.Loaded = func() bool { return true }
	}
	switch {
	case c.HeaderTimeout < 0:
		return c, negative("header_timeout", c.HeaderTimeout)
	case c.BodyTimeout < 0:
		return c, negative("body_timeout", c.BodyTimeout)
	case c.IdleTimeout < 0:
		return c, negative("idle_timeout", c.IdleTimeout)
	case c.WriteTimeout < 0:
		return c, negative("write_timeout", c.WriteTimeout)
	case c.MaxBody < 0:
		return c, fmt.Errorf("the limit of bodies is %d bytes: want more than 0, or 0 for 64 MiB", c.MaxBody)
	case c.MaxBodies < least:
		return c, fmt.Errorf("the limit of all bodies together is %d bytes: want at least %d, four times that of a body, or 0 for the default", c.MaxBodies, least)
	case c.MaxConns < 0:
		return c, fmt.Errorf("the limit of connections is %d: want more than 0, or 0 for %d", c.MaxConns, defaultConns)
	}
	return c, nil
}

func negative(name string, d time.Duration) error {
	return fmt.Errorf("%s is %v: want more than 0, or 0 for the default", name, d)
}
