package superstep_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"scalar/superstep"
)

// held is a connection whose writes wait until open is closed.
type held struct {
	net.Conn
	open <-chan struct{}
}

func (h held) Write(b []byte) (int, error) {
	<-h.open
	return h.Conn.Write(b)
}

// A peer does not go on while much of what it sent is not written, though all others
// have ended the superstep, or the collective.
func TestPeersWaitForTheirWriters(t *testing.T) {
	data := make([]byte, 2<<20)
	for name, end := range map[string]func(ctx context.Context, p *superstep.Port) (came int, err error){
		"barrier": func(ctx context.Context, p *superstep.Port) (int, error) {
			box := superstep.NewBox(p, superstep.BoxConfig[[1024]byte]{})
			for range len(data) / 1024 * (1 - p.Index()) {
				box.Send(1, [1024]byte{})
			}
			_, err := p.Sync(ctx, superstep.Vote{})
			return box.Len() * 1024, err
		},
		"collective": func(ctx context.Context, p *superstep.Port) (int, error) {
			parts, err := p.HandOver(ctx, [][][]byte{{nil, data}, {nil, nil}}[p.Index()])
			if err != nil {
				return 0, err
			}
			return len(parts[0]), nil
		},
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { waitForWriter(t, len(data), end) }) })
	}
}

func waitForWriter(t *testing.T, want int, end func(ctx context.Context, p *superstep.Port) (int, error)) {
	t.Helper()
	open := make(chan struct{})
	var once sync.Once
	w := world{tasks: []int{1, 1}, transport: "pipe", wrap: func(c net.Conn) net.Conn {
		once.Do(func() { c = held{c, open} }) // the end of task 0
		return c
	}}
	var over atomic.Bool
	go func() {
		synctest.Wait()
		if over.Load() {
			t.Errorf("task 0 went on with %d bytes to write", want)
		}
		close(open)
	}()
	must(t, w.run(t, func(ctx context.Context, p *superstep.Port) error {
		came, err := end(ctx, p)
		if p.Index() == 0 {
			over.Store(true)
		} else if came != want {
			t.Errorf("%d bytes came, want %d", came, want)
		}
		return err
	}))
}

// The task that comes last finds all marks there: it does not go on before its own is taken by
// its writer, which has no core of its own.
func TestLastMarkIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world{tasks: []int{1, 1}, transport: "pipe"}
		must(t, w.run(t, func(ctx context.Context, p *superstep.Port) error {
			for step := range 50 {
				if p.Index() == 0 {
					synctest.Wait()
				}
				if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
					return err
				}
				if superstep.Waits(p) {
					t.Errorf("superstep %d: peer %d goes on, and its mark waits", step, p.Index())
				}
			}
			return nil
		}))
	})
}
