package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"scalar/cmd/bsp/internal/cluster"
	"scalar/cmd/bsp/internal/config"
	"scalar/cmd/bsp/internal/fault"
	"scalar/internal/pki"
	"scalar/master"
	"scalar/serving/cache"
	"scalar/serving/host"
	"scalar/serving/httpd"
)

// server returns the server of a configuration.
func (a *app) server(conf config.Serve, h *host.Host, loaded *atomic.Bool, log *slog.Logger) (*server, error) {
	c := httpd.Config{
		Host: h, Version: theVersion(), Loaded: loaded.Load, Models: map[string][]string{}, Log: log,
		MaxBody: int(conf.MaxBody), MaxConns: conf.MaxConns,
		HeaderTimeout: conf.HeaderTimeout, BodyTimeout: conf.BodyTimeout, IdleTimeout: conf.IdleTimeout,
	}
	for name, m := range conf.Routing {
		c.Models[name] = m.Namespaces
	}
	c.Quotas, c.Caches = conf.Quotas, map[string]cache.Config{}
	for name, k := range conf.Caches {
		c.Caches[name] = cache.Config{MaxBytes: int64(k.MaxBytes), TTL: k.TTL}
	}
	s := &server{url: "http://" + conf.Listen}
	if conf.Insecure {
		if conf.Cert != "" || conf.Key != "" || len(conf.Keys) > 0 {
			return nil, fault.Usage("--insecure is plain HTTP without tokens: leave out --cert, --key and keys, or --insecure")
		}
		log.Warn("insecure: plain HTTP without tokens, whoever reaches " + conf.Listen + " may do all")
	} else {
		s.url = "https://" + conf.Listen
		if err := a.secure(&c, conf); err != nil {
			return nil, err
		}
	}
	switch conf.AccessLog {
	case "":
	case "-":
		c.Access = a.stderr
	default:
		f, err := os.OpenFile(conf.AccessLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
		if err != nil {
			return nil, fault.Usage("--access-log: %w", err)
		}
		s.access, c.Access = f, f
	}
	var err error
	if s.Server, err = httpd.New(c); err != nil {
		return nil, fault.Usage("%w", err)
	}
	return s, nil
}

// secure gives a server its certificate and keys.
func (a *app) secure(c *httpd.Config, conf config.Serve) error {
	c.Keys = conf.Keys
	var pair pki.Pair
	var err error
	switch {
	case (conf.Cert == "") != (conf.Key == ""):
		return fault.Usage("--cert and --key belong together")
	case conf.Cert != "":
		if pair, err = readPair(conf.Cert, conf.Key); err != nil {
			return err
		}
	case conf.Data != "":
		if pair, err = madePair(conf.Data, conf.Listen); err != nil {
			return err
		}
	default:
		return fault.Usage("no certificate: give --cert and --key, or --data for a folder in which one is made, or --insecure for plain HTTP")
	}
	if len(c.Keys) == 0 {
		if conf.Data == "" {
			return fault.Usage("no keys, so nobody could ask: list some in the file of --config, or give --data for a folder in which a token is made, or --insecure")
		}
		if c.Keys, err = madeKey(conf.Data); err != nil {
			return err
		}
	}
	cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		return fault.Usage("certificate: %w", err)
	}
	c.TLS = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	return nil
}

func readPair(certFile, keyFile string) (p pki.Pair, err error) {
	if p.Cert, err = os.ReadFile(certFile); err != nil {
		return p, fault.NotFound("--cert: %w", err)
	}
	if p.Key, err = os.ReadFile(keyFile); err != nil {
		return p, fault.NotFound("--key: %w", err)
	}
	return p, nil
}

// The files of a server's folder.
const (
	serveCA    = "ca.crt"
	serveCert  = "serve.crt"
	serveKey   = "serve.key"
	serveToken = "token"
)

// serveRole is in the names of a server's certificate.
const serveRole = "serve"

// madePair returns the certificate of a server's folder; it makes one, of a CA whose key is not kept, if there is none or
// it ends within a day.
func madePair(dir, listen string) (pki.Pair, error) {
	p, err := readPair(filepath.Join(dir, serveCert), filepath.Join(dir, serveKey))
	if err == nil {
		cert, err := cluster.ParseCert(p.Cert)
		if err != nil {
			return p, fault.Usage("%s: %w", filepath.Join(dir, serveCert), err)
		}
		if time.Until(cert.NotAfter) > 24*time.Hour {
			return p, nil
		}
	}
	now := time.Now()
	ca, err := pki.NewCA(serveRole, cluster.CertLife, now)
	if err != nil {
		return p, err
	}
	r := pki.Request{Role: serveRole, Name: serveRole, DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, Life: cluster.CertLife, Now: now}
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" {
		if ip := net.ParseIP(host); ip != nil {
			r.IPs = append(r.IPs, ip)
		} else {
			r.DNS = append(r.DNS, host)
		}
	}
	if name, err := os.Hostname(); err == nil {
		r.DNS = append(r.DNS, strings.ToLower(name))
	}
	if p, err = ca.Issue(r); err != nil {
		return p, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return p, fault.Usage("--data: %w", err)
	}
	return p, errors.Join(
		cluster.WriteFile(filepath.Join(dir, serveCA), ca.CertPEM()),
		cluster.WriteFile(filepath.Join(dir, serveKey), p.Key),
		cluster.WriteFile(filepath.Join(dir, serveCert), p.Cert),
	)
}

// madeKey returns the key of the token in a server's folder; it makes one if there is none.
func madeKey(dir string) ([]httpd.Key, error) {
	path := filepath.Join(dir, serveToken)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		secret, _ := master.NewSecret()
		text = []byte(secret + "\n")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fault.Usage("--data: %w", err)
		}
		err = cluster.WriteFile(path, text)
	}
	if err != nil {
		return nil, fmt.Errorf("the token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return nil, fault.Usage("%s is empty: remove it, and a token is made", path)
	}
	return []httpd.Key{{SHA256: master.HashSecret(token), Namespace: "default", Admin: true}}, nil
}
