package master_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/master"

	"github.com/hashicorp/raft"
)

func TestTrioElectsOneLeaderAndAllAnswer(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	leader := c.leader(t)
	id := c.submit(t, leader, "first", "")
	for _, n := range c.nodes {
		var info job.Info
		if got := c.get(n, "/v1/jobs/"+string(id), &info); got != http.StatusOK {
			t.Fatalf("%s answers %d", n.ID(), got)
		}
		if info.ID != id || info.State != job.Queued || info.Submitter != "admin" {
			t.Errorf("%s tells %+v", n.ID(), info)
		}
	}
	follower := c.followers(t)[0]
	if second := c.submit(t, follower, "second", ""); second != "second-2" {
		t.Errorf("the follower's job is %s", second)
	}
	var s status
	c.get(follower, "/v1/status", &s)
	if len(s.Masters) != 3 || s.UUID == "" {
		t.Errorf("status: %+v", s)
	}
	for _, m := range s.Masters {
		if !m.Voter {
			t.Errorf("founder %s does not vote", m.ID)
		}
	}
}

func TestKilledLeaderLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	leader := c.leader(t)
	acknowledged := map[string]job.ID{}
	for i := range 5 {
		request := fmt.Sprintf("req-%d", i)
		acknowledged[request] = c.submit(t, c.nodes[i%3], "kept", request)
	}
	c.kill(t, leader)
	start := time.Now()
	leader = c.leader(t)
	t.Logf("failover took %v", time.Since(start).Round(time.Millisecond))
	for request, id := range acknowledged {
		if got := c.get(leader, "/v1/jobs/"+string(id), nil); got != http.StatusOK {
			t.Errorf("job %s: %d", id, got)
		}
		if again := c.submit(t, c.nodes[0], "kept", request); again != id {
			t.Errorf("request %s gave %s, and now %s", request, id, again)
		}
	}
	var all []job.Info
	c.get(leader, "/v1/jobs", &all)
	if len(all) != len(acknowledged) || all[0].ID != "kept-5" {
		t.Errorf("%d jobs, newest %v", len(all), all)
	}
}

func TestOrderlyEndHandsOver(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	leader := c.leader(t)
	id := c.submit(t, leader, "before", "")
	start := time.Now()
	leader.end(t)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the end took %v", took)
	}
	c.remove(leader)
	next := c.leader(t)
	if got := c.get(next, "/v1/jobs/"+string(id), nil); got != http.StatusOK {
		t.Errorf("job %s: %d", id, got)
	}
	cfg := leader.cfg
	cfg.Seeds = []string{next.Addrs().Gossip} // it comes back at other ports
	back := c.start(t, cfg)
	eventually(t, "the old leader is back", func() bool { return c.get(back, "/v1/jobs/"+string(id), nil) == http.StatusOK })
	if back.ID() != leader.ID() {
		t.Errorf("server id %s became %s", leader.ID(), back.ID())
	}
}

func TestNoLeader(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	follower := c.followers(t)[0]
	c.kill(t, c.leader(t))
	var resp response
	eventually(t, "503", func() bool {
		resp, _ = c.try(follower, request{method: http.MethodGet, path: "/v1/jobs"})
		return resp.status == http.StatusServiceUnavailable
	})
	message, code := resp.errorCode()
	if code != job.ExitUnreachable || resp.header.Get("Retry-After") == "" || !strings.Contains(message, "no leader") {
		t.Errorf("answer %d %q, headers %v", code, message, resp.header)
	}
	if c.get(follower, "/v1/status", nil) != http.StatusOK || c.get(follower, "/metrics", nil) != http.StatusOK {
		t.Error("a master without a leader does not tell of itself")
	}
}

func TestForwardedCallIsNotForwardedAgain(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	resp, err := c.try(c.followers(t)[0], request{method: http.MethodGet, path: "/v1/jobs", header: map[string]string{"X-Bsp-Forwarded": "x"}})
	if err != nil || resp.status != http.StatusServiceUnavailable {
		t.Errorf("status %d, %v", resp.status, err)
	}
}

