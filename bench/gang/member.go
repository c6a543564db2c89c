package gang

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"scalar/internal/netx"
	"scalar/internal/pki"
	"scalar/superstep"
)

// A Member is one process of a gang.
type Member struct {
	Task     int
	Tasks    int
	TLS      bool
	listener net.Listener
	client   *tls.Config
	addrs    []string
}

// Join returns this process's place in the gang; ok is false if Run did not start it.
func Join() (m *Member, ok bool, err error) {
	if os.Getenv(member) == "" {
		return nil, false, nil
	}
	var o orders
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return nil, true, fmt.Errorf("orders of the gang: %w", err)
	}
	f := os.NewFile(3, "listener")
	m = &Member{Task: o.Task, Tasks: len(o.Addrs), TLS: o.CA != nil, addrs: o.Addrs}
	if m.listener, err = net.FileListener(f); err != nil {
		return nil, true, fmt.Errorf("listener on descriptor 3: %w", err)
	}
	if m.TLS {
		var server *tls.Config
		if server, m.client, err = pki.TaskTLS(o.CA, o.Pair.Cert, o.Pair.Key, name, 0); err != nil {
			return nil, true, err
		}
		m.listener = netx.SecureListener(m.listener, server)
	}
	return m, true, f.Close()
}

// Mesh returns what a superstep.Group's connections are made with.
func (m *Member) Mesh() superstep.Mesh {
	return superstep.Mesh{Task: m.Task, Listener: m.listener, Dial: m.dial}
}

func (m *Member) dial(ctx context.Context, task int) (net.Conn, error) {
	conn, err := netx.Dial(ctx, m.addrs[task])
	if err != nil || m.client == nil {
		return conn, err
	}
	secure := netx.SecureClient(conn, m.client)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

// Connect returns a bare connection to every other task, nil at the own index: a
// task dials those below it, says who it is in one byte, and accepts those above.
func (m *Member) Connect(ctx context.Context) ([]net.Conn, error) {
	conns := make([]net.Conn, m.Tasks)
	for task := range m.Task {
		conn, err := m.dial(ctx, task)
		if err != nil {
			return nil, err
		}
		if _, err := conn.Write([]byte{byte(m.Task)}); err != nil {
			return nil, err
		}
		conns[task] = conn
	}
	for range m.Tasks - 1 - m.Task {
		conn, err := m.listener.Accept()
		if err != nil {
			return nil, err
		}
		var who [1]byte
		if _, err := io.ReadFull(conn, who[:]); err != nil {
			return nil, err
		}
		if int(who[0]) <= m.Task || int(who[0]) >= m.Tasks {
			return nil, fmt.Errorf("task %d came to task %d", who[0], m.Task)
		}
		conns[who[0]] = conn
	}
	return conns, m.listener.Close()
}

// Print writes a result to standard output if this is task 0.
func (m *Member) Print(r Result) error {
	if m.Task != 0 {
		return nil
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}
