package dev

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"scalar/cmd/bsp/internal/cluster"
	"scalar/cmd/bsp/internal/fault"
	"scalar/master"
	"scalar/serving/httpd"
)

// Off as [Config.Serve] means that the cluster has no prediction server.
const Off = "off"

const (
	serveName = "serve" // of the server: its role, and its files
	urlFile   = "serve.url"
	tokenFile = "serve.token"
	modelsDir = "models"
)

const (
	serveLook  = "250ms" // between looks at the folder of models
	serveDrain = "700ms" // for the last requests: all must end within 2 s of SIGTERM, and 1 s of the end of dev
	// serveLimit is how long dev waits for the server once all others are up.
	serveLimit = 3 * time.Second
)

// A server is the cluster's prediction server.
type server struct {
	listen string   // host:port
	hosts  []string // names and addresses that its certificate has
	url    string
}

// newServer returns the server of a config, nil if it is to have none. Its address is free, and none of the masters'.
func newServer(cfg Config, masters []address) (*server, error) {
	s := &server{hosts: hosts()}
	host, port := loopback, "0"
	switch cfg.Serve {
	case Off:
		return nil, nil //nolint:nilnil // as the doc says
	case "":
	default:
		var err error
		if host, port, err = net.SplitHostPort(cfg.Serve); err != nil {
			return nil, fault.Usage("--serve %q: want HOST:PORT, or off", cfg.Serve)
		}
	}
	if port == "0" {
		var err error
		if port, err = another(masters); err != nil {
			return nil, err
		}
	}
	s.listen = net.JoinHostPort(host, port)
	ln, err := net.Listen("tcp", s.listen) //nolint:noctx // at once
	if err != nil {
		return nil, fault.Usage("--serve %s: %w: give another HOST:PORT, or off", cfg.Serve, err)
	}
	if err := ln.Close(); err != nil {
		return nil, err
	}
	called := host // by clients
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		called = localhost
		if name, err := os.Hostname(); err == nil && cluster.CheckHost(name) == nil {
			s.hosts = append(s.hosts, strings.ToLower(name))
		}
	} else {
		s.hosts = append(s.hosts, host)
	}
	s.url = "https://" + net.JoinHostPort(called, port)
	return s, nil
}

// another returns a free port that no master has.
func another(masters []address) (string, error) {
	for {
		found, err := ports(1)
		if err != nil {
			return "", err
		}
		at := loopback + ":" + strconv.Itoa(found[0])
		if !slices.ContainsFunc(masters, func(m address) bool { return at == m.API || at == m.Cluster || at == m.Gossip }) {
			return strconv.Itoa(found[0]), nil
		}
	}
}

// prepare makes the folder of models and a token for asking, and writes the server's certificate, configuration and URL. Who has
// that token or the cluster's admin token is the namespace default; only the latter may load, unload and read metrics.
func (s *server) prepare(folder *cluster.Folder) error {
	models := folder.Path(modelsDir)
	if err := os.MkdirAll(models, 0o700); err != nil {
		return err
	}
	if err := folder.Issue(serveName, serveName, s.hosts, cluster.CertLife); err != nil {
		return err
	}
	asking, err := askToken(folder.Path(tokenFile))
	if err != nil {
		return err
	}
	b, err := yaml.Marshal(map[string]any{
		"models": models, "listen": s.listen, "poll": serveLook, "drain": serveDrain, "wait": true,
		"cert": folder.Path(serveName + ".pem"), "key": folder.Path(serveName + ".key"),
		"keys": []httpd.Key{
			{SHA256: folder.AdminHash(), Namespace: "default", Admin: true},
			{SHA256: master.HashSecret(asking), Namespace: "default"},
		},
	})
	if err != nil {
		return err
	}
	if err := cluster.WriteFile(folder.Path(serveName+".yaml"), b); err != nil {
		return err
	}
	return cluster.WriteFile(folder.Path(urlFile), []byte(s.url+"\n"))
}

// askToken returns the token in a file, and makes one where there is none.
func askToken(file string) (string, error) {
	text, err := os.ReadFile(file)
	switch token := strings.TrimSpace(string(text)); {
	case errors.Is(err, fs.ErrNotExist):
		token, _ = master.NewSecret()
		return token, cluster.WriteFile(file, []byte(token+"\n"))
	case err != nil:
		return "", err
	case token == "":
		return "", fault.Usage("%s is empty: remove it, and a token is made", file)
	default:
		return token, nil
	}
}

// await waits until the server is ready, or ctx ends, but not for ever: a model may be damaged, or large.
func (s *server) await(ctx context.Context, cfg Config, folder *cluster.Folder) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(folder.CA.CertPEM())
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Second}
	limit := time.NewTimer(serveLimit)
	defer limit.Stop()
	poll := time.NewTicker(25 * time.Millisecond) // the start only
	defer poll.Stop()
	for {
		err := s.ready(ctx, client)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-limit.C:
			cfg.Logger.Warn("the prediction server does not serve all models yet", "url", s.url, "folder", folder.Path(modelsDir),
				"error", err, "log", filepath.Join(folder.Dir, "log", serveName+".log"))
			return
		case <-poll.C:
		}
	}
}

// ready asks the server whether its models are loaded and warm; nil: they are.
func (s *server) ready(ctx context.Context, client *http.Client) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v2/health/ready", nil)
	if err != nil {
		return err
	}
	r, err := client.Do(req)
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		err = fmt.Errorf("it is not ready: status %d", r.StatusCode)
	}
	return errors.Join(err, r.Body.Close())
}

// removeURL says that there is no server.
func removeURL(folder *cluster.Folder) error {
	if err := os.Remove(folder.Path(urlFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("of the prediction server: %w", err)
	}
	return nil
}
