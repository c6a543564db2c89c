package pki_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scalar/internal/netx"
	"scalar/internal/pki"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const year = 365 * 24 * time.Hour

// start is the virtual time of all tests.
var start = time.Date(2031, 5, 6, 7, 8, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func must[T any](tb testing.TB, v T, err error) T {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func newCA(tb testing.TB, cluster string) *pki.CA {
	tb.Helper()
	ca, err := pki.NewCA(cluster, 10*year, start)
	return must(tb, ca, err)
}

func issue(tb testing.TB, ca *pki.CA, role, name string) *pki.Pair {
	tb.Helper()
	p, err := ca.Issue(pki.Request{Role: role, Name: name, Life: year, Now: start})
	must(tb, p, err)
	return &p
}

// handshake connects two configurations at a time and returns what each side
// says, after a byte has gone each way.
func handshake(t *testing.T, server, client *tls.Config, now time.Time) (serverErr, clientErr error) {
	t.Helper()
	server.Time, client.Time = at(now), at(now)
	a, b := pair(t)
	s, c := tls.Server(a, server), tls.Client(b, client)
	ended := make(chan error, 1)
	go func() { ended <- exchange(t.Context(), s) }()
	clientErr = exchange(t.Context(), c)
	b.Close()
	serverErr = <-ended
	a.Close()
	return serverErr, clientErr
}

// pair is a TCP link: net.Pipe has no buffer, and TLS writes alerts while the
// other side writes.
func pair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	l, err := netx.Listen(t.Context(), "127.0.0.1:0")
	must(t, l, err)
	defer l.Close()
	a, err := netx.Dial(t.Context(), l.Addr().String())
	must(t, a, err)
	b, err := l.Accept()
	return must(t, b, err), a
}

func exchange(ctx context.Context, c *tls.Conn) error {
	if err := c.HandshakeContext(ctx); err != nil {
		c.NetConn().Close()
		return err
	}
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		c.Write([]byte{1})
	}()
	_, err := io.ReadFull(c, make([]byte, 1))
	if err != nil {
		c.NetConn().Close()
	}
	<-wrote
	return err
}

// daemonCase is a server and a client that meet at a time, and what they say.
type daemonCase struct {
	what       string
	server     *pki.Pair
	o          pki.ServerOptions
	client     *pki.Pair
	stranger   *pki.CA // signed the server's or the client's, nil: none of them
	name       string
	alpn       string
	now        time.Time
	serverWant string // in the server's error; empty: none
	clientWant string
	is         error
}

// daemons are the certificates that the cases are made of.
type daemons struct {
	ca                  *pki.CA
	master, late, groom *pki.Pair
	grooms, roles, open pki.ServerOptions
}

// roleCases are certificates of the cluster, by role and protocol.
func (d daemons) roleCases() []daemonCase {
	return []daemonCase{
		{what: "groom", server: d.master, o: d.grooms, client: d.groom, alpn: "bsp-groom"},
		{what: "groom by role of protocol", server: d.master, o: d.roles, client: d.groom, alpn: "bsp-groom"},
		{what: "master by role of protocol", server: d.master, o: d.roles, client: d.master, alpn: "bsp-raft", name: "master.scalar"},
		{
			what: "groom on raft", server: d.master, o: d.roles, client: d.groom, alpn: "bsp-raft",
			serverWant: "the client is groom g1 of cluster scalar, and only a master of cluster scalar may connect here", is: pki.ErrRole,
		},
		{
			what: "no protocol", server: d.master, o: d.roles, client: d.groom,
			serverWant: "speaks none of the protocols", is: pki.ErrRole,
		},
		{what: "no certificate", server: d.master, o: d.roles, alpn: "bsp-groom", serverWant: "certificate"},
		{what: "person", server: d.master, o: d.open, alpn: "h2"},
		{what: "person without protocol", server: d.master, o: d.open},
		{
			what: "groom as server", server: d.groom, o: d.open,
			clientWant: "the server is groom g1 of cluster scalar, not master.scalar", is: pki.ErrRole,
		},
	}
}

