package netx_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"scalar/internal/netx"
)

// counted counts the writes of a connection, and fails those after which none is left.
type counted struct {
	net.Conn
	writes atomic.Int64
	broken atomic.Bool
}

var errBroken = errors.New("broken")

func (c *counted) Write(b []byte) (int, error) {
	if c.writes.Add(1); c.broken.Load() {
		return 0, errBroken
	}
	return c.Conn.Write(b)
}

// one is a listener of one connection that is there.
type one struct{ net.Conn }

func (o one) Accept() (net.Conn, error) { return o.Conn, nil }
func (o one) Addr() net.Addr            { return o.LocalAddr() }

// securePair returns both ends, and what counts the writes of the first.
func securePair(t *testing.T) (client, server *netx.Secure, wire *counted) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := netx.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := netx.Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	wire = &counted{Conn: dialled}
	client = netx.SecureClient(wire, &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true})
	c, err := netx.SecureListener(one{accepted}, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}}).Accept()
	if err != nil {
		t.Fatal(err)
	}
	server, ok := c.(*netx.Secure)
	if !ok {
		t.Fatalf("accepted a %T", c)
	}
	shaken := make(chan error, 1)
	go func() { shaken <- server.HandshakeContext(t.Context()) }()
	if err := errors.Join(client.HandshakeContext(t.Context()), <-shaken); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close() // a broken one tells so
		_ = server.Close()
	})
	return client, server, wire
}

// What is held leaves in one write, in its order, as soon as there is no room for more; what is not, at once.
func TestSecureHold(t *testing.T) {
	const record = 16 << 10
	client, server, wire := securePair(t)
	all := make([]byte, 100*record)
	_, _ = rand.Read(all)
	read := make(chan []byte, 1)
	go func() {
		got := make([]byte, len(all)+2)
		n, _ := io.ReadFull(server, got)
		read <- got[:n]
	}()
	write := func(b []byte, least, most int64) {
		t.Helper()
		before := wire.writes.Load()
		if _, err := client.Write(b); err != nil {
			t.Fatal(err)
		}
		if n := wire.writes.Load() - before; n < least || n > most {
			t.Errorf("%d bytes left in %d writes, want %d to %d", len(b), n, least, most)
		}
	}
	if _, _, ok := netx.Progress(server); !ok {
		t.Error("the connection inside is not found")
	}
	write([]byte("a"), 1, 1)
	client.Hold(32 * record)
	write(all[:50*record], 1, 2)
	write(all[50*record:60*record], 0, 0)
	write(all[60*record:], 1, 2)
	before := wire.writes.Load()
	for range 2 {
		if err := client.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if n := wire.writes.Load() - before; n != 1 {
		t.Errorf("flushed in %d writes", n)
	}
	write([]byte("z"), 1, 1)
	if got, want := <-read, append(append([]byte("a"), all...), 'z'); !bytes.Equal(got, want) {
		t.Errorf("%d bytes came, other ones than the %d that were written", len(got), len(want))
	}
}

// A record that is larger than what may be held leaves at once, and a connection that breaks is told of by
// whoever sends on it.
func TestSecureBroken(t *testing.T) {
	client, _, wire := securePair(t)
	client.Hold(10)
	before := wire.writes.Load()
	if _, err := client.Write([]byte("longer than ten bytes")); err != nil || wire.writes.Load() != before+1 {
		t.Errorf("in %d writes: %v", wire.writes.Load()-before, err)
	}
	client.Hold(1000)
	if _, err := client.Write([]byte("kept")); err != nil {
		t.Fatal(err)
	}
	wire.broken.Store(true)
	if err := client.Flush(); !errors.Is(err, errBroken) {
		t.Errorf("flush: %v", err)
	}
	if _, err := client.Write([]byte("more")); !errors.Is(err, errBroken) {
		t.Errorf("write: %v", err)
	}
}
