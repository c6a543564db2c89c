package bsp_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// firstWrite is a link that tells when its task first speaks: it has cut its input
// then.
type firstWrite struct {
	net.Conn
	once sync.Once
	told chan struct{}
}

func (c *firstWrite) Write(b []byte) (int, error) {
	c.once.Do(func() { close(c.told) })
	return c.Conn.Write(b)
}

// An input that grows between the starts of two tasks would be cut differently: the
// job ends with one clear line instead.
func TestInputGrowsWhileTheJobStarts(t *testing.T) {
	file := t.TempDir() + "/in"
	write := func(lines int) {
		if err := os.WriteFile(file, []byte(strings.Repeat("abc\n", lines)), 0o600); err != nil {
			t.Error(err)
		}
	}
	prog := func(_ context.Context, p *bsp.Peer[int]) error {
		for _, err := range p.Lines() {
			if err != nil {
				return err
			}
		}
		return nil
	}
	a, b := net.Pipe()
	first := &firstWrite{Conn: a, told: make(chan struct{})}
	task := func(i int, conns ...net.Conn) error {
		_, err := bsp.RunTask(t.Context(), bsp.TaskConfig{
			Runner: bsp.NewRunner(prog), Conns: conns,
			Start: wire.TaskStart{Key: wire.TaskKey{Job: "in-1", Epoch: 1, Task: i}, Ranges: []job.Range{{Lo: 0, Hi: 1}, {Lo: 1, Hi: 2}}, Input: file},
		})
		return err
	}
	write(100)
	ended := make(chan error, 1)
	go func() { ended <- task(0, nil, first) }()
	<-first.told
	write(150)
	errs := []error{task(1, b, nil), <-ended}
	for _, err := range errs {
		if f, ok := errors.AsType[*job.Failure](err); ok && f.Kind == job.FaultInput && strings.Contains(f.Message, "changed while the job started") {
			return
		}
	}
	t.Errorf("%v", errs)
}