// trustCases are certificates of other clusters, and expired ones.
func (d daemons) trustCases(t *testing.T) []daemonCase {
	t.Helper()
	other, twin := newCA(t, "other"), newCA(t, "scalar")
	expired := start.Add(year + time.Hour)
	return []daemonCase{
		{
			what: "server of another cluster", server: issue(t, other, pki.RoleMaster, "m9"), o: d.open, stranger: other,
			clientWant: `master m9 of cluster other was signed by "Scalar CA of other" and not by this cluster's "Scalar CA of scalar"`, is: pki.ErrForeign,
		},
		{
			what: "server of a second init", server: issue(t, twin, pki.RoleMaster, "m1"), o: d.open, stranger: twin,
			clientWant: "or by one of the same name with another key", is: pki.ErrForeign,
		},
		{
			what: "client of another cluster", server: d.master, o: d.grooms, client: issue(t, other, pki.RoleGroom, "g9"), alpn: "bsp-groom", stranger: other,
			serverWant: "groom g9 of cluster other was signed by", is: pki.ErrForeign,
		},
		{
			what: "expired server", server: d.master, o: d.open, now: expired,
			clientWant: "certificate of master m1 of cluster scalar expired on 2032-05-05 07:08 UTC: run bsp tls renew", is: pki.ErrExpired,
		},
		{
			what: "expired client", server: d.late, o: d.grooms, client: d.groom, alpn: "bsp-groom", now: expired,
			clientWant: "certificate of groom g1 of cluster scalar expired on 2032-05-05 07:08 UTC: run bsp tls renew", is: pki.ErrExpired,
		},
		{
			what: "clock behind", server: d.master, o: d.open, now: start.Add(-time.Hour),
			clientWant: "set the clocks right",
		},
	}
}

func TestDaemons(t *testing.T) {
	ca := newCA(t, "scalar")
	d := daemons{
		ca: ca, master: issue(t, ca, pki.RoleMaster, "m1"), late: long(t, ca), groom: issue(t, ca, pki.RoleGroom, "g1"),
		grooms: pki.ServerOptions{Roles: map[string]string{"bsp-groom": pki.RoleGroom}},
		roles:  pki.ServerOptions{Roles: map[string]string{"bsp-raft": pki.RoleMaster, "bsp-groom": pki.RoleGroom}},
		open:   pki.ServerOptions{ALPN: []string{"h2", "http/1.1"}},
	}
	for _, row := range append(d.roleCases(), d.trustCases(t)...) {
		t.Run(row.what, func(t *testing.T) {
			if row.now.IsZero() {
				row.now = start
			}
			server, client := row.ends(t, ca)
			serverErr, clientErr := handshake(t, server, client, row.now)
			if row.serverWant == "" && row.clientWant == "" {
				if serverErr != nil || clientErr != nil {
					t.Fatalf("server: %v\nclient: %v", serverErr, clientErr)
				}
				return
			}
			err, want := serverErr, row.serverWant
			if row.clientWant != "" {
				err, want = clientErr, row.clientWant
			}
			if err == nil || !strings.Contains(err.Error(), want) || row.is != nil && !errors.Is(err, row.is) {
				t.Errorf("server: %v\nclient: %v\nwant %q", serverErr, clientErr, want)
			}
			if serverErr == nil || clientErr == nil {
				t.Errorf("one side went on. server: %v, client: %v", serverErr, clientErr)
			}
		})
	}
}

// ends returns the TLS of the server and of the client, in the cluster of a CA.
func (c daemonCase) ends(t *testing.T, ca *pki.CA) (server, client *tls.Config) {
	t.Helper()
	var alpn []string
	if c.alpn != "" {
		alpn = []string{c.alpn}
	}
	signer := ca
	if c.stranger != nil && c.client == nil {
		signer = c.stranger
	}
	own, err := pki.NewOwn(signer.CertPEM(), *c.server, start)
	must(t, own, err)
	client, err = pki.ClientTLS(ca.CertPEM(), c.name, alpn...)
	must(t, client, err)
	switch {
	case c.client == nil:
	case c.stranger != nil: // no daemon takes such a certificate for its own
		pair, err := tls.X509KeyPair(c.client.Cert, c.client.Key)
		client.Certificates = []tls.Certificate{must(t, pair, err)}
	default:
		daemon, err := pki.NewOwn(ca.CertPEM(), *c.client, start)
		must(t, daemon, err)
		client, err = daemon.ClientTLS(c.name, alpn...)
		must(t, client, err)
	}
	return own.ServerTLS(c.o), client
}

