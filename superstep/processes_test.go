package superstep_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"scalar/internal/netx"
	"scalar/superstep"
)

// childWork is the environment variable that makes this test binary the second process of
// BenchmarkTwoProcesses: what it does, as work.String says it.
const childWork = "SUPERSTEP_TEST_WORK"

// childCPU, if set, is the core of the second process: taskset has the first one's.
const childCPU = "SUPERSTEP_TEST_CPU"

// work is what both processes do, and how they are connected.
type work struct {
	network string // tcp, tls, unix
	memory  int    // of a unix link
	bytes   int    // that each gives the other in a collective round; 0: empty supersteps
	compute time.Duration
	rounds  int
	addr    string
}

func (w work) String() string {
	return fmt.Sprintf("%s %d %d %d %d %s", w.network, w.memory, w.bytes, w.compute, w.rounds, w.addr)
}

// child is task 1.
func child() error {
	var w work
	if _, err := fmt.Sscanf(os.Getenv(childWork), "%s %d %d %d %d %s", &w.network, &w.memory, &w.bytes, &w.compute, &w.rounds, &w.addr); err != nil {
		return err
	}
	dial := func(ctx context.Context, _ int) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, w.carrier(), w.addr)
		if err == nil && w.secure() {
			c = netx.SecureClient(c, &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}) // it is this benchmark
		}
		return c, err
	}
	return w.process(context.Background(), superstep.Mesh{Task: 1, Dial: dial, Memory: w.memory}, func(ctx context.Context, p *superstep.Port) error {
		return w.do(ctx, p, w.rounds)
	})
}

func (w work) do(ctx context.Context, p *superstep.Port, rounds int) error {
	out := make([][]byte, p.N())
	for i := range out {
		out[i] = make([]byte, w.bytes)
	}
	for range rounds {
		for end := time.Now().Add(w.compute); w.compute > 0 && time.Now().Before(end); {
			continue // what a program computes
		}
		if w.bytes == 0 {
			if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
				return err
			}
			continue
		}
		parts, err := p.HandOver(ctx, out)
		if err != nil {
			return err
		}
		if got := len(parts[1-p.Index()]); got != w.bytes {
			return fmt.Errorf("%d bytes of %d", got, w.bytes)
		}
		p.Release()
	}
	return nil
}

func (w work) secure() bool { return w.network == "tls" }

// carrier is the network that dials and listens.
func (w work) carrier() string {
	if w.secure() {
		return "tcp"
	}
	return w.network
}

// process is one task with one peer, of two.
func (w work) process(ctx context.Context, m superstep.Mesh, prog func(ctx context.Context, p *superstep.Port) error) error {
	conns, err := m.Connect(ctx, 2)
	if err != nil {
		return err
	}
	ranges := []superstep.Range{{Lo: 0, Hi: 1}, {Lo: 1, Hi: 2}}
	g, err := superstep.NewGroup(superstep.Config{Task: m.Task, Ranges: ranges, Conns: conns, TLS: w.secure()})
	if err != nil {
		return err
	}
	return runTask(ctx, g, ranges[m.Task], prog)
}

// Empty supersteps and collective rounds between two processes, with and without something to
// compute before.
func BenchmarkTwoProcesses(b *testing.B) {
	for _, link := range []work{{network: "tcp"}, {network: "tls"}, {network: "unix"}, {network: "unix", memory: 1 << 20}} {
		for _, size := range []int{0, 4 << 10, 470 << 10, 8 << 20} {
			for _, compute := range []time.Duration{0, 500 * time.Microsecond} {
				w := link
				w.bytes, w.compute = size, compute
				name := fmt.Sprintf("%s-%d/%d-bytes/after-%v", w.network, w.memory, size, compute)
				b.Run(name, w.benchmark)
			}
		}
	}
}

func (w work) benchmark(b *testing.B) {
	const warm = 100
	w.rounds, w.addr = warm+b.N, "127.0.0.1:0"
	if w.network == "unix" {
		w.addr = filepath.Join(b.TempDir(), "s")
	}
	var config net.ListenConfig
	l, err := config.Listen(b.Context(), w.carrier(), w.addr)
	if err != nil {
		b.Fatal(err)
	}
	w.addr = l.Addr().String()
	if w.secure() {
		l = netx.SecureListener(l, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{testCert()}})
	}
	command := []string{os.Args[0]}
	if cpu := os.Getenv(childCPU); cpu != "" {
		command = []string{"taskset", "-c", cpu, os.Args[0]}
	}
	cmd := exec.CommandContext(b.Context(), command[0], command[1:]...)
	cmd.Env = append(os.Environ(), childWork+"="+w.String())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	err = w.process(b.Context(), superstep.Mesh{Listener: l, Memory: w.memory}, func(ctx context.Context, p *superstep.Port) error {
		if err := w.do(ctx, p, warm); err != nil {
			return err
		}
		b.ResetTimer()
		return w.do(ctx, p, b.N)
	})
	b.StopTimer()
	if err != nil {
		b.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		b.Error(err)
	}
}
