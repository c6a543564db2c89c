package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
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
func (a *app) server(conf config.Serve, h *host.Host, loaded func() bool, log *slog.Logger) (s *server, err error) {
	c := httpd.Config{
		Host: h, Version: theVersion(), Loaded: loaded, Log: log,
		MaxBody: int(conf.MaxBody), MaxBodies: int64(conf.MaxBodies), MaxConns: conf.MaxConns,
		HeaderTimeout: conf.HeaderTimeout, BodyTimeout: conf.BodyTimeout, IdleTimeout: conf.IdleTimeout,
	}
	if err := wrong(conf); err != nil {
		return nil, err
	}
	s = &server{url: "http://" + conf.Listen, log: log, wait: conf.Wait}
	if !conf.Insecure {
		s.url = "https://" + conf.Listen
		if s.cert, err = newServerCert(conf); err != nil {
			return nil, err
		}
		c.TLS = s.cert.tls()
	}
	set, err := settingsOf(conf, madeKey)
	if err != nil {
		return nil, err
	}
	s.set = set
	c.Keys, c.Quotas, c.Caches = set.Keys, set.Quotas, set.Caches
	if conf.Insecure {
		log.Warn("insecure: plain HTTP without tokens, whoever reaches " + conf.Listen + " may do all")
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
	if s.Server, err = httpd.New(c); err != nil {
		return nil, fault.Usage("%w", errors.Join(err, s.close()))
	}
	return s, nil
}

// wrong returns an error if a setting would be for nothing, or a time that is none.
func wrong(conf config.Serve) error {
	switch {
	case conf.Drain < 0:
		return fault.Usage("drain is %v: want more than 0, or 0 for the default", conf.Drain)
	case conf.Insecure && (conf.Cert != "" || conf.Key != "" || conf.Data != ""):
		return fault.Usage("--insecure is plain HTTP without tokens: leave out --cert, --key and --data, or --insecure")
	case conf.Data != "" && conf.Cert != "" && len(conf.Keys) > 0:
		return fault.Usage("--data is for a certificate and a token: there are --cert and keys, so leave it out, or one of them")
	}
	return nil
}

// settingsOf returns what of a configuration may change while the server runs. The token in the folder of a server that has no
// other keys is got by token.
func settingsOf(conf config.Serve, token func(folder string) ([]httpd.Key, error)) (set httpd.Settings, err error) {
	set = httpd.Settings{Keys: conf.Keys, Quotas: conf.Quotas, Caches: map[string]cache.Config{}}
	for name, k := range conf.Caches {
		set.Caches[name] = cache.Config{MaxBytes: int64(k.MaxBytes), TTL: k.TTL}
	}
	switch {
	case conf.Insecure && len(set.Keys) > 0:
		return set, fault.Usage("--insecure is plain HTTP without tokens: leave out keys, or --insecure")
	case conf.Insecure:
		set.Keys = nil
	case len(set.Keys) > 0:
	case conf.Data == "":
		return set, fault.Usage("no keys, so nobody could ask: list some in the file of --config, or give --data for a folder in which a token is made, or --insecure")
	default:
		set.Keys, err = token(conf.Data)
	}
	return set, err
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

// madeKey is keptKey of a folder in which a token is made if there is none.
func madeKey(dir string) ([]httpd.Key, error) {
	path := filepath.Join(dir, serveToken)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		secret, _ := master.NewSecret()
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fault.Usage("--data: %w", err)
		}
		if err := cluster.WriteFile(path, []byte(secret+"\n")); err != nil {
			return nil, fmt.Errorf("the token: %w", err)
		}
	}
	return keptKey(dir)
}

// keptKey returns the key of the token in a server's folder.
func keptKey(dir string) ([]httpd.Key, error) {
	path := filepath.Join(dir, serveToken)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return nil, fault.Usage("%s is empty: remove it and start again, and a token is made, or write one into it", path)
	}
	return []httpd.Key{{SHA256: master.HashSecret(token), Namespace: "default", Admin: true}}, nil
}
