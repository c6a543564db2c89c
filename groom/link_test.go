package groom_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/groom"
	"scalar/internal/pki"
)

func TestFollowsTheLeader(t *testing.T) {
	c := newCluster(t)
	a, b := c.master("a"), c.master("b")
	a.setReply(wire.ReportReply{Cluster: "uuid", Leader: b.addr})
	g := c.run(c.config())
	key := newKey()
	b.order(play(key, "stay"))
	pid := b.awaitPhase(key, wire.Working).PID

	// Leadership moves while the links stay up.
	a.setReply(wire.ReportReply{Cluster: "uuid", Term: 2})
	b.setReply(wire.ReportReply{Cluster: "uuid", Leader: a.addr, Term: 2})
	a.await("the task in a report to the new leader", func(r wire.Report) bool {
		return r.OrdersTerm == 1 && len(r.Tasks) == 1 && r.Tasks[0].PID == pid && r.Tasks[0].Phase == wire.Working
	})
	a.mu.Lock()
	a.orders.Term = 2
	a.mu.Unlock()
	a.order(play(key, "stay"))
	a.await("orders of the new leader", func(r wire.Report) bool { return r.OrdersTerm == 2 && r.Tasks[0].PID == pid })
	a.order()
	a.awaitGone(key)
	g.empty()
}

func TestTasksSurviveTheirMaster(t *testing.T) {
	c := newCluster(t)
	m, next := c.master("m1"), c.master("m2")
	next.setReply(wire.ReportReply{}) // knows no leader
	c.run(c.config())
	key := newKey()
	m.order(play(key, "stay"))
	pid := m.awaitPhase(key, wire.Working).PID
	m.mu.Lock()
	before := m.last.Seq
	m.mu.Unlock()
	m.cut()
	r := m.await("a report over a new link", func(r wire.Report) bool { return r.Seq > before+1 })
	if len(r.Tasks) != 1 || r.Tasks[0].PID != pid || r.Tasks[0].Phase != wire.Working {
		t.Errorf("tasks %+v", r.Tasks)
	}
	// The leader is gone, and for a while nobody leads.
	m.stop()
	asked := next.await("a question", func(wire.Report) bool { return true }).Seq
	next.await("more of them", func(r wire.Report) bool { return r.Seq > asked+3 })
	next.setReply(wire.ReportReply{Cluster: "uuid", Term: 2})
	next.await("the task", func(r wire.Report) bool { return len(r.Tasks) == 1 && r.Tasks[0].PID == pid })
	next.mu.Lock()
	next.orders.Term = 2
	next.mu.Unlock()
	next.order()
	next.awaitGone(key)
}

func TestHeartbeat(t *testing.T) {
	_, m, _ := one(t, func(c *groom.Config) { c.Heartbeat = 20 * time.Millisecond })
	first := m.await("a report", func(wire.Report) bool { return true })
	if first.Groom != "g1" || first.Slots != 4 || first.Cores <= 0 || first.Memory <= 0 || first.Addr != "127.0.0.1" || first.Version != "test" {
		t.Errorf("report %+v", first)
	}
	m.await("more", func(r wire.Report) bool { return r.Seq >= first.Seq+5 && r.Cluster == "uuid" })
}

// The goodbye is a best effort, which a busy machine may defeat, though not every time.
func TestLeaving(t *testing.T) {
	c := newCluster(t)
	m := c.master("m1")
	cfg := c.config()
	heard := func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.last.Leaving
	}
	for range 3 {
		g := c.run(cfg)
		a, b := newKey(), newKey()
		m.order(play(a, "stay"), play(b, "stubborn"))
		m.awaitPhase(a, wire.Working)
		m.awaitPhase(b, wire.Working)
		must(t, g.stop()) // within patience
		g.empty()
		if heard() {
			return
		}
		m.mu.Lock()
		m.reports, m.orders.Tasks = 0, nil
		m.mu.Unlock()
	}
	t.Error("no goodbye")
}

func TestWrongCertificatesAreTold(t *testing.T) {
	c := newCluster(t)
	cfg := c.config()
	old, err := c.ca.Issue(pki.Request{Role: pki.RoleGroom, Name: "g1", Life: time.Hour, Now: time.Now().Add(-2 * time.Hour)})
	must(t, err)
	cfg.Cert, cfg.Key = old.Cert, old.Key
	if _, err := groom.New(cfg); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("New with an expired certificate: %v", err)
	}
}

