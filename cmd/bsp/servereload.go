package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"scalar/cmd/bsp/internal/config"
	"scalar/cmd/bsp/internal/fault"
	"scalar/internal/pki"
	"scalar/serving/host"
	"scalar/serving/httpd"
)

// A serverCert is the certificate of a server, which may be renewed while it is in use.
type serverCert struct {
	files   []string
	read    func() (pki.Pair, error)
	current atomic.Pointer[tls.Certificate]
}

// newServerCert returns the certificate that a configuration names, or that of its folder, in which one is made if there is none.
func newServerCert(conf config.Serve) (*serverCert, error) {
	c := &serverCert{}
	switch {
	case (conf.Cert == "") != (conf.Key == ""):
		return nil, fault.Usage("--cert and --key belong together")
	case conf.Cert != "":
		c.files = []string{conf.Cert, conf.Key}
		c.read = func() (pki.Pair, error) { return readPair(conf.Cert, conf.Key) }
	case conf.Data != "":
		c.files = []string{filepath.Join(conf.Data, serveCert), filepath.Join(conf.Data, serveKey)}
		c.read = func() (pki.Pair, error) { return madePair(conf.Data, conf.Listen) }
	default:
		return nil, fault.Usage("no certificate: give --cert and --key, or --data for a folder in which one is made, or --insecure for plain HTTP")
	}
	_, err := c.renew(time.Now())
	return c, err
}

// renew takes what is in the files, and reports whether it is something else. One that no client would take changes nothing.
func (c *serverCert) renew(now time.Time) (bool, error) {
	pair, err := c.read()
	if err != nil {
		return false, err
	}
	cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
	switch {
	case err != nil:
		return false, fault.Usage("certificate: %w", err)
	case now.After(cert.Leaf.NotAfter):
		return false, fault.Usage("certificate: it ended on %s: get a new one", cert.Leaf.NotAfter.Format(time.DateTime))
	}
	old := c.current.Load()
	if old != nil && bytes.Equal(old.Certificate[0], cert.Certificate[0]) {
		return false, nil
	}
	c.current.Store(&cert)
	return true, nil
}

// tls returns the configuration of connections with what the certificate is when they are made.
func (c *serverCert) tls() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// A reload takes the configuration of a server anew while it runs.
type reload struct {
	read  func() (config.Serve, error)
	file  string       // empty: none
	start config.Serve // what the server was started with
	host  *host.Host
	s     *server
	log   *slog.Logger

	routing map[string]host.ModelConfig // these two were taken last
	set     httpd.Settings
	late    string // the settings of which it was told that they are for the next start
}

// renewals are what the server takes from files while it runs.
func (r *reload) renewals() []*renewal {
	files := []string{r.file} // a name that is empty is never another file
	if r.start.Data != "" {
		files = append(files, filepath.Join(r.start.Data, serveToken))
	}
	all := []*renewal{{what: "the configuration was", file: r.file, files: files, renew: r.renew}}
	if c := r.s.cert; c != nil {
		one := &renewal{what: "the certificate was", file: c.files[0], files: c.files, renew: func(bool) (bool, error) { return c.renew(time.Now()) }}
		if r.start.Cert == "" {
			one.files = nil // the server makes a new one in time
		}
		all = append(all, one)
	}
	return all
}

// keep takes what is in the files while the server runs, until ctx ends or the function that it returns is called, which waits.
func (r *reload) keep(ctx context.Context, every time.Duration) (end func()) {
	hup, stop := hangups()
	ctx, cancel := context.WithCancel(ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() { keepRenewed(ctx, r.log, hup, every, r.renewals()) })
	return func() {
		cancel()
		keeping.Wait()
		stop()
	}
}

// renew takes the configuration anew if it has changed, or if it is asked to. All of it is checked before anything changes: an
// error changes nothing.
func (r *reload) renew(asked bool) (bool, error) {
	conf, err := r.read()
	if err != nil {
		return false, err
	}
	next := r.start
	next.Keys, next.Routing, next.Quotas, next.Caches = conf.Keys, conf.Routing, conf.Quotas, conf.Caches
	set, err := settingsOf(next, keptKey)
	if err == nil {
		err = set.Check()
	}
	if err != nil {
		return false, err
	}
	r.tellLate(conf, asked)
	if !asked && reflect.DeepEqual(set, r.set) && reflect.DeepEqual(conf.Routing, r.routing) {
		return false, nil
	}
	routed := r.routed()
	if err := r.host.SetModels(conf.Routing); err != nil {
		return false, err
	}
	if err := r.s.Set(set); err != nil {
		return false, err
	}
	r.routing, r.set = conf.Routing, set
	if len(routed) > 0 {
		r.log.Warn("what was routed over HTTP has ended: the configuration holds again", "models", strings.Join(routed, ", "))
	}
	return true, nil
}

// tellLate tells of settings that have changed and cannot change while the server runs.
func (r *reload) tellLate(conf config.Serve, asked bool) {
	late := strings.Join(config.Changed(r.start, conf), ", ")
	if late != "" && (asked || late != r.late) {
		r.log.Warn("these settings have changed and are read at the start only: they hold when the server is started again", "settings", late)
	}
	r.late = late
}

// routed lists the models that were routed over HTTP since the configuration was taken.
func (r *reload) routed() (names []string) {
	for _, m := range r.host.All() {
		was := r.routing[m.Name]
		if !same(was.Labels, m.Config.Labels) || !same(was.Traffic, m.Config.Traffic) || !same(was.Shadow, m.Config.Shadow) {
			names = append(names, m.Name)
		}
	}
	return names
}

// same compares maps; none is an empty one.
func same[V comparable](a, b map[string]V) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}
