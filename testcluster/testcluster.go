// Package testcluster runs a whole cluster in one test process: real masters and
// grooms over loopback with TLS, real Raft logs with fsync, and tasks that are
// the test's own binary, exec'd again. Only tests import it.
//
//	func TestMain(m *testing.M) { testcluster.Main(m) }
//	func TestX(t *testing.T)    { c := testcluster.Start(t, testcluster.Config{}) … }
package testcluster

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"scalar/bsp"
	"scalar/bsp/builtin"
	"scalar/bsp/client"
	"scalar/bsp/job"
	"scalar/groom"
	"scalar/internal/pki"
	"scalar/master"

	"go.uber.org/goleak"
)

const anyPort = "127.0.0.1:0"

// Main is what TestMain calls: a process that a groom has started becomes a task
// of a built-in program, any other runs the tests and checks that they leave no
// goroutine behind.
func Main(m *testing.M) {
	if bsp.IsTask() {
		os.Exit(bsp.TaskMain(builtin.Programs().NewRunner)) //nolint:forbidigo // this is the main of a test binary
	}
	// memberlist does not wait for its probes when it shuts down.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probeNode"))
}

// Config says how large a cluster is. Zero fields mean the defaults.
type Config struct {
	Masters int // default 1
	Grooms  int // default 2
	Slots   int // of each groom, default 2
	// AdjustMaster and AdjustGroom may change a daemon's configuration.
	AdjustMaster func(i int, c *master.Config)
	AdjustGroom  func(i int, c *groom.Config)
}

// A Cluster is a running cluster. Its end is the test's.
type Cluster struct {
	Dir   string
	Store string
	Token string // of an admin

	tb        testing.TB
	cfg       Config
	ca        *pki.CA
	gossipKey []byte
	masters   []*daemon
	grooms    []*daemon
	addrs     []master.Addrs
}

// daemon is a running master or groom.
type daemon struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{} // closed by its goroutine when Run has returned
	err    error         // of Run, valid after done
}

// Start starts a cluster and waits until all grooms are ready.
func Start(tb testing.TB, cfg Config) *Cluster {
	tb.Helper()
	cfg.Masters, cfg.Grooms, cfg.Slots = defaults(cfg.Masters, 1), defaults(cfg.Grooms, 2), defaults(cfg.Slots, 2)
	c := &Cluster{tb: tb, cfg: cfg, Dir: tb.TempDir(), Token: "test-admin-token", gossipKey: make([]byte, 32)}
	c.Store = "file://" + filepath.Join(c.Dir, "store")
	if err := os.MkdirAll(filepath.Join(c.Dir, "store"), 0o755); err != nil {
		tb.Fatal(err)
	}
	if _, err := rand.Read(c.gossipKey); err != nil {
		tb.Fatal(err)
	}
	var err error
	if c.ca, err = pki.NewCA("scalar", time.Hour, time.Now()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.stop)
	for i := range cfg.Masters {
		c.addrs = append(c.addrs, master.Addrs{API: anyPort, Cluster: anyPort, Gossip: anyPort})
		c.masters = append(c.masters, nil)
		c.StartMaster(i)
	}
	for i := range cfg.Grooms {
		c.grooms = append(c.grooms, nil)
		c.StartGroom(i)
	}
	c.WaitReady()
	return c
}

func defaults(n, d int) int {
	if n == 0 {
		return d
	}
	return n
}

func (c *Cluster) logger(name string) *slog.Logger {
	if os.Getenv("TESTCLUSTER_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("daemon", name)
}

func (c *Cluster) pair(role, name string) pki.Pair {
	c.tb.Helper()
	p, err := c.ca.Issue(pki.Request{
		Role: role, Name: name, DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)},
		Life: time.Hour, Now: time.Now(),
	})
	if err != nil {
		c.tb.Fatal(err)
	}
	return p
}

// StartMaster starts master i; one that ran before comes back at its addresses.
func (c *Cluster) StartMaster(i int) {
	c.tb.Helper()
	name := fmt.Sprintf("master-%d", i+1)
	pair := c.pair("master", name)
	cfg := master.Config{
		Name: name, DataDir: filepath.Join(c.Dir, name),
		APIAddr: c.addrs[i].API, ClusterAddr: c.addrs[i].Cluster, GossipAddr: c.addrs[i].Gossip,
		BootstrapExpect: c.cfg.Masters, Seeds: c.seeds(), Store: c.Store,
		CA: c.ca.CertPEM(), Cert: pair.Cert, Key: pair.Key, GossipKeys: [][]byte{c.gossipKey}, Ballast: -1,
		AdminTokenHash: master.HashSecret(c.Token), Builtins: builtinNames(), Version: "test", Logger: c.logger(name),
	}
	if c.cfg.AdjustMaster != nil {
		c.cfg.AdjustMaster(i, &cfg)
	}
	m, err := master.New(cfg)
	if err != nil {
		c.tb.Fatalf("%s: %v", name, err)
	}
	c.addrs[i] = m.Addrs()
	c.masters[i] = run(name, m.Run)
}

