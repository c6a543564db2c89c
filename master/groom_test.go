package master_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/pack"
	"scalar/internal/pki"
	"scalar/internal/rpc"
	"scalar/storage"
)

// fakeGroom is the other end of a master's link: each task that it is ordered
// to run listens, works while hold is open, writes one part, and is done.
type fakeGroom struct {
	conn   *rpc.Conn
	hold   chan struct{}
	report chan struct{} // holds a value when something has changed

	mu      sync.Mutex // guards what follows
	seq     uint64
	orders  wire.Orders
	starts  map[wire.TaskKey]wire.TaskStart // they come once
	tasks   map[wire.TaskKey]*wire.TaskStatus
	storage map[job.ID]wire.StorageStatus
}

func (c *cluster) groom(t *testing.T, n *node, name string) (*fakeGroom, error) {
	t.Helper()
	pair, err := c.ca.Issue(pki.Request{Role: pki.RoleGroom, Name: name, Life: time.Hour, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := (&tls.Dialer{Config: c.clientTLS(t, &pair, "bsp-groom")}).DialContext(t.Context(), "tcp", n.Addrs().Cluster)
	if err != nil {
		t.Fatal(err)
	}
	g := &fakeGroom{
		hold: make(chan struct{}), report: make(chan struct{}, 1),
		starts: map[wire.TaskKey]wire.TaskStart{}, tasks: map[wire.TaskKey]*wire.TaskStatus{}, storage: map[job.ID]wire.StorageStatus{},
	}
	g.conn = rpc.NewConn(nc, g.serve, rpc.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = g.conn.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	reply, err := g.tell(ctx, name)
	if err != nil || reply.Term == 0 {
		return g, err
	}
	running.Go(func() {
		for {
			select {
			case <-g.report:
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
				return
			}
			_, _ = g.tell(ctx, name)
		}
	})
	return g, nil
}

func (g *fakeGroom) tell(ctx context.Context, name string) (wire.ReportReply, error) {
	g.mu.Lock()
	g.seq++
	r := wire.Report{Groom: name, Incarnation: 1, Seq: g.seq, OrdersSeq: g.orders.Seq, OrdersTerm: g.orders.Term, Addr: "127.0.0.1", Slots: 4, Cores: 4, Memory: 1 << 30}
	for _, s := range g.tasks {
		r.Tasks = append(r.Tasks, *s)
	}
	for _, s := range g.storage {
		r.Storage = append(r.Storage, s)
	}
	g.mu.Unlock()
	var reply wire.ReportReply
	b, err := pack.Marshal(r)
	if err == nil {
		b, err = g.conn.Call(ctx, wire.MethodReport, b)
	}
	if err == nil {
		err = pack.Unmarshal(b, &reply)
	}
	return reply, err
}

func (g *fakeGroom) serve(ctx context.Context, method uint16, body []byte) ([]byte, error) {
	switch method {
	case wire.MethodOrders:
		var o wire.Orders
		if err := pack.Unmarshal(body, &o); err != nil {
			return nil, err
		}
		defer func() {
			select {
			case g.report <- struct{}{}:
			default:
			}
		}()
		return nil, g.obey(ctx, o)
	case wire.MethodProbe:
		var p wire.Probe
		if err := pack.Unmarshal(body, &p); err != nil {
			return nil, err
		}
		var reply wire.ProbeReply
		for _, in := range p.Inputs {
			if strings.Contains(in, "missing") {
				reply.Missing = append(reply.Missing, in)
			}
		}
		reply.OutputExists = strings.Contains(p.Output, "exists")
		return pack.Marshal(reply)
	case wire.MethodLog:
		var r wire.LogRequest
		if err := pack.Unmarshal(body, &r); err != nil {
			return nil, err
		}
		log := "hello\nlast words"
		reply := wire.LogReply{Offset: r.Offset, Data: []byte(log[min(int(r.Offset), len(log)):])}
		select {
		case <-g.hold:
			reply.EOF = true
		default:
			reply.Data = []byte("hello\n"[min(int(r.Offset), 6):])
		}
		return pack.Marshal(reply)
	}
	return nil, os.ErrInvalid
}

func (g *fakeGroom) obey(ctx context.Context, o wire.Orders) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.orders = o
	g.storage = map[job.ID]wire.StorageStatus{}
	tasks := map[wire.TaskKey]*wire.TaskStatus{}
	for _, order := range o.Tasks {
		key := order.Start.Key
		s := g.tasks[key]
		if s == nil {
			s = &wire.TaskStatus{Key: key, Phase: wire.Listening, Addr: "127.0.0.1:1"}
			g.starts[key] = order.Start
		}
		order.Start = g.starts[key]
		select {
		case <-g.hold:
			if err := finish(ctx, order, s); err != nil {
				return err
			}
		default:
			if order.Addrs != nil {
				s.Phase = wire.Working
			}
		}
		tasks[key] = s
	}
	g.tasks = tasks
	for _, s := range o.Storage {
		status := wire.StorageStatus{Job: s.Job, Epoch: s.Epoch, Commit: s.Commit != nil, Done: true}
		if s.Commit != nil {
			var parts []storage.PartInfo
			for _, p := range s.Commit.Parts {
				parts = append(parts, storage.PartInfo{Path: p.Path, Size: p.Size, CRC: p.CRC})
			}
			if err := storage.CommitOutput(ctx, s.Commit.Tmp, s.Commit.Output, `{"job":"x","epoch":1}`, parts); err != nil {
				status.Done, status.Failure = false, job.Fail(job.FaultOutput, "%v", err)
			}
		}
		g.storage[s.Job] = status
	}
	return nil
}

// finish writes the parts of a task and says so.
func finish(ctx context.Context, order wire.TaskOrder, s *wire.TaskStatus) error {
	if s.Phase == wire.Done {
		return nil
	}
	peers := order.Start.Ranges[order.Start.Key.Task]
	for i := peers.Lo; i < peers.Hi; i++ {
		p, err := storage.CreatePart(ctx, order.Start.OutputTmp, i)
		if err != nil {
			return err
		}
		if _, err := p.Write([]byte{'p', byte('0' + i), '\n'}); err != nil {
			return err
		}
		size, crc, err := p.Close()
		if err != nil {
			return err
		}
		s.Parts = append(s.Parts, wire.Part{Peer: i, Path: p.Info().Path, Size: size, CRC: crc})
	}
	s.Phase = wire.Done
	return nil
}

// again makes the groom look at its orders anew after hold was closed.
func (g *fakeGroom) again(t *testing.T) {
	t.Helper()
	close(g.hold)
	g.mu.Lock()
	o := g.orders
	g.mu.Unlock()
	if err := g.obey(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	g.report <- struct{}{}
}

func TestJobRunsAndItsResultAndLogsAreTold(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	leader, follower := c.leader(t), c.followers(t)[0]
	g, err := c.groom(t, leader, "g1")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the groom is known", func() bool {
		var nodes []job.Node
		c.get(follower, "/v1/nodes", &nodes)
		return len(nodes) == 3 && nodes[2].ID == "g1" && nodes[2].Free == 4
	})
	spec := pi("work")
	spec.Tasks = 2
	var info job.Info
	if resp := c.do(t, follower, request{method: http.MethodPost, path: "/v1/jobs", body: spec}); json.Unmarshal(resp.body, &info) != nil || info.ID == "" {
		t.Fatalf("submit: %s", resp.body)
	}
	path := "/v1/jobs/" + string(info.ID)
	eventually(t, "the job works", func() bool {
		c.get(leader, path, &info)
		return info.State == job.Running && info.Placement[0].State == "working"
	})
	if resp := c.do(t, follower, request{method: http.MethodGet, path: path + "/result"}); resp.status != http.StatusConflict {
		t.Errorf("result of a running job: %d", resp.status)
	}
	c.followLogs(t, follower, path, func() { g.again(t) })
	eventually(t, "the job has succeeded", func() bool { c.get(follower, path, &info); return info.State.Final() })
	if info.State != job.Succeeded || info.Result != "p0\np1\n" {
		t.Errorf("job %+v", info)
	}
	if resp := c.do(t, follower, request{method: http.MethodGet, path: path + "/result"}); string(resp.body) != "p0\np1\n" {
		t.Errorf("result %d %q", resp.status, resp.body)
	}
	one := c.do(t, leader, request{method: http.MethodGet, path: path + "/logs?task=1"})
	if string(one.body) != "hello\nlast words\n" {
		t.Errorf("log of one task: %q", one.body)
	}
	for query, want := range map[string]int{"task=7": 400, "task=x": 400, "follow=maybe": 400} {
		if resp := c.do(t, leader, request{method: http.MethodGet, path: path + "/logs?" + query}); resp.status != want {
			t.Errorf("logs?%s: %d", query, resp.status)
		}
	}
}

// followLogs reads the first line of both tasks while the job runs, and the rest
// until it has ended.
func (c *cluster) followLogs(t *testing.T, n *node, path string, goOn func()) {
	t.Helper()
	logs, err := c.open(t.Context(), n, request{method: http.MethodGet, path: path + "/logs?follow=true"})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Body.Close()
	lines := bufio.NewScanner(logs.Body)
	seen := map[string]int{}
	for range 2 {
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		seen[lines.Text()]++
	}
	goOn()
	for lines.Scan() {
		seen[lines.Text()]++
	}
	for _, want := range []string{"task 0: hello", "task 1: hello", "task 0: last words", "task 1: last words"} {
		if seen[want] != 1 || len(seen) != 4 || lines.Err() != nil {
			t.Errorf("logs %v, %v", seen, lines.Err())
		}
	}
}

func TestGroomIsAskedForPaths(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	if _, err := c.groom(t, c.nodes[0], "g1"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		input, output string
		status, code  int
	}{{"/missing", "", 404, 3}, {"", "/exists", 409, 2}, {"/there", "/new", 201, 0}} {
		spec := pi("paths")
		spec.Input, spec.Output = tc.input, tc.output
		resp := c.do(t, c.nodes[0], request{method: http.MethodPost, path: "/v1/jobs", body: spec})
		if _, code := resp.errorCode(); resp.status != tc.status || code != tc.code {
			t.Errorf("input %q, output %q: %d %s", tc.input, tc.output, resp.status, resp.body)
		}
	}
	for verb, want := range map[string]string{"drain": "draining", "undrain": "ready"} {
		resp := c.do(t, c.nodes[0], request{method: http.MethodPost, path: "/v1/nodes/g1/" + verb})
		var n job.Node
		if json.Unmarshal(resp.body, &n) != nil || n.State != want {
			t.Errorf("%s: %d %s", verb, resp.status, resp.body)
		}
	}
}

func TestFollowerSendsGroomToTheLeader(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	g, err := c.groom(t, c.followers(t)[0], "g1")
	if err != nil {
		t.Fatal(err)
	}
	reply, err := g.tell(t.Context(), "g1")
	if err != nil || reply.Leader != c.leader(t).Addrs().Cluster {
		t.Errorf("%+v, %v", reply, err)
	}
	if _, err := g.tell(t.Context(), "g2"); err == nil {
		t.Error("a groom reports for another")
	}
}

// TestClusterPortChecksRoles: each protocol of the port takes one role's
// certificates, and nobody without one.
func TestClusterPortChecksRoles(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	pairs := map[string]*pki.Pair{"nobody": nil}
	for _, role := range []string{pki.RoleMaster, pki.RoleGroom, "client"} {
		pair, err := c.ca.Issue(pki.Request{Role: role, Name: "x", Life: time.Hour, Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		pairs[role] = &pair
	}
	for alpn, right := range map[string]string{"bsp-raft": pki.RoleMaster, "bsp-meet": pki.RoleMaster, "bsp-groom": pki.RoleGroom} {
		for role, pair := range pairs {
			wait := patience
			if role == right {
				wait = 500 * time.Millisecond // for nothing to come: it is our turn to speak
			}
			if err := c.listen(t, c.clientTLS(t, pair, alpn), wait); strings.Contains(err.Error(), "timeout") != (role == right) {
				t.Errorf("a %s speaks %s: %v", role, alpn, err)
			}
		}
	}
}

// clientTLS is that of a client of a master's cluster port, with a certificate or, nil, without.
func (c *cluster) clientTLS(t *testing.T, pair *pki.Pair, alpn string) *tls.Config {
	t.Helper()
	connect := func() (*tls.Config, error) { return pki.ClientTLS(c.ca.CertPEM(), "master.test", alpn) }
	if pair != nil {
		own, err := pki.NewOwn(c.ca.CertPEM(), *pair, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		connect = func() (*tls.Config, error) { return own.ClientTLS("master.test", alpn) }
	}
	cfg, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// listen connects to the cluster's port and returns what ends the reading.
func (c *cluster) listen(t *testing.T, cfg *tls.Config, wait time.Duration) error {
	t.Helper()
	nc, err := (&tls.Dialer{Config: cfg}).DialContext(t.Context(), "tcp", c.nodes[0].Addrs().Cluster)
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := nc.SetReadDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	_, err = nc.Read(make([]byte, 1))
	if err == nil {
		t.Error("a master speaks first")
		return errors.New("no error")
	}
	return err
}