// long is a master whose certificate holds longer than the others'.
func long(t *testing.T, ca *pki.CA) *pki.Pair {
	t.Helper()
	p, err := ca.Issue(pki.Request{Role: pki.RoleMaster, Name: "m2", Life: 5 * year, Now: start})
	must(t, p, err)
	return &p
}

// TestTLS12 is refused whatever the certificate.
func TestTLS12(t *testing.T) {
	ca := newCA(t, "scalar")
	own, err := pki.NewOwn(ca.CertPEM(), *issue(t, ca, pki.RoleMaster, "m1"), start)
	must(t, own, err)
	server := own.ServerTLS(pki.ServerOptions{})
	client := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}
	if serverErr, clientErr := handshake(t, server, client, start); serverErr == nil || clientErr == nil {
		t.Errorf("server: %v, client: %v", serverErr, clientErr)
	}
}

func TestCAFiles(t *testing.T) {
	ca, other := newCA(t, "scalar"), newCA(t, "other")
	loaded, err := pki.LoadCA(ca.CertPEM(), ca.KeyPEM())
	must(t, loaded, err)
	if loaded.Cluster() != "scalar" || !bytes.Equal(loaded.CertPEM(), ca.CertPEM()) {
		t.Errorf("loaded CA of %q", loaded.Cluster())
	}
	p := issue(t, loaded, pki.RoleGroom, "g1")
	if _, err := pki.NewOwn(ca.CertPEM(), *p, start); err != nil {
		t.Error(err)
	}
	for what, row := range map[string]struct {
		ca   []byte
		pair pki.Pair
		now  time.Time
		want error
	}{
		"expired":   {ca.CertPEM(), *p, start.Add(2 * year), pki.ErrExpired},
		"foreign":   {other.CertPEM(), *p, start, pki.ErrForeign},
		"no pair":   {ca.CertPEM(), pki.Pair{Cert: p.Cert, Key: ca.KeyPEM()}, start, nil},
		"no CA":     {p.Cert, *p, start, nil},
		"no PEM":    {[]byte("x"), *p, start, nil},
		"not to be": {ca.CertPEM(), *p, start.Add(-time.Hour), nil},
	} {
		if _, err := pki.NewOwn(row.ca, row.pair, row.now); err == nil || row.want != nil && !errors.Is(err, row.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, files := range map[string][2][]byte{
		"another key": {ca.CertPEM(), other.KeyPEM()}, "no CA": {p.Cert, p.Key}, "swapped": {ca.KeyPEM(), ca.CertPEM()}, "empty": {},
		"bad key": {ca.CertPEM(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}})},
	} {
		if _, err := pki.LoadCA(files[0], files[1]); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	for _, name := range []string{"", "a/b", "-a", "ü", strings.Repeat("x", 64)} {
		if _, err := pki.NewCA(name, year, start); err == nil {
			t.Errorf("NewCA(%q): no error", name)
		}
		if _, err := ca.Issue(pki.Request{Role: pki.RoleGroom, Name: name, Life: year, Now: start}); err == nil {
			t.Errorf("Issue(%q): no error", name)
		}
	}
}

func TestCertificate(t *testing.T) {
	ca := newCA(t, "scalar")
	p, err := ca.Issue(pki.Request{
		Role: pki.RoleMaster, Name: "m1", DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Life: 100 * year, Now: start,
	})
	must(t, p, err)
	block, _ := pem.Decode(p.Cert)
	cert, err := x509.ParseCertificate(block.Bytes)
	must(t, cert, err)
	for _, name := range []string{"master.scalar", "localhost", "127.0.0.1"} {
		if err := cert.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if got := cert.URIs[0].String(); got != "bsp://scalar/master/m1" {
		t.Errorf("URI %s", got)
	}
	if end := start.Add(10 * year); !cert.NotAfter.Equal(end) {
		t.Errorf("ends %s, want the CA's end %s", cert.NotAfter, end)
	}
	role, name, err := pki.PeerName(tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}})
	if role != "master" || name != "m1" || err != nil {
		t.Errorf("PeerName: %s %s %v", role, name, err)
	}
	if _, err := ca.Issue(pki.Request{Role: pki.RoleMaster, Name: "m1", Life: year, Now: start.Add(11 * year)}); !errors.Is(err, pki.ErrExpired) {
		t.Errorf("issue after the CA's end: %v", err)
	}
	if _, _, err := pki.PeerName(tls.ConnectionState{}); err == nil {
		t.Error("a name without a certificate")
	}
}