// A groom that no master takes says why, at the level that everybody sees, but not
// at every try.
func TestRefusalsAreTold(t *testing.T) {
	for want, spoil := range map[string]func(*cluster, *master, *groom.Config){
		"certificate of another CA": func(_ *cluster, _ *master, cfg *groom.Config) {
			ca, err := pki.NewCA("scalar", time.Hour, time.Now())
			must(t, err)
			p, err := ca.Issue(pki.Request{Role: pki.RoleGroom, Name: "g1", Life: time.Hour, Now: time.Now()})
			must(t, err)
			cfg.CA, cfg.Cert, cfg.Key = ca.CertPEM(), p.Cert, p.Key
		},
		"remote error: tls": func(c *cluster, _ *master, cfg *groom.Config) { // a certificate that ends while the groom runs
			p, err := c.ca.Issue(pki.Request{Role: pki.RoleMaster, Name: "g1", Life: time.Hour, Now: time.Now()})
			must(t, err)
			cfg.Cert, cfg.Key = p.Cert, p.Key
		},
		"master.another": func(_ *cluster, _ *master, cfg *groom.Config) { cfg.Cluster = "another" },
		"data folder belongs to cluster older": func(_ *cluster, _ *master, cfg *groom.Config) {
			must(t, os.MkdirAll(cfg.DataDir, 0o755))
			must(t, os.WriteFile(filepath.Join(cfg.DataDir, "cluster"), []byte("older\n"), 0o600))
		},
		"an older incarnation": func(_ *cluster, m *master, _ *groom.Config) { m.refusal = errors.New("an older incarnation") },
	} {
		t.Run(want, func(t *testing.T) {
			c := newCluster(t)
			m := c.master("m1")
			var log lockedBuffer
			cfg := c.config()
			spoil(c, m, &cfg)
			cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
			c.run(cfg)
			eventually(t, "a warning", func() bool { return strings.Contains(log.String(), "a master does not take this groom") })
			time.Sleep(400 * time.Millisecond) // several tries
			told := 0
			for line := range strings.Lines(log.String()) {
				if strings.Contains(line, "level=WARN") && strings.Contains(line, "master="+m.addr) && strings.Contains(line, want) {
					told++
				}
			}
			if told != 1 {
				t.Errorf("told %d times; log:\n%s", told, log.String())
			}
		})
	}
}

func TestConfigIsChecked(t *testing.T) {
	c := newCluster(t)
	for want, change := range map[string]func(*groom.Config){
		"groom name":    func(c *groom.Config) { c.Name = "a/b" },
		"data folder":   func(c *groom.Config) { c.DataDir = "" },
		"store":         func(c *groom.Config) { c.Store = "" },
		"32":            func(c *groom.Config) { c.GossipKeys = [][]byte{nil} },
		"certificate":   func(c *groom.Config) { c.Cert = nil },
		"not be negati": func(c *groom.Config) { c.Slots = -1 },
		"4096 at most":  func(c *groom.Config) { c.Slots = 4097 },
		"16 to 1048576": func(c *groom.Config) { c.Procs = 1 },
	} {
		cfg := c.config()
		change(&cfg)
		if _, err := groom.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestDataFolderIsLocked(t *testing.T) {
	_, m, g := one(t)
	m.conn()
	second, err := groom.New(g.cfg)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := second.Run(ctx); err == nil || !strings.Contains(err.Error(), "another groom, or a master, runs in") || job.AsFailure(err, job.FaultProgram).Code != job.ExitUsage {
		t.Errorf("Run in a folder that is in use: %v", err)
	}
}

func TestIncarnationGrows(t *testing.T) {
	c, m, g := one(t)
	first := m.await("a report", func(r wire.Report) bool { return r.Cluster == "uuid" }).Incarnation
	must(t, g.stop())
	// The clock has gone back by a lot: a far incarnation is in the folder.
	far := uint64(1 << 62)
	writeIncarnation(t, g.cfg.DataDir, far)
	c.run(g.cfg)
	r := m.await("a new incarnation", func(r wire.Report) bool { return r.Incarnation != first })
	if r.Incarnation != far+1 || r.Cluster != "uuid" {
		t.Errorf("incarnation %d after %d, cluster %q", r.Incarnation, far, r.Cluster)
	}
}
