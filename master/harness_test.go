package master_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/internal/pki"
	"scalar/master"

	"go.uber.org/goleak"
)

// memberlist does not wait for its probes when it shuts down.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probeNode"))
}

// patience is how long tests wait for what should take far less.
const patience = time.Minute

// cluster is a few masters in this process, on loopback.
type cluster struct {
	ca     *pki.CA
	dir    string
	secret string // admin token
	http   *http.Client
	size   int
	nodes  []*node
}

type node struct {
	*master.Master
	cfg  master.Config
	stop context.CancelFunc
	done chan error // gets Run's error
}

func newCluster(t *testing.T, n int) *cluster {
	t.Helper()
	c := prepare(t, n)
	for i := range n {
		c.start(t, c.config(t, i))
	}
	c.leader(t)
	return c
}

// prepare makes keys and folders and starts nothing.
func prepare(tb testing.TB, n int) *cluster {
	tb.Helper()
	ca, err := pki.NewCA("test", time.Hour, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	c := &cluster{ca: ca, dir: tb.TempDir(), size: n}
	c.secret, _ = master.NewSecret()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.CertPEM())
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}, ForceAttemptHTTP2: true}
	c.http = &http.Client{Transport: tr, Timeout: patience}
	tb.Cleanup(func() {
		for _, n := range c.nodes {
			n.end(tb)
		}
		tr.CloseIdleConnections()
	})
	return c
}

func (c *cluster) config(tb testing.TB, i int) master.Config {
	tb.Helper()
	name := fmt.Sprintf("m%d", i)
	pair, err := c.ca.Issue(pki.Request{
		Role: pki.RoleMaster, Name: name, DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Life: time.Hour, Now: time.Now(),
	})
	if err != nil {
		tb.Fatal(err)
	}
	cfg := master.Config{
		Name: name, Cluster: "test", DataDir: filepath.Join(c.dir, name), Store: "file://" + filepath.Join(c.dir, "store"),
		APIAddr: "127.0.0.1:0", ClusterAddr: "127.0.0.1:0", GossipAddr: "127.0.0.1:0",
		BootstrapExpect: c.size, CA: c.ca.CertPEM(), Cert: pair.Cert, Key: pair.Key,
		GossipKeys: [][]byte{[]byte(c.secret[:32])}, AdminTokenHash: master.HashSecret(c.secret),
		Builtins: []string{"pi"}, Version: "test", BlobLimit: 1 << 16, Ballast: -1,
	}
	for _, n := range c.nodes {
		cfg.Seeds = append(cfg.Seeds, n.Addrs().Gossip)
	}
	if testing.Verbose() && os.Getenv("MASTER_LOG") != "" {
		cfg.Logger = slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return cfg
}

func (c *cluster) start(tb testing.TB, cfg master.Config, before ...func(*master.Master)) *node {
	tb.Helper()
	m, err := master.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range before {
		f(m)
	}
	ctx, stop := context.WithCancel(tb.Context())
	n := &node{Master: m, cfg: cfg, stop: stop, done: make(chan error, 1)}
	go func() { n.done <- m.Run(ctx) }()
	c.nodes = append(c.nodes, n)
	return n
}

// end stops a node in order; a second end does nothing.
func (n *node) end(tb testing.TB) {
	tb.Helper()
	if n.done == nil {
		return
	}
	n.stop()
	select {
	case err := <-n.done:
		if err != nil {
			tb.Errorf("master %s: %v", n.ID(), err)
		}
	case <-time.After(patience):
		tb.Errorf("master %s does not end", n.ID())
	}
	n.done = nil
}

// kill stops a node without any handover and takes it out of the cluster.
func (c *cluster) kill(t *testing.T, n *node) {
	t.Helper()
	n.SetAbrupt()
	n.end(t)
	c.remove(n)
}

func (c *cluster) remove(n *node) {
	for i := range c.nodes {
		if c.nodes[i] == n {
			c.nodes = append(c.nodes[:i:i], c.nodes[i+1:]...)
			return
		}
	}
}

type status struct {
	UUID, Leader string
	Masters      []struct {
		ID, State string
		Voter     bool
	}
}

// leader waits until every node knows the same leader, which serves.
func (c *cluster) leader(tb testing.TB) *node {
	tb.Helper()
	var found *node
	eventually(tb, "a leader that all masters know", func() bool {
		found = nil
		names := map[string]bool{}
		for _, n := range c.nodes {
			var s status
			if c.get(n, "/v1/status", &s) != http.StatusOK || s.Leader == "" {
				return false
			}
			names[s.Leader] = true
			if s.Leader == n.ID() {
				found = n
			}
		}
		return found != nil && len(names) == 1 && c.get(found, "/v1/jobs", nil) == http.StatusOK
	})
	return found
}

func (c *cluster) followers(t *testing.T) []*node {
	t.Helper()
	leader := c.leader(t)
	var list []*node
	for _, n := range c.nodes {
		if n != leader {
			list = append(list, n)
		}
	}
	return list
}

func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// request is one call of the API.
type request struct {
	method, path string
	token        string // empty: the admin's; "-": none
	id           string
	body         any // string, []byte or a value for JSON
	header       map[string]string
}

type response struct {
	status int
	header http.Header
	body   []byte
}

func (r response) errorCode() (message string, code int) {
	var e struct {
		Error string
		Code  int
	}
	_ = json.Unmarshal(r.body, &e)
	return e.Error, e.Code
}

func (c *cluster) try(n *node, r request) (response, error) {
	resp, err := c.open(context.Background(), n, r)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, resp.Header, b}, err
}