const jobID = "pagerank-17"

func attempt(t *testing.T, epoch uint32) *pki.Attempt {
	t.Helper()
	a, err := pki.NewAttempt(jobID, epoch, start)
	return must(t, a, err)
}

func task(t *testing.T, a *pki.Attempt, i int) pki.Pair {
	t.Helper()
	p, err := a.Task(i, "10.0.0.1")
	return must(t, p, err)
}

func configs(t *testing.T, ca []byte, p pki.Pair, epoch uint32) (server, client *tls.Config) {
	t.Helper()
	server, client, err := pki.TaskTLS(ca, p.Cert, p.Key, jobID, epoch)
	must(t, server, err)
	return server, client
}

func TestTasks(t *testing.T) {
	a := attempt(t, 2)
	server, _ := configs(t, a.CertPEM(), task(t, a, 0), 2)
	_, client := configs(t, a.CertPEM(), task(t, a, 3), 2)
	var from []int
	for _, cfg := range []*tls.Config{server, client} {
		check := cfg.VerifyConnection
		cfg.VerifyConnection = func(cs tls.ConnectionState) error {
			i, err := pki.PeerTask(cs)
			from = append(from, i)
			return errors.Join(check(cs), err)
		}
	}
	if serverErr, clientErr := handshake(t, server, client, start); serverErr != nil || clientErr != nil {
		t.Fatalf("server: %v, client: %v", serverErr, clientErr)
	}
	if len(from) != 2 || from[0]+from[1] != 3 {
		t.Errorf("peers %v, want 0 and 3", from)
	}
}

// TestForeignTasks: neither another attempt nor a daemon nor a certificate of the same CA with
// another name gets in, on either side.
func TestForeignTasks(t *testing.T) {
	a := attempt(t, 2)
	old, cluster := attempt(t, 1), newCA(t, "scalar")
	daemon := issue(t, cluster, pki.RoleGroom, "g1")
	for what, row := range map[string]struct {
		ca   []byte
		pair pki.Pair
		want error
	}{
		"older epoch":      {old.CertPEM(), task(t, old, 1), pki.ErrForeign},
		"its CA is stolen": {a.CertPEM(), task(t, old, 1), pki.ErrForeign},
		"daemon":           {cluster.CertPEM(), *daemon, pki.ErrForeign},
	} {
		server, _ := configs(t, a.CertPEM(), task(t, a, 0), 2)
		_, client := configs(t, row.ca, row.pair, 1)
		client.VerifyConnection = nil // a hostile client checks nothing
		serverErr, clientErr := handshake(t, server, client, start)
		if !errors.Is(serverErr, row.want) || clientErr == nil {
			t.Errorf("%s as client: server: %v, client: %v", what, serverErr, clientErr)
		}
		server, _ = configs(t, row.ca, row.pair, 1)
		server.ClientAuth, server.VerifyConnection = tls.NoClientCert, nil
		_, client = configs(t, a.CertPEM(), task(t, a, 0), 2)
		serverErr, clientErr = handshake(t, server, client, start)
		if !errors.Is(clientErr, row.want) || serverErr == nil {
			t.Errorf("%s as server: server: %v, client: %v", what, serverErr, clientErr)
		}
	}
	server, _ := configs(t, a.CertPEM(), task(t, a, 0), 3)
	_, client := configs(t, a.CertPEM(), task(t, a, 1), 2)
	serverErr, _ := handshake(t, server, client, start)
	if want := "the other side is task 1 of job pagerank-17, epoch 2, not a task of job pagerank-17, epoch 3"; !errors.Is(serverErr, pki.ErrRole) || !strings.Contains(serverErr.Error(), want) {
		t.Errorf("another epoch of one CA: %v", serverErr)
	}
	if _, err := pki.NewAttempt("a/b", 1, start); err == nil {
		t.Error("a job id with a slash")
	}
}

