package master_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scalar/master"

	"github.com/hashicorp/raft"
)

func TestAuditLogShowsTampering(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	write := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := master.Audit(path, "submit job", "stop job"); err != nil {
		t.Fatal(err)
	}
	if err := master.Audit(path, "drain node\n\",\"hash\":\"x", strings.Repeat("\x01", 5000)); err != nil {
		t.Fatalf("go on: %v", err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(whole), "\n"), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines", len(lines))
	}
	for name, text := range map[string]string{
		"a changed line":     strings.Replace(string(whole), "submit job", "submit jab", 1),
		"a changed hash":     strings.Replace(string(whole), `"hash":"`, `"hash":"0`, 1),
		"a line taken out":   lines[0] + lines[2] + lines[3] + "\n",
		"the first one gone": lines[1] + lines[2] + lines[3] + "\n",
		"lines swapped":      lines[1] + lines[0] + lines[2] + lines[3] + "\n",
		"a line put in":      lines[0] + "{}\n" + lines[1] + lines[2] + lines[3] + "\n",
		"no JSON":            "hello\n" + string(whole),
	} {
		t.Run(name, func(t *testing.T) {
			write([]byte(text))
			if err := master.Audit(path); err == nil || !strings.Contains(err.Error(), "line") {
				t.Errorf("found %v", err)
			}
		})
	}
}

// TestAuditLogIsTornByAPowerLoss: what was not on disk yet is missing or zeros,
// and keeps no master from its start.
func TestAuditLogIsTornByAPowerLoss(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := master.Audit(path, "one", "two", "three"); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, zeros := string(whole), strings.Repeat("\x00", 200<<10)
	third := strings.LastIndex(text[:len(text)-1], "\n") + 1
	for name, tc := range map[string]struct {
		text  string
		kept  int // lines
		bytes int // dropped; 0: refused
	}{
		"a cut last line":               {text[:len(text)-10], 2, len(text) - 10 - third},
		"no line end":                   {text[:len(text)-1], 2, len(text) - 1 - third},
		"zeros":                         {text + zeros, 3, len(zeros)},
		"a cut line and zeros":          {text[:len(text)-10] + zeros, 2, len(text) - 10 - third + len(zeros)},
		"zeros in the last line":        {text[:third+20] + zeros[:40] + text[third+60:], 2, len(text) - third},
		"nothing but zeros":             {zeros, 0, len(zeros)},
		"a changed last line":           {strings.Replace(text, "three", "threw", 1), 0, 0},
		"zeros in the middle":           {text[:20] + zeros[:40] + text[60:], 0, 0},
		"zeros in place of a line":      {text[:third] + zeros + "\n" + text[third:], 0, 0},
		"a changed line before the end": {strings.Replace(text[:len(text)-10], "two", "owt", 1), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var log strings.Builder
			err := master.AuditTo(slog.New(slog.NewTextHandler(&log, nil)), path, "after")
			if tc.bytes == 0 {
				if err == nil || !strings.Contains(err.Error(), "the file was changed") {
					t.Errorf("found %v", err)
				}
				return
			}
			if want := fmt.Sprintf("bytes=%d", tc.bytes); err != nil || !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), want) {
				t.Errorf("%v, log %q, want %s", err, log.String(), want)
			}
			if err := master.Audit(path); err != nil {
				t.Errorf("after the repair: %v", err)
			}
			b, _ := os.ReadFile(path)
			if n := strings.Count(string(b), "\n"); n != tc.kept+2 || !strings.Contains(string(b), `"repair"`) {
				t.Errorf("%d lines after the repair, want %d", n, tc.kept+2)
			}
		})
	}
}

