//go:build e2e

package e2e_test

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/internal/pki"
)

// TestRefused gives the cluster what it must refuse.
func TestRefused(t *testing.T) {
	c := startCluster(t, 1, 2)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, content string) string {
		if err := os.WriteFile(path(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path(name)
	}
	for _, d := range []string{"dangling", "graph", "exists"} {
		if err := os.Mkdir(path(d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/nowhere", path("dangling/part")); err != nil {
		t.Fatal(err)
	}
	write("graph/a", "1 2\n2 3\n")
	write("graph/b", "3 4\n\n4 five\n")
	viewer := strings.TrimSpace(c.does(t, "acl", "token", "create", "looker", "--role", "viewer"))

	for _, row := range []struct {
		name string
		args string
		env  string
		code int
		want []string
	}{
		{"unknown program", "job submit nope", "", job.ExitNotFound, []string{`no program "nope"`}},
		{"no program", "job submit " + write("text", "nothing"), "", job.ExitUsage, []string{"no Linux executable"}},
		{"missing input", "job submit --input " + path("nope") + " inlinks", "", job.ExitNotFound, []string{path("nope"), "is not there"}},
		{"dangling input", "job submit --input " + path("dangling") + " inlinks", "", job.ExitNotFound, []string{path("dangling/part"), "no such file"}},
		{"folder for a file", "job submit --file " + path("graph") + " pi", "", job.ExitUsage, []string{path("graph"), "no regular file"}},
		{"malformed input", "job submit --input " + path("graph") + " inlinks", "", job.ExitFailed, []string{path("graph/b") + ":3 (byte 7)", `"five"`}},
		{"malformed gzip", "job submit --input " + write("graph.gz", "\x1f\x8bnonsense") + " inlinks", "", job.ExitFailed, []string{path("graph.gz"), "malformed"}},
		{"wrong option", "job submit pi -- --samples many", "", job.ExitUsage, []string{`--samples "many"`}},
		{"output exists", "job submit --output " + path("exists") + " pi", "", job.ExitUsage, []string{path("exists"), "exists"}},
		{"wrong token", "job list", "BSP_TOKEN=nonsense", job.ExitDenied, []string{"token is not valid"}},
		{"viewer submits", "job submit pi", "BSP_TOKEN=" + viewer, job.ExitDenied, []string{"viewer", "submitter"}},
		{"unknown job", "job inspect pi-1000", "", job.ExitNotFound, []string{`"pi-1000"`}},
		{"foreign CA", "job list --ca " + write("foreign.pem", string(authority(t, "other", time.Now()).CertPEM())), "", job.ExitUnreachable, []string{"no master answers", "unknown authority", "--ca"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := c.command(t, []string{row.env}, strings.Fields(row.args)...).ends(t, row.code, row.want...)
			if r.stdout.Len() > 0 {
				t.Errorf("printed %q", r.stdout.String())
			}
		})
	}
	c.command(t, []string{"BSP_TOKEN=" + viewer}, "job", "list").ends(t, job.ExitOK) // but may look
	t.Run("one expired master", func(t *testing.T) { c.oneExpired(t) })
	t.Run("expired groom", func(t *testing.T) { c.expiredGroom(t) })
	c.goesOn(t)
}

func authority(t *testing.T, cluster string, now time.Time) *pki.CA {
	t.Helper()
	ca, err := pki.NewCA(cluster, 24*time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// TestUnreachable asks masters that are not there, hang, or show a certificate
// that has expired.
func TestUnreachable(t *testing.T) {
	c := &cluster{bsp: os.Getenv("BSP"), data: t.TempDir()}
	silent, closed := listen(t), listen(t) // silent accepts nothing
	defer silent.Close()
	closed.Close()
	now := time.Now()
	fresh, old := authority(t, "dev", now), authority(t, "dev", now.Add(-48*time.Hour))
	for _, row := range []struct {
		name, addr string
		ca         *pki.CA
		want       string
	}{
		{"nobody", closed.Addr().String(), fresh, "connection refused"},
		{"silence", silent.Addr().String(), fresh, ""},
		{"expired certificate", fake(t, fresh, now.Add(-48*time.Hour)), fresh, "certificate of master m1 expired on "},
		{"expired CA", fake(t, old, now.Add(-48*time.Hour)), old, "certificate of master m1 expired on "},
	} {
		t.Run(row.name, func(t *testing.T) {
			ca := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(ca, row.ca.CertPEM(), 0o600); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			c.command(t, []string{"BSP_ADDR=" + row.addr, "BSP_CA=" + ca}, "job", "submit", "pi").ends(t, job.ExitUnreachable, "no master answers", row.want)
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %v, want 5 s at most", took)
			}
		})
	}
}

// listen takes a free port of the loopback.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fake runs a server whose certificate was issued at a time for a day.
func fake(t *testing.T, ca *pki.CA, now time.Time) string {
	t.Helper()
	pair, err := ca.Issue(pki.Request{Role: pki.RoleMaster, Name: "m1", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Life: 24 * time.Hour, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// oneExpired names a master with an expired certificate before a good one, which
// answers then.
func (c *cluster) oneExpired(t *testing.T) {
	t.Helper()
	good := strings.TrimPrefix(c.connect(t).Addr(), "https://")
	addrs := fake(t, c.authority(t), time.Now().AddDate(0, 0, -2)) + "," + good
	env := []string{"BSP_ADDR=" + addrs, "BSP_CA=" + filepath.Join(c.data, "ca.pem"), "BSP_TOKEN=" + c.file(t, "admin.token")}
	c.command(t, env, "job", "list").ends(t, job.ExitOK)
}

func (c *cluster) file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.data, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func (c *cluster) authority(t *testing.T) *pki.CA {
	t.Helper()
	ca, err := pki.LoadCA([]byte(c.file(t, "ca.pem")), []byte(c.file(t, "ca.key")))
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// expiredGroom starts a groom whose certificate was good a year ago.
func (c *cluster) expiredGroom(t *testing.T) {
	t.Helper()
	const life = time.Hour
	issued := time.Now().AddDate(-1, 0, 0)
	pair, err := c.authority(t).Issue(pki.Request{Role: pki.RoleGroom, Name: "g1", Life: life, Now: issued})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	conf := strings.NewReplacer(c.data+"/g1.pem", dir+"/old.pem", c.data+"/g1.key", dir+"/old.key", c.data+"/g1\n", dir+"/data\n").Replace(c.file(t, "g1.yaml"))
	for name, content := range map[string][]byte{"old.pem": pair.Cert, "old.key": pair.Key, "groom.yaml": []byte(conf)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expired := issued.Add(life).UTC().Year()
	c.command(t, []string{"BSP_DATA=" + dir + "/data"}, "groom", "--config", dir+"/groom.yaml").ends(t, job.ExitUsage, "expired", strconv.Itoa(expired))
}
