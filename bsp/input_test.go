package bsp_test

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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

// An input that changes between the starts of two tasks would be cut differently: the
// job ends with one clear line instead.
func TestInputChangesWhileTheJobStarts(t *testing.T) {
	for what, lines := range map[string]int{"grown": 150, "replaced": 100} {
		file := t.TempDir() + "/in"
		write := func(lines int, age time.Duration) {
			if err := errors.Join(os.WriteFile(file, []byte(strings.Repeat("abc\n", lines)), 0o600), os.Chtimes(file, time.Time{}, time.Now().Add(-age))); err != nil {
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
		write(100, time.Hour)
		ended := make(chan error, 1)
		go func() { ended <- task(0, nil, first) }()
		<-first.told
		write(lines, time.Minute)
		errs := []error{task(1, b, nil), <-ended}
		if !slices.ContainsFunc(errs, func(err error) bool {
			f, ok := errors.AsType[*job.Failure](err)
			return ok && f.Kind == job.FaultInput && strings.Contains(f.Message, "changed")
		}) {
			t.Errorf("%s: %v", what, errs)
		}
	}
}
