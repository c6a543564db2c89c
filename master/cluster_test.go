package master_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/master"

	"github.com/hashicorp/raft"
)

// told asks for a value as clients do and fails without one.
func (c *cluster) told(t *testing.T, n *node, path string, into any) {
	t.Helper()
	resp := c.do(t, n, request{method: http.MethodGet, path: path})
	if err := json.Unmarshal(resp.body, into); resp.status != http.StatusOK || err != nil {
		t.Fatalf("%s answers %s with %d %s, %v", n.ID(), path, resp.status, resp.body, err)
	}
}

func TestTrioElectsOneLeaderAndAllAnswer(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	leader := c.leader(t)
	id := c.submit(t, leader, "first", "")
	for _, n := range c.nodes {
		var info job.Info
		c.told(t, n, "/v1/jobs/"+string(id), &info)
		if info.ID != id || info.State != job.Queued || info.Submitter != "admin" {
			t.Errorf("%s tells %+v", n.ID(), info)
		}
	}
	follower := c.followers(t)[0]
	if second := c.submit(t, follower, "second", ""); second != "second-2" {
		t.Errorf("the follower's job is %s", second)
	}
	var s status
	c.told(t, follower, "/v1/status", &s)
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
	dead := leader.cfg.Name
	leader = c.leader(t)
	t.Logf("failover took %v", time.Since(start).Round(time.Millisecond))
	eventually(t, "the killed master is told as lost", func() bool {
		var nodes []job.Node
		c.told(t, leader, "/v1/nodes", &nodes)
		return slices.ContainsFunc(nodes, func(n job.Node) bool { return strings.HasPrefix(n.ID, dead+"-") && n.State == "lost" })
	})
	for request, id := range acknowledged {
		var info job.Info
		if c.told(t, leader, "/v1/jobs/"+string(id), &info); info.ID != id {
			t.Errorf("job %s is told as %s", id, info.ID)
		}
		if again := c.submit(t, c.nodes[0], "kept", request); again != id {
			t.Errorf("request %s gave %s, and now %s", request, id, again)
		}
	}
	var all []job.Info
	c.told(t, leader, "/v1/jobs", &all)
	if len(all) != len(acknowledged) || all[0].ID != "kept-5" {
		t.Errorf("%d jobs, newest %v", len(all), all)
	}
}

