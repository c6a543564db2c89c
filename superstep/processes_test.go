package superstep_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"scalar/superstep"
)

// childAddr is the environment variable that makes this test binary the second
// process of BenchmarkTwoProcesses: the address of the first one, and the number of
// supersteps.
const (
	childAddr  = "SUPERSTEP_TEST_ADDR"
	childSteps = "SUPERSTEP_TEST_STEPS"
)

// child is task 1.
func child() error {
	steps, err := strconv.Atoi(os.Getenv(childSteps))
	if err != nil {
		return err
	}
	return process(context.Background(), superstep.Mesh{Task: 1, Dial: func(ctx context.Context, _ int) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", os.Getenv(childAddr))
	}}, func(ctx context.Context, p *superstep.Port) error { return supersteps(ctx, p, steps) })
}

func supersteps(ctx context.Context, p *superstep.Port, n int) error {
	for range n {
		if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
			return err
		}
	}
	return nil
}

// process is one task with one peer, of two.
func process(ctx context.Context, m superstep.Mesh, prog func(ctx context.Context, p *superstep.Port) error) error {
	conns, err := m.Connect(ctx, 2)
	if err != nil {
		return err
	}
	ranges := []superstep.Range{{Lo: 0, Hi: 1}, {Lo: 1, Hi: 2}}
	g, err := superstep.NewGroup(superstep.Config{Task: m.Task, Ranges: ranges, Conns: conns})
	if err != nil {
		return err
	}
	return runTask(ctx, g, ranges[m.Task], prog)
}

// Empty supersteps between two processes.
func BenchmarkTwoProcesses(b *testing.B) {
	var config net.ListenConfig
	l, err := config.Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	const warm = 100
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childAddr+"="+l.Addr().String(), childSteps+"="+strconv.Itoa(warm+b.N))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	err = process(b.Context(), superstep.Mesh{Listener: l}, func(ctx context.Context, p *superstep.Port) error {
		if err := supersteps(ctx, p, warm); err != nil {
			return err
		}
		b.ResetTimer()
		return supersteps(ctx, p, b.N)
	})
	b.StopTimer()
	if err != nil {
		b.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		b.Error(err)
	}
}