func BenchmarkTask(b *testing.B) {
	a, err := pki.NewAttempt("job-1", 1, start)
	must(b, a, err)
	for b.Loop() {
		_, err := a.Task(1, "127.0.0.1")
		must(b, 0, err)
	}
}

// lab is a CA, and how it issues certificates.
func lab(t *testing.T) (*pki.CA, func(role, name string, at time.Time) pki.Pair) {
	t.Helper()
	ca, err := pki.NewCA("lab", year, start)
	if err != nil {
		t.Fatal(err)
	}
	return ca, func(role, name string, at time.Time) pki.Pair {
		t.Helper()
		p, err := ca.Issue(pki.Request{Role: role, Name: name, Life: time.Hour, Now: at})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// A daemon's certificate is renewed by one of the same daemon, and by no other.
func TestRenew(t *testing.T) {
	ca, issue := lab(t)
	first := issue(pki.RoleMaster, "m1", start)
	own, err := pki.NewOwn(ca.CertPEM(), first, start)
	if err != nil {
		t.Fatal(err)
	}
	if renewed, err := own.Renew(first, start); renewed || err != nil {
		t.Errorf("the same again: %t, %v", renewed, err)
	}
	mixed := issue(pki.RoleMaster, "m1", start)
	mixed.Key = first.Key
	for what, p := range map[string]pki.Pair{
		"another name": issue(pki.RoleMaster, "m2", start), "another role": issue(pki.RoleGroom, "m1", start),
		"expired": issue(pki.RoleMaster, "m1", start.Add(-2*time.Hour)), "another key": mixed, "nothing": {},
	} {
		if renewed, err := own.Renew(p, start); renewed || err == nil {
			t.Errorf("%s: %t, %v", what, renewed, err)
		}
	}
	if renewed, err := own.Renew(issue(pki.RoleMaster, "m1", start), start); !renewed || err != nil {
		t.Errorf("another one of m1: %t, %v", renewed, err)
	}
}

// Both sides of connections made after a renewal show the new certificate, and a client
// does not show one that has expired.
func TestRenewedIsShown(t *testing.T) {
	ca, issue := lab(t)
	own, err := pki.NewOwn(ca.CertPEM(), issue(pki.RoleMaster, "m1", start), start)
	if err != nil {
		t.Fatal(err)
	}
	server := own.ServerTLS(pki.ServerOptions{})
	client, err := own.ClientTLS("")
	if err != nil {
		t.Fatal(err)
	}
	client.Time = at(start)
	shown := func() (byServer, byClient []byte) {
		t.Helper()
		s, err := server.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.GetClientCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return s.Certificate[0], c.Certificate[0]
	}
	oldServer, oldClient := shown()
	if renewed, err := own.Renew(issue(pki.RoleMaster, "m1", start), start); !renewed || err != nil {
		t.Fatal(renewed, err)
	}
	newServer, newClient := shown()
	if bytes.Equal(oldServer, newServer) || bytes.Equal(oldClient, newClient) || !bytes.Equal(newServer, newClient) {
		t.Error("the new certificate is not shown on both sides")
	}
	client.Time = at(start.Add(2 * time.Hour))
	if _, err := client.GetClientCertificate(nil); !errors.Is(err, pki.ErrExpired) {
		t.Errorf("an expired one of the client's own: %v", err)
	}
}
