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
// have ended the superstep.
func TestSyncWaitsForItsWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
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
				t.Error("task 0 went on with 2 MiB to write")
			}
			close(open)
		}()
		must(t, w.run(t, func(ctx context.Context, p *superstep.Port) error {
			box := superstep.NewBox(p, superstep.BoxConfig[[1024]byte]{})
			for i := range 2048 {
				if p.Index() == 0 {
					box.Send(1, [1024]byte{byte(i)})
				}
			}
			_, err := p.Sync(ctx, superstep.Vote{})
			if p.Index() == 0 {
				over.Store(true)
			} else if n := box.Len(); n != 2048 {
				t.Errorf("%d messages", n)
			}
			return err
		}))
	})
}
