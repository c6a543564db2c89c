package groom_test

import (
	"context"
	"strings"
	"testing"
	"time"

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

// hangLimit is far beyond what an orderly end takes on a busy machine: the times
// themselves are measured in e2e and bench.
const hangLimit = 20 * time.Second

func TestLeaving(t *testing.T) {
	_, m, g := one(t)
	a, b := newKey(), newKey()
	m.order(play(a, "stay"), play(b, "stubborn"))
	m.awaitPhase(a, wire.Working)
	m.awaitPhase(b, wire.Working)
	start := time.Now()
	must(t, g.stop())
	if took := time.Since(start); took > hangLimit {
		t.Errorf("the groom took %v to end", took)
	}
	m.await("the goodbye", func(r wire.Report) bool { return r.Leaving })
	g.empty()
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

func TestConfigIsChecked(t *testing.T) {
	c := newCluster(t)
	for want, change := range map[string]func(*groom.Config){
		"groom name":    func(c *groom.Config) { c.Name = "a/b" },
		"data folder":   func(c *groom.Config) { c.DataDir = "" },
		"store":         func(c *groom.Config) { c.Store = "" },
		"32":            func(c *groom.Config) { c.GossipKey = nil },
		"certificate":   func(c *groom.Config) { c.Cert = nil },
		"not be negati": func(c *groom.Config) { c.Slots = -1 },
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
	if err := second.Run(ctx); err == nil || !strings.Contains(err.Error(), "another groom runs in") {
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
