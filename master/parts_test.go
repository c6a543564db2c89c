package master_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
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
	id := c.submit(t, n, "audited", "the-id")
	token := c.token(t, job.Submitter, "a")
	c.do(t, n, request{method: "DELETE", path: "/v1/tokens/" + token.ID})
	c.do(t, n, request{method: "POST", path: "/v1/jobs/" + string(id) + "/stop"})
	path := filepath.Join(n.cfg.DataDir, "audit.log")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"who":"admin","what":"submit job","on":"/v1/jobs","job":"audited-1","namespace":"default","outcome":"ok","status":201,"request_id":"the-id","remote":"127.0.0.1:`,
		`"what":"create token","on":"/v1/tokens","token":"` + token.ID + `","role":"submitter","namespace":"a","outcome":"ok"`,
		`"what":"revoke token","on":"/v1/tokens/` + token.ID + `","token":"` + token.ID + `","role":"submitter","namespace":"a","outcome":"ok"`,
		`"what":"stop job","on":"/v1/jobs/audited-1/stop","job":"audited-1","namespace":"default","outcome":"ok"`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
	for _, secret := range []string{c.secret, token.Secret} {
		if strings.Contains(string(b), secret) {
			t.Error("the log holds a secret")
		}
	}
	n.end(t)
	changed := strings.Replace(string(b), `"request_id":"the-id"`, `"request_id":"another"`, 1)
	if changed == string(b) {
		t.Fatal("nothing was changed")
	}
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := master.New(n.cfg); err == nil || !strings.Contains(err.Error(), "audit log") {
		t.Errorf("start on a changed audit log: %v", err)
	}
}

// TestStrangersDoNotFillTheAuditLog: calls without a valid token leave a trace, and
// no more than one line a second.
func TestStrangersDoNotFillTheAuditLog(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	n := c.nodes[0]
	const calls = 200
	began := time.Now()
	for i := range calls {
		if r := c.do(t, n, request{method: "POST", path: "/v1/jobs", token: "-", id: fmt.Sprint("refused-", i)}); r.status != http.StatusUnauthorized {
			t.Fatalf("call %d: %d", i, r.status)
		}
	}
	told := regexp.MustCompile(`"status":401,.*"calls":(\d+)`)
	eventually(t, "all calls are told of", func() bool {
		b, err := os.ReadFile(filepath.Join(n.cfg.DataDir, "audit.log"))
		if err != nil {
			t.Fatal(err)
		}
		lines, sum := told.FindAllSubmatch(b, -1), 0
		for _, line := range lines {
			k, _ := strconv.Atoi(string(line[1]))
			sum += k
		}
		if limit := int(time.Since(began).Seconds()) + 2; len(lines) > limit {
			t.Fatalf("%d lines, at most %d", len(lines), limit)
		}
		return sum == calls && strings.Contains(string(b), fmt.Sprintf(`"request_id":"refused-%d"`, calls-1))
	})
	resp := c.do(t, n, request{method: "GET", path: "/metrics"})
	if want := fmt.Sprintf("bsp_http_strangers_total %d", calls); !strings.Contains(string(resp.body), want) {
		t.Errorf("no %s", want)
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

// TestDataFolderOfAnotherCluster: a master of one cluster is not taken into another
// one, even with its keys.
func TestDataFolderOfAnotherCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	ours := c.nodes[0]
	c.remove(ours)
	foreign := c.start(t, func() master.Config { cfg := c.config(t, 1); cfg.Seeds = nil; return cfg }())
	c.leader(t)
	foreign.end(t)
	c.remove(foreign)
	c.nodes = append(c.nodes, ours)
	cfg := foreign.cfg
	cfg.Seeds = []string{ours.Addrs().Gossip}
	met := make(chan struct{}, 1)
	c.start(t, cfg, func(m *master.Master) {
		m.WrapListener(func(l net.Listener) net.Listener { return &notingListener{l, met} })
	})
	for range 2 { // the leader asks who comes, and asks again
		select {
		case <-met:
		case <-time.After(patience):
			t.Fatal("the foreign master is not met")
		}
	}
	var s status
	if c.get(ours, "/v1/status", &s); len(s.Masters) != 1 {
		t.Errorf("masters: %+v", s.Masters)
	}
}

// notingListener notes connections.
type notingListener struct {
	net.Listener
	met chan<- struct{}
}

func (l *notingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		select {
		case l.met <- struct{}{}:
		default:
		}
	}
	return c, err
}

// TestDataFolderWithoutItsLog: half a folder would be a voter that has forgotten
// its votes.
func TestDataFolderWithoutItsLog(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	n := c.nodes[0]
	eventually(t, "the folder names its cluster", func() bool {
		b, err := os.ReadFile(filepath.Join(n.cfg.DataDir, "node.json"))
		return err == nil && strings.Contains(string(b), "cluster")
	})
	n.end(t)
	c.remove(n)
	if err := os.RemoveAll(filepath.Join(n.cfg.DataDir, "raft")); err != nil {
		t.Fatal(err)
	}
	m, err := master.New(n.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "wipe the whole") {
		t.Errorf("Run returned %v", err)
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
		"key":       func(c *master.Config) { c.GossipKeys[0] = c.GossipKeys[0][:5] },
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
	cfg.DiskTimeout = 2 * time.Second // a busy disk founds a cluster in less
	hung := &hungStore{hang: make(chan struct{}), release: make(chan struct{})}
	n := c.start(t, cfg, func(m *master.Master) {
		m.WrapLog(func(s raft.LogStore) raft.LogStore { hung.LogStore = s; return hung })
	})
	c.leader(t)
	close(hung.hang)
	go func() { _, _ = c.try(n, request{method: "POST", path: "/v1/jobs", body: pi("x")}) }()
	hangs(t, n)
	close(hung.release)
	c.remove(n)
	if err := hung.LogStore.(io.Closer).Close(); err != nil { // Run left it to the end of the process
		t.Error(err)
	}
}