// TestOrderlyEndHandsOver: the followers would wait long before they elect anybody
// by themselves.
func TestOrderlyEndHandsOver(t *testing.T) {
	t.Parallel()
	const alone = 8 * time.Second
	c := newCluster(t, 3)
	leader := c.leader(t)
	id := c.submit(t, leader, "before", "")
	elections := func(after time.Duration) {
		t.Helper()
		for _, n := range c.nodes {
			if n != leader {
				if err := n.SetElections(after); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	elections(alone)
	start := time.Now()
	leader.end(t)
	c.remove(leader)
	next := c.leader(t)
	if took := time.Since(start); took > alone-time.Second {
		t.Errorf("the next leader was there after %v", took)
	}
	elections(time.Second)
	var info job.Info
	c.told(t, next, "/v1/jobs/"+string(id), &info)
	cfg := leader.cfg
	cfg.Seeds = []string{next.Addrs().Gossip} // it comes back at other ports
	back := c.start(t, cfg)
	eventually(t, "the old leader is back", func() bool { return c.get(back, "/v1/jobs/"+string(id), nil) == http.StatusOK })
	if back.ID() != leader.ID() {
		t.Errorf("server id %s became %s", leader.ID(), back.ID())
	}
}

// TestFullDiskHandsOver: a leader whose disk becomes full has another one lead, and
// a master whose disk is full does not stay leader when it comes to lead.
func TestFullDiskHandsOver(t *testing.T) {
	t.Parallel()
	c := prepare(t, 3)
	full := make([]atomic.Bool, 3)
	for i := range 3 {
		c.start(t, c.config(t, i), func(m *master.Master) {
			m.SetFree(func() int64 {
				if full[i].Load() {
					return 1 << 20
				}
				return 1 << 30
			})
		})
	}
	leader := c.leader(t)
	full[slices.Index(c.nodes, leader)].Store(true)
	eventually(t, "another one leads", func() bool { return c.leader(t) != leader })
	if id := c.submit(t, leader, "taken", ""); id != "taken-1" { // over the new leader
		t.Errorf("job %s", id)
	}
	next := c.leader(t)
	for i, n := range c.nodes {
		full[i].Store(n == next)
	}
	eventually(t, "yet another one leads", func() bool { return c.leader(t) != next })
}

// TestMasterStartsWithoutRoomForItsBallast: it answers and takes no writes; a new one
// says what it needs.
func TestMasterStartsWithoutRoomForItsBallast(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	n := c.leader(t)
	id := c.submit(t, n, "before", "")
	cfg := n.cfg
	n.end(t)
	c.remove(n)
	cfg.Ballast = 1 << 60
	again := c.start(t, cfg)
	c.leader(t)
	c.told(t, again, "/v1/jobs/"+string(id), &job.Info{})
	if r := c.do(t, again, request{method: http.MethodPost, path: "/v1/jobs", body: pi("after")}); r.status != http.StatusInsufficientStorage {
		t.Errorf("submit: %d %s", r.status, r.body)
	}
	cfg.DataDir = filepath.Join(c.dir, "new")
	if m, err := master.New(cfg); err == nil || !strings.Contains(err.Error(), "too full for a new master") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a new master: %v, %v", m, err)
	}
}

// TestWrongClockDoesNotLead: a master whose clock is a year ahead hands over what
// it is given, and no stamp comes from it.
func TestWrongClockDoesNotLead(t *testing.T) {
	t.Parallel()
	c := prepare(t, 3)
	for i := range 3 {
		c.start(t, c.config(t, i), func(m *master.Master) {
			if i == 1 {
				m.SetWall(365 * 24 * time.Hour)
			}
		})
	}
	wrong := c.nodes[1]
	eventually(t, "the leadership is given to it", func() bool {
		leader := c.leader(t)
		if leader == wrong {
			t.Fatal("it leads")
		}
		return leader.TransferTo(wrong.ID(), wrong.Addrs().Cluster) == nil
	})
	var info job.Info
	id := c.submit(t, wrong, "timely", "")
	leader := c.leader(t)
	if leader == wrong {
		t.Error("it leads")
	}
	eventually(t, "the job is told of", func() bool { return c.get(leader, "/v1/jobs/"+string(id), &info) == http.StatusOK })
	if since := time.Since(info.Submitted).Abs(); since > time.Minute {
		t.Errorf("the job was submitted %v from now", since)
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

// TestForwardedCallIsNotForwardedAgain: a follower passes calls on, but for those
// that were passed on to it.
func TestForwardedCallIsNotForwardedAgain(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	eventually(t, "503 from a follower that answers other calls", func() bool {
		n := c.followers(t)[0]
		resp, err := c.try(n, request{method: http.MethodGet, path: "/v1/jobs", header: map[string]string{"X-Bsp-Forwarded": "x"}})
		if err != nil || c.get(n, "/v1/jobs", nil) != http.StatusOK || c.leader(t) == n {
			return false // a busy machine has lost its leader
		}
		if resp.status != http.StatusServiceUnavailable {
			t.Errorf("status %d", resp.status)
		}
		return true
	})
}

// configLog notes the configurations that Raft writes.
type configLog struct {
	raft.LogStore
	mu    sync.Mutex // guards what follows
	list  []raft.Configuration
	times []time.Time
}

func (l *configLog) StoreLogs(logs []*raft.Log) error {
	l.mu.Lock()
	for _, entry := range logs {
		if entry.Type == raft.LogConfiguration {
			l.list, l.times = append(l.list, raft.DecodeConfiguration(entry.Data)), append(l.times, time.Now())
		}
	}
	l.mu.Unlock()
	return l.LogStore.StoreLogs(logs)
}

func (l *configLog) StoreLog(log *raft.Log) error { return l.StoreLogs([]*raft.Log{log}) }

// of returns when a server came in as what.
func (l *configLog) of(id string) (when []time.Time, what []raft.ServerSuffrage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, c := range l.list {
		for _, s := range c.Servers {
			if string(s.ID) == id && (len(what) == 0 || what[len(what)-1] != s.Suffrage) {
				when, what = append(when, l.times[i]), append(what, s.Suffrage)
			}
		}
	}
	return when, what
}

func TestMasterJoinsAsNonVoterFirst(t *testing.T) {
	t.Parallel()
	c := prepare(t, 1)
	cfg := c.config(t, 0)
	cfg.StableTime = time.Second
	configs := &configLog{}
	c.start(t, cfg, func(m *master.Master) {
		m.WrapLog(func(s raft.LogStore) raft.LogStore { configs.LogStore = s; return configs })
	})
	c.leader(t)
	c.submit(t, c.nodes[0], "early", "")
	cfg = c.config(t, 1)
	cfg.BootstrapExpect, cfg.AdminTokenHash = 0, ""
	joined := c.start(t, cfg)
	eventually(t, "the new master votes", func() bool {
		var s status
		c.get(c.nodes[0], "/v1/status", &s)
		for _, m := range s.Masters {
			if m.ID == joined.ID() && m.Voter {
				return true
			}
		}
		return false
	})
	when, what := configs.of(joined.ID())
	if !slices.Equal(what, []raft.ServerSuffrage{raft.Nonvoter, raft.Voter}) || when[1].Sub(when[0]) < time.Second {
		t.Errorf("it came in as %v, at %v", what, when)
	}
	var info job.Info
	c.told(t, joined, "/v1/jobs/early-1", &info)
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

// TestSnapshotSavedAndRestored: what was saved is the state of all masters again, and no
// number of a job is used twice.
func TestSnapshotSavedAndRestored(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	leader := c.leader(t)
	kept := []job.ID{c.submit(t, leader, "kept", ""), c.submit(t, leader, "kept", "")}
	if resp := c.do(t, leader, request{method: http.MethodGet, path: "/v1/snapshot", token: "wrong"}); resp.status != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", resp.status)
	}
	saved := c.do(t, c.nodes[0], request{method: http.MethodGet, path: "/v1/snapshot"})
	if saved.status != http.StatusOK {
		t.Fatalf("save: %d %s", saved.status, saved.body)
	}
	forgotten := c.submit(t, leader, "forgotten", "")
	c.do(t, leader, request{method: http.MethodPost, path: "/v1/jobs/" + string(kept[0]) + "/stop"})

	for what, body := range map[string]string{"cut": string(saved.body[:len(saved.body)-1]), "empty": "", "text": "no snapshot"} {
		if resp := c.do(t, leader, request{method: http.MethodPut, path: "/v1/snapshot", body: body}); resp.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", what, resp.status, resp.body)
		}
	}
	if resp := c.do(t, c.nodes[1], request{method: http.MethodPut, path: "/v1/snapshot", body: string(saved.body)}); resp.status != http.StatusOK || !strings.Contains(string(resp.body), `"jobs":2`) {
		t.Fatalf("restore: %d %s", resp.status, resp.body)
	}
	check := func(n *node) {
		t.Helper()
		var all []job.Info
		c.told(t, n, "/v1/jobs", &all)
		if len(all) != 2 || all[0].ID != kept[1] || all[1].ID != kept[0] || all[1].State != job.Queued {
			t.Errorf("jobs after the restore: %+v", all)
		}
	}
	check(leader)
	c.kill(t, leader) // the others have it too
	check(c.leader(t))
	if id := c.submit(t, c.leader(t), "forgotten", ""); id == forgotten {
		t.Errorf("job %s was there before", id)
	}
}

// TestRemoveMaster: a dead master is taken out, and one that lives is not.
func TestRemoveMaster(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	leader := c.leader(t)
	victim := c.nodes[0]
	if victim == leader {
		victim = c.nodes[1]
	}
	remove := func(id string) int {
		t.Helper()
		return c.do(t, leader, request{method: http.MethodDelete, path: "/v1/masters/" + id}).status
	}
	if a, b, d := remove(victim.ID()), remove(leader.ID()), remove("nobody"); a != http.StatusConflict || b != http.StatusConflict || d != http.StatusNotFound {
		t.Errorf("living, leading, unknown: %d, %d, %d", a, b, d)
	}
	dead := victim.ID()
	c.kill(t, victim)
	eventually(t, "the dead master can be removed", func() bool { return remove(dead) == http.StatusNoContent })
	var nodes []job.Node
	c.told(t, leader, "/v1/nodes", &nodes)
	if len(nodes) != 2 || slices.ContainsFunc(nodes, func(n job.Node) bool { return n.ID == dead }) {
		t.Errorf("nodes %+v", nodes)
	}
	c.submit(t, leader, "after", "")
}
