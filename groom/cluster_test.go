package groom_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/groom"
	"scalar/internal/gossip"
	"scalar/internal/netx"
	"scalar/internal/pack"
	"scalar/internal/pki"
	"scalar/internal/rpc"
)

const patience = time.Minute

// cluster is what the daemons of one test share.
type cluster struct {
	t     *testing.T
	ca    *pki.CA
	key   []byte
	store string // folder

	mu      sync.Mutex
	seeds   []string
	masters []*master
}

// newCluster has the test run beside others: most of its time it waits.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	t.Parallel()
	ca, err := pki.NewCA("scalar", time.Hour, time.Now())
	must(t, err)
	c := &cluster{t: t, ca: ca, key: make([]byte, 32), store: t.TempDir()}
	_, _ = rand.Read(c.key)
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) issue(role, name string) pki.Pair {
	c.t.Helper()
	p, err := c.ca.Issue(pki.Request{Role: role, Name: name, Life: time.Hour, Now: time.Now()})
	must(c.t, err)
	return p
}

// config returns the Config of groom g1 of this cluster, whose tasks are this test
// binary.
func (c *cluster) config() groom.Config {
	c.t.Helper()
	const name = "g1"
	exe, err := os.Executable()
	must(c.t, err)
	p := c.issue(pki.RoleGroom, name)
	return groom.Config{
		Name: name, DataDir: filepath.Join(c.t.TempDir(), name), Seeds: c.seeds, GossipKeys: [][]byte{c.key},
		CA: c.ca.CertPEM(), Cert: p.Cert, Key: p.Key, Slots: 4, Store: "file://" + c.store, Exe: exe, Version: "test",
		DisableCgroups: true,
	}
}

// running is a groom in this process.
type running struct {
	t    *testing.T
	cfg  groom.Config
	stop func() error
}

func (c *cluster) run(cfg groom.Config) *running {
	c.t.Helper()
	g, err := groom.New(cfg)
	must(c.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	r := &running{t: c.t, cfg: cfg}
	r.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
			return errors.New("the groom does not end")
		}
	})
	c.t.Cleanup(func() { must(c.t, r.stop()) })
	return r
}

// empty fails the test unless nothing is left of tasks in the data folder.
func (r *running) empty() {
	r.t.Helper()
	entries, err := os.ReadDir(filepath.Join(r.cfg.DataDir, "tasks"))
	must(r.t, err)
	for _, e := range entries {
		r.t.Errorf("left over: %s", e.Name())
	}
}

// master is a fake one behind real TLS and RPC.
type master struct {
	c      *cluster
	addr   string
	gossip *gossip.Gossip
	stop   func()

	mu      sync.Mutex
	refusal error // the answer to reports, if set
	reply   wire.ReportReply
	orders  wire.Orders
	conns   map[*rpc.Conn]bool
	last    wire.Report
	reports int
	news    chan struct{} // closed and replaced at every report
}

func (c *cluster) master(id string) *master {
	c.t.Helper()
	own, err := pki.NewOwn(c.ca.CertPEM(), c.issue(pki.RoleMaster, id), time.Now())
	must(c.t, err)
	conf := own.ServerTLS(pki.ServerOptions{Roles: map[string]string{"bsp-groom": pki.RoleGroom}})
	raw, err := netx.Listen(c.t.Context(), "127.0.0.1:0")
	must(c.t, err)
	m := &master{c: c, addr: raw.Addr().String(), conns: map[*rpc.Conn]bool{}, news: make(chan struct{}), reply: wire.ReportReply{Cluster: "uuid", Term: 1}}
	m.orders.Cluster = "uuid"
	m.orders.Term = 1
	c.mu.Lock()
	seeds := slices.Clone(c.seeds)
	c.mu.Unlock()
	keys, err := gossip.NewKeys([][]byte{c.key})
	if err != nil {
		c.t.Fatal(err)
	}
	m.gossip, err = gossip.New(gossip.Config{
		Member: gossip.Member{ID: id, Role: pki.RoleMaster, Addr: m.addr}, Bind: "127.0.0.1", Keys: keys,
		Seeds: func() []string { return seeds },
	})
	must(c.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = m.gossip.Run(ctx) })
	l := tls.NewListener(raw, conf)
	wg.Go(func() { m.accept(ctx, l, &wg) })
	m.stop = sync.OnceFunc(func() {
		cancel()
		_ = l.Close()
		wg.Wait()
	})
	c.t.Cleanup(m.stop)
	c.mu.Lock()
	c.seeds = append(c.seeds, m.gossip.Addr())
	c.masters = append(c.masters, m)
	c.mu.Unlock()
	return m
}

func (m *master) accept(ctx context.Context, l net.Listener, wg *sync.WaitGroup) {
	for {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		wg.Go(func() {
			var conn *rpc.Conn
			conn = rpc.NewConn(raw, func(_ context.Context, method uint16, body []byte) ([]byte, error) {
				return m.serve(conn, method, body)
			}, rpc.Config{})
			_ = conn.Run(ctx)
			m.mu.Lock()
			delete(m.conns, conn)
			m.mu.Unlock()
		})
	}
}

