package master_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/master"
)

// TestRecovery: of three masters two are lost with their disks; the third leads alone
// with all that was committed, and two new ones join and vote.
func TestRecovery(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	leader := c.leader(t)
	ids := []job.ID{c.submit(t, leader, "kept", ""), c.submit(t, leader, "kept", "")}
	made := c.do(t, leader, request{method: http.MethodPost, path: "/v1/tokens", body: map[string]any{"name": "ann", "role": "submitter", "namespace": "a"}})
	var token struct{ Secret string }
	if err := json.Unmarshal(made.body, &token); err != nil || token.Secret == "" {
		t.Fatalf("token: %s, %v", made.body, err)
	}
	survivor := c.loseAllBut(t, c.followers(t)[0])
	recoverMaster(t, survivor)

	survivor.cfg.StableTime = time.Second // the leader's counts
	alone := c.start(t, survivor.cfg)
	c.leader(t)
	if alone.ID() != survivor.ID() {
		t.Errorf("server id %s became %s", survivor.ID(), alone.ID())
	}
	for _, id := range ids {
		c.told(t, alone, "/v1/jobs/"+string(id), &job.Info{})
	}
	if r := c.do(t, alone, request{method: http.MethodGet, path: "/v1/jobs", token: token.Secret}); r.status != http.StatusOK {
		t.Errorf("the token: %d %s", r.status, r.body)
	}
	if id := c.submit(t, alone, "kept", ""); id != "kept-3" {
		t.Errorf("the next job is %s", id)
	}
	for i := range 2 {
		cfg := c.config(t, 3+i)
		cfg.BootstrapExpect, cfg.AdminTokenHash = 0, ""
		c.start(t, cfg)
	}
	eventually(t, "the new masters vote", func() bool { return c.voters(alone) == 3 })
	c.kill(t, alone) // what it knew is not its own any more
	c.told(t, c.leader(t), "/v1/jobs/kept-3", &job.Info{})
}

// voters counts the voting masters, as n sees it.
func (c *cluster) voters(n *node) (voting int) {
	var s status
	if c.get(n, "/v1/status", &s) != http.StatusOK {
		return 0
	}
	for _, m := range s.Masters {
		if m.Voter {
			voting++
		}
	}
	return voting
}

// loseAllBut kills all masters and wipes all but one, which has the two jobs by then. No
// recovery of it is possible before.
func (c *cluster) loseAllBut(t *testing.T, survivor *node) *node {
	t.Helper()
	for _, n := range c.nodes { // so that the survivor has it all
		eventually(t, "all have the jobs", func() bool { return len(n.State().Jobs()) == 2 })
	}
	if _, err := master.OpenRecovery(survivor.cfg.DataDir, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("recovery of a master that runs: %v", err)
	}
	for _, n := range slices.Clone(c.nodes) {
		n.SetAbrupt()
		n.stop() // all at once, so that none is left to lead
	}
	for _, n := range slices.Clone(c.nodes) {
		n.end(t)
		c.remove(n)
		if n != survivor {
			if err := os.RemoveAll(n.cfg.DataDir); err != nil {
				t.Fatal(err)
			}
		}
	}
	return survivor
}

// recoverMaster makes a stopped master lead alone, twice, as after a crash in between.
func recoverMaster(t *testing.T, n *node) {
	t.Helper()
	for range 2 {
		r, err := master.OpenRecovery(n.cfg.DataDir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if r.ID != n.ID() || r.Cluster == "" || !slices.Contains(r.Masters, r.ID) || !r.Voter || r.Index == 0 || r.Term == 0 {
			t.Errorf("recovery %+v", r)
		}
		kept, err := r.Run()
		if err := errors.Join(err, r.Close()); err != nil || kept != (master.Recovered{Jobs: 2, Tokens: 1}) {
			t.Fatalf("kept %+v: %v", kept, err)
		}
	}
	b, err := os.ReadFile(filepath.Join(n.cfg.DataDir, "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	count := 0
	for lines.Scan() {
		var e struct{ What, On, Outcome string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if e.What == "recover raft" && e.On == n.ID() && e.Outcome == "ok" {
			count++
		}
	}
	if count != 2 {
		t.Errorf("%d lines of 2 in the audit log:\n%s", count, b)
	}
}

// TestRecoveryRefuses: a folder that is none, and one without a log.
func TestRecoveryRefuses(t *testing.T) {
	t.Parallel()
	quiet := slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	if _, err := master.OpenRecovery(dir, quiet); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "node.json"), []byte(`{"id":"m1-1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first leaves nothing that fools the second, nor a lock
		if _, err := master.OpenRecovery(dir, quiet); err == nil || !strings.Contains(err.Error(), "holds no log") {
			t.Errorf("no log: %v", err)
		}
	}
}