func (c *cluster) open(ctx context.Context, n *node, r request) (*http.Response, error) {
	var body io.Reader
	switch b := r.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	case []byte:
		body = bytes.NewReader(b)
	default:
		enc, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(enc)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, "https://"+n.Addrs().API+r.path, body)
	if err != nil {
		return nil, err
	}
	switch r.token {
	case "-":
	case "":
		req.Header.Set("Authorization", "Bearer "+c.secret)
	default:
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.id != "" {
		req.Header.Set("X-Request-Id", r.id)
	}
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	return c.http.Do(req)
}

// do calls like a client: without a leader it tries again under one request id.
// A busy machine may lose its leader at any time.
func (c *cluster) do(t *testing.T, n *node, r request) response {
	t.Helper()
	if r.id == "" {
		r.id = rand.Text()
	}
	var resp response
	var err error
	eventually(t, r.method+" "+r.path+" is answered", func() bool {
		resp, err = c.try(n, r)
		return err == nil && resp.status != http.StatusServiceUnavailable
	})
	return resp
}

// get decodes the answer of a GET and returns its status, 0 for no answer.
func (c *cluster) get(n *node, path string, into any) int {
	resp, err := c.try(n, request{method: http.MethodGet, path: path})
	if err != nil {
		return 0
	}
	if into != nil && resp.status == http.StatusOK && json.Unmarshal(resp.body, into) != nil {
		return 0
	}
	return resp.status
}

func pi(name string) job.Spec {
	return job.Spec{Name: name, Program: job.Program{Name: "pi", Builtin: "pi"}, Peers: 2}
}

// submit queues a job and returns its id.
func (c *cluster) submit(t *testing.T, n *node, name, id string) job.ID {
	t.Helper()
	resp := c.do(t, n, request{method: http.MethodPost, path: "/v1/jobs", id: id, body: pi(name)})
	if resp.status != http.StatusCreated {
		t.Fatalf("submit %s: %d %s", name, resp.status, resp.body)
	}
	var info job.Info
	if err := json.Unmarshal(resp.body, &info); err != nil {
		t.Fatal(err)
	}
	return info.ID
}