func (m *master) serve(conn *rpc.Conn, method uint16, body []byte) ([]byte, error) {
	var r wire.Report
	if method != wire.MethodReport {
		return nil, errors.New("unknown method")
	}
	if err := pack.Unmarshal(body, &r); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conns[conn] = m.reply.Leader == "" && m.reply.Term > 0
	m.last = r
	m.reports++
	close(m.news)
	m.news = make(chan struct{})
	if m.refusal != nil {
		return nil, m.refusal
	}
	return pack.Marshal(m.reply)
}

func (m *master) setReply(r wire.ReportReply) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reply = r
}

// cut breaks all links.
func (m *master) cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for c := range m.conns {
		_ = c.Close()
	}
}

// await returns the first report for which ok is true, from the last one on.
func (m *master) await(what string, ok func(wire.Report) bool) wire.Report {
	m.c.t.Helper()
	deadline := time.After(patience)
	for {
		m.mu.Lock()
		last, news, n := m.last, m.news, m.reports
		m.mu.Unlock()
		if n > 0 && ok(last) {
			return last
		}
		select {
		case <-news:
		case <-deadline:
			m.c.t.Fatalf("no report: %s; the last was %+v", what, last)
		}
	}
}

func (m *master) awaitPhase(key wire.TaskKey, p wire.Phase) wire.TaskStatus {
	m.c.t.Helper()
	var out wire.TaskStatus
	m.await("task "+p.String(), func(r wire.Report) bool {
		for _, s := range r.Tasks {
			if s.Key == key && s.Phase == p {
				out = s
				return true
			}
			if s.Key == key && s.Phase == wire.Dead {
				m.c.t.Fatalf("task died: %+v\n%s", s.Failure, s.Failure.Detail)
			}
		}
		return false
	})
	return out
}

// awaitGone waits until the groom says nothing of the task any more.
func (m *master) awaitGone(key wire.TaskKey) {
	m.c.t.Helper()
	m.await("task gone", func(r wire.Report) bool {
		return !slices.ContainsFunc(r.Tasks, func(s wire.TaskStatus) bool { return s.Key == key })
	})
}

// conn returns the groom's link, once this master leads.
func (m *master) conn() *rpc.Conn {
	m.c.t.Helper()
	var out *rpc.Conn
	m.await("a link", func(wire.Report) bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		for c, adopted := range m.conns {
			if adopted {
				out = c
			}
		}
		return out != nil
	})
	return out
}

// call sends one message to the groom and decodes the answer into reply.
func (m *master) call(method uint16, msg, reply any) error {
	m.c.t.Helper()
	body, err := pack.Marshal(msg)
	must(m.c.t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	body, err = m.conn().Call(ctx, method, body)
	if err == nil && reply != nil {
		err = pack.Unmarshal(body, reply)
	}
	return err
}

// order replaces what the groom shall run.
func (m *master) order(tasks ...wire.TaskOrder) {
	m.c.t.Helper()
	m.mu.Lock()
	m.orders.Seq++
	m.orders.Tasks = tasks
	o := m.orders
	m.mu.Unlock()
	must(m.c.t, m.call(wire.MethodOrders, o, nil))
}

func (m *master) orderStorage(work ...wire.StorageOrder) {
	m.c.t.Helper()
	m.mu.Lock()
	m.orders.Seq++
	m.orders.Storage = work
	o := m.orders
	m.mu.Unlock()
	must(m.c.t, m.call(wire.MethodOrders, o, nil))
}

var counter struct {
	sync.Mutex
	n int
}

// newKey names a task of a new job.
func newKey() wire.TaskKey {
	counter.Lock()
	defer counter.Unlock()
	counter.n++
	return wire.TaskKey{Job: job.ID("test-job-" + string(rune('a'+counter.n/26%26)) + string(rune('a'+counter.n%26)) + "-1"), Epoch: 1}
}

// play orders the part that a task plays, with its addresses already known.
func play(key wire.TaskKey, role string, args ...string) wire.TaskOrder {
	ranges := make([]job.Range, max(2, key.Task+1)) // one peer each
	for i := range ranges {
		ranges[i] = job.Range{Lo: i, Hi: i + 1}
	}
	return wire.TaskOrder{
		Start:   wire.TaskStart{Key: key, Name: "test", Builtin: role, Args: args, Ranges: ranges},
		Program: job.Program{Name: role, Builtin: role},
		Env:     map[string]string{roleEnv: role},
		Addrs:   []string{"127.0.0.1:1"},
	}
}

// one returns a cluster with one master and one groom.
func one(t *testing.T, change ...func(*groom.Config)) (*cluster, *master, *running) {
	t.Helper()
	c := newCluster(t)
	m := c.master("m1")
	cfg := c.config()
	for _, f := range change {
		f(&cfg)
	}
	return c, m, c.run(cfg)
}

// saveConfig writes a Config for a groom of its own process.
func saveConfig(t *testing.T, cfg groom.Config) string {
	t.Helper()
	b, err := json.Marshal(cfg)
	must(t, err)
	name := filepath.Join(t.TempDir(), "groom.json")
	must(t, os.WriteFile(name, b, 0o600))
	return name
}

// lockedBuffer is where a groom logs to while the test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