func TestMasterKeepsAnAuditLog(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	n := c.nodes[0]
	c.submit(t, n, "audited", "the-id")
	c.do(t, n, request{method: "POST", path: "/v1/jobs", token: "-", id: "refused-id"})
	path := filepath.Join(n.cfg.DataDir, "audit.log")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"who":"admin","what":"submit job","on":"/v1/jobs","outcome":"ok","status":201,"request_id":"the-id","remote":"127.0.0.1:`, `"status":401,"request_id":"refused-id"`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
	if strings.Contains(string(b), c.secret) {
		t.Error("the log holds a secret")
	}
	n.end(t)
	if err := os.WriteFile(path, []byte(strings.Replace(string(b), "audited", "x", 1)+strings.ToUpper("{}\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := master.New(n.cfg); err == nil || !strings.Contains(err.Error(), "audit log") {
		t.Errorf("start on a changed audit log: %v", err)
	}
}

func TestDataFolderIsForOne(t *testing.T) {
	t.Parallel()
	c := prepare(t, 1)
	cfg := c.config(t, 0)
	first, err := master.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := master.New(cfg); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second master on the folder: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	again, err := master.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if again.ID() != first.ID() {
		t.Errorf("id %s became %s", first.ID(), again.ID())
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestDataFolderOfAnotherCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	foreign := c.config(t, 1)
	foreign.BootstrapExpect = 0
	if err := os.MkdirAll(foreign.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(foreign.DataDir, "node.json"), []byte(`{"id":"m1-x","cluster":"another"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c.start(t, foreign)
	time.Sleep(1500 * time.Millisecond) // several looks at the members
	var s status
	if c.get(c.nodes[0], "/v1/status", &s); len(s.Masters) != 1 {
		t.Errorf("masters: %+v", s.Masters)
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	good := prepare(t, 1).config(t, 0)
	for name, change := range map[string]func(*master.Config){
		"name":      func(c *master.Config) { c.Name = "" },
		"data":      func(c *master.Config) { c.DataDir = "" },
		"address":   func(c *master.Config) { c.APIAddr = "nowhere" },
		"advertise": func(c *master.Config) { c.ClusterAddr = "0.0.0.0:0" },
		"expect":    func(c *master.Config) { c.BootstrapExpect = 99 },
		"key":       func(c *master.Config) { c.GossipKey = c.GossipKey[:5] },
		"hash":      func(c *master.Config) { c.AdminTokenHash = "secret" },
		"no hash":   func(c *master.Config) { c.AdminTokenHash = "" },
		"store":     func(c *master.Config) { c.Store = "s3://bucket" },
		"plane":     func(c *master.Config) { c.DataPlane = "pigeon" },
		"pem":       func(c *master.Config) { c.Cert = []byte("x") },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			change(&cfg)
			if m, err := master.New(cfg); err == nil {
				t.Errorf("accepted: %v", m.Close())
			}
		})
	}
}

// slowStore takes as long as the test wants for a write.
type slowStore struct {
	raft.LogStore
	gate chan struct{} // nil: no wait
}

func (s *slowStore) StoreLogs(logs []*raft.Log) error {
	if s.gate != nil {
		<-s.gate
	}
	return s.LogStore.StoreLogs(logs)
}

func TestWatchdogReportsSlowWrites(t *testing.T) {
	t.Parallel()
	slow := &slowStore{LogStore: raft.NewInmemStore()}
	store, report := master.Watch(slow, 20*time.Millisecond)
	if err := store.StoreLog(&raft.Log{Index: 1}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-report:
		t.Fatalf("a fast write: %v", err)
	case <-time.After(40 * time.Millisecond):
	}
	slow.gate = make(chan struct{})
	done := make(chan error)
	go func() { done <- store.StoreLogs([]*raft.Log{{Index: 2}}) }()
	if err := <-report; !strings.Contains(err.Error(), "disk hangs") {
		t.Errorf("report %v", err)
	}
	close(slow.gate)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// hungStore hangs once it is told to.
type hungStore struct {
	raft.LogStore
	hang, release chan struct{}
}

func (s *hungStore) StoreLogs(logs []*raft.Log) error {
	select {
	case <-s.hang:
		<-s.release
		return errors.New("released")
	default:
		return s.LogStore.StoreLogs(logs)
	}
}

func TestMasterEndsWhenItsDiskHangs(t *testing.T) {
	t.Parallel()
	c := prepare(t, 1)
	cfg := c.config(t, 0)
	cfg.DiskTimeout = 200 * time.Millisecond
	hung := &hungStore{hang: make(chan struct{}), release: make(chan struct{})}
	n := c.start(t, cfg, func(m *master.Master) {
		m.WrapLog(func(s raft.LogStore) raft.LogStore { hung.LogStore = s; return hung })
	})
	c.leader(t)
	close(hung.hang)
	go func() { _, _ = c.try(n, request{method: "POST", path: "/v1/jobs", body: pi("x")}) }()
	select {
	case err := <-n.done:
		if err == nil || !strings.Contains(err.Error(), "disk hangs") {
			t.Errorf("Run returned %v", err)
		}
	case <-time.After(patience):
		t.Error("Run goes on")
	}
	close(hung.release)
	c.remove(n)
	if err := hung.LogStore.(io.Closer).Close(); err != nil { // Run left it to the end of the process
		t.Error(err)
	}
}