// StartGroom starts groom i; one that ran before is a new incarnation.
func (c *Cluster) StartGroom(i int) {
	c.tb.Helper()
	name := fmt.Sprintf("groom-%d", i+1)
	pair := c.pair("groom", name)
	cfg := groom.Config{
		Name: name, DataDir: filepath.Join(c.Dir, name), Seeds: c.seeds(), GossipKeys: [][]byte{c.gossipKey},
		CA: c.ca.CertPEM(), Cert: pair.Cert, Key: pair.Key, Slots: c.cfg.Slots, Cores: float64(c.cfg.Slots),
		Store: c.Store, DisableCgroups: true, Version: "test", Logger: c.logger(name),
	}
	if c.cfg.AdjustGroom != nil {
		c.cfg.AdjustGroom(i, &cfg)
	}
	g, err := groom.New(cfg)
	if err != nil {
		c.tb.Fatalf("%s: %v", name, err)
	}
	c.grooms[i] = run(name, g.Run)
}

func (c *Cluster) seeds() []string {
	var seeds []string
	for _, a := range c.addrs {
		if host, port, err := net.SplitHostPort(a.Gossip); err == nil && port != "0" {
			seeds = append(seeds, net.JoinHostPort(host, port))
		}
	}
	return seeds
}

func builtinNames() []string {
	programs := builtin.Programs()
	names := make([]string, 0, len(programs))
	for _, p := range programs {
		names = append(names, p.Name)
	}
	return names
}

func run(name string, f func(context.Context) error) *daemon {
	ctx, cancel := context.WithCancel(context.Background())
	d := &daemon{name: name, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(d.done)
		d.err = f(ctx)
	}()
	return d
}

// StopMaster ends master i in order and waits.
func (c *Cluster) StopMaster(i int) { c.end(&c.masters[i]) }

// StopGroom ends groom i in order and waits.
func (c *Cluster) StopGroom(i int) { c.end(&c.grooms[i]) }

func (c *Cluster) end(d **daemon) {
	c.tb.Helper()
	if *d == nil {
		return
	}
	(*d).cancel()
	<-(*d).done
	if (*d).err != nil {
		c.tb.Errorf("%s: %v", (*d).name, (*d).err)
	}
	*d = nil
}

func (c *Cluster) stop() {
	var all sync.WaitGroup
	for _, list := range [][]*daemon{c.grooms, c.masters} {
		for i := range list {
			all.Go(func() { c.end(&list[i]) })
		}
		all.Wait()
	}
}

// Client returns a client of an admin that knows all masters.
func (c *Cluster) Client() *client.Client {
	c.tb.Helper()
	addrs := make([]string, 0, len(c.addrs))
	for _, a := range c.addrs {
		addrs = append(addrs, "https://"+a.API)
	}
	cl, err := client.New(client.Config{Addrs: addrs, Token: c.Token, CA: c.ca.CertPEM()})
	if err != nil {
		c.tb.Fatal(err)
	}
	c.tb.Cleanup(cl.Close)
	return cl
}

// Run submits the job and waits for its end.
func (c *Cluster) Run(ctx context.Context, spec job.Spec) job.Info {
	c.tb.Helper()
	cl := c.Client()
	info, err := cl.Submit(ctx, spec)
	if err == nil {
		info, err = cl.Watch(ctx, info.ID, func(job.Info) error { return nil })
	}
	if err != nil {
		c.tb.Fatalf("run %s: %v", spec.Program.Name, err)
	}
	return info
}

// WaitReady waits until there is a leader and all running grooms are ready.
func (c *Cluster) WaitReady() {
	c.tb.Helper()
	cl := c.Client()
	want := len(c.grooms) - countNil(c.grooms)
	deadline := time.Now().Add(patience)
	for {
		nodes, err := cl.Nodes(c.tb.Context())
		ready := 0
		for _, n := range nodes {
			if n.Role == "groom" && n.State == "ready" {
				ready++
			}
		}
		if err == nil && ready == want {
			return
		}
		if time.Now().After(deadline) {
			c.tb.Fatalf("the cluster is not ready: %v, %+v", err, nodes)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func countNil(list []*daemon) int {
	return len(slices.DeleteFunc(slices.Clone(list), func(d *daemon) bool { return d != nil }))
}