func TestMasterJoinsAsNonVoterFirst(t *testing.T) {
	t.Parallel()
	c := prepare(t, 1)
	cfg := c.config(t, 0)
	cfg.StableTime = time.Second
	c.start(t, cfg)
	c.leader(t)
	c.submit(t, c.nodes[0], "early", "")
	cfg = c.config(t, 1)
	cfg.BootstrapExpect, cfg.AdminTokenHash = 0, ""
	joined := c.start(t, cfg)
	voter := func() (known, votes bool) {
		var s status
		c.get(c.nodes[0], "/v1/status", &s)
		for _, m := range s.Masters {
			if m.ID == joined.ID() {
				return true, m.Voter
			}
		}
		return false, false
	}
	eventually(t, "the new master is taken in", func() bool { known, _ := voter(); return known })
	if _, votes := voter(); votes {
		t.Error("it votes at once")
	}
	eventually(t, "the new master votes", func() bool { _, votes := voter(); return votes })
	if got := c.get(joined, "/v1/jobs/early-1", nil); got != http.StatusOK {
		t.Errorf("the new master answers %d", got)
	}
}

func TestWatchOverFollowerEndsWithTheJob(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	follower := c.followers(t)[0]
	id := c.submit(t, follower, "watched", "")
	resp, err := c.open(t.Context(), follower, request{method: http.MethodGet, path: "/v1/jobs/" + string(id) + "/watch"})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := json.NewDecoder(resp.Body)
	var info job.Info
	if err := lines.Decode(&info); err != nil || info.State != job.Queued {
		t.Fatalf("first line %+v, %v", info, err)
	}
	if r := c.do(t, follower, request{method: http.MethodPost, path: "/v1/jobs/" + string(id) + "/stop"}); r.status != http.StatusOK {
		t.Fatalf("stop: %d %s", r.status, r.body)
	}
	for !info.State.Final() {
		if err := lines.Decode(&info); err != nil {
			t.Fatal(err)
		}
	}
	if info.State != job.Stopped || info.ExitCode != job.ExitStopped {
		t.Errorf("last line %+v", info)
	}
	if lines.More() {
		t.Error("the stream goes on after the final state")
	}
}

func TestWatchIsCutWhenTheLeaderEnds(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	id := c.submit(t, c.nodes[0], "cut", "")
	resp, err := c.open(t.Context(), c.nodes[0], request{method: http.MethodGet, path: "/v1/jobs/" + string(id) + "/watch"})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := json.NewDecoder(resp.Body)
	var info job.Info
	if err := lines.Decode(&info); err != nil {
		t.Fatal(err)
	}
	c.nodes[0].end(t)
	if err := lines.Decode(&info); err == nil || err.Error() == "EOF" {
		t.Errorf("a stream that was cut ended with %v", err)
	}
}

func TestSnapshotsCarryTheState(t *testing.T) {
	t.Parallel()
	c := prepare(t, 1)
	tune := func(m *master.Master) {
		m.Tune(func(rc *raft.Config) {
			rc.SnapshotThreshold, rc.SnapshotInterval, rc.TrailingLogs = 3, 20*time.Millisecond, 1
		})
	}
	first := c.start(t, c.config(t, 0), tune)
	c.leader(t)
	for i := range 8 {
		c.submit(t, first, "snap", fmt.Sprint("r", i))
	}
	eventually(t, "a snapshot is written", func() bool {
		files, err := filepath.Glob(filepath.Join(first.cfg.DataDir, "raft", "snapshots", "*", "state.bin"))
		return err == nil && len(files) > 0
	})
	cfg := c.config(t, 1)
	cfg.BootstrapExpect = 0
	joined := c.start(t, cfg) // its log must begin with a snapshot
	eventually(t, "the state comes over", func() bool {
		resp, _ := c.try(joined, request{method: http.MethodGet, path: "/metrics"})
		return strings.Contains(string(resp.body), `bsp_jobs{state="queued"} 8`)
	})
	joined.end(t)
	first.end(t)
	c.remove(joined)
	c.remove(first)
	again := c.start(t, first.cfg, tune)
	var all []job.Info
	eventually(t, "the state is read from the snapshot", func() bool { return c.get(again, "/v1/jobs", &all) == http.StatusOK })
	if len(all) != 8 || c.submit(t, again, "snap", "r3") != "snap-4" {
		t.Errorf("%d jobs", len(all))
	}
}
