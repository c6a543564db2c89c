package host

import (
	"context"
	"slices"
	"sync"

	"scalar/serving/protocol"
)

// Limits of shadows: how many wait, and how large one is.
const (
	maxShadows     = 64
	maxShadowCells = 1 << 16
)

// A shadow is a request that another version predicts too, with its own copy of the rows.
type shadow struct {
	v *Version // held
	r protocol.Request
}

// shadows predicts shadows in the background, one at a time.
type shadows struct {
	mu     sync.Mutex   // guards closed, and what is sent
	queue  chan *shadow // of capacity maxShadows: cast sends without waiting, close closes it
	closed bool
	ended  sync.WaitGroup
}

func (s *shadows) start() {
	s.queue = make(chan *shadow, maxShadows)
	s.ended.Go(func() {
		var a protocol.Answer
		for one := range s.queue {
			one.predict(&a)
		}
	})
}

// close predicts what waits, and ends.
func (s *shadows) close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.queue)
	}
	s.mu.Unlock()
	s.ended.Wait()
}

// send reports whether a shadow will be predicted.
func (s *shadows) send(one *shadow) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	select {
	case s.queue <- one:
		return true
	default:
		return false
	}
}

// cast lets the lease's shadow predict a request in the background, unless it is large or others
// wait already: the answer has been given, and nobody waits for this.
func (l *Lease) cast(r *protocol.Request) {
	v, to := l.shadow, &l.host.shadows
	fits := v.columns == l.columns && v.texts == l.texts && len(r.X) <= maxShadowCells && len(r.Cells) <= maxShadowCells/8
	if fits && len(to.queue) < maxShadows {
		s := &shadow{v: v, r: protocol.Request{Rows: r.Rows, X: slices.Clone(r.X), Cells: slices.Clone(r.Cells)}}
		for i := range s.r.Cells {
			s.r.Cells[i].Text = slices.Clone(s.r.Cells[i].Text)
		}
		if to.send(s) {
			l.shadow = nil // the queue releases it
			return
		}
	}
	v.mu.Lock()
	v.stats.Dropped++
	v.mu.Unlock()
}

// predict computes a shadow if an executor is free.
func (s *shadow) predict(a *protocol.Answer) {
	v := s.v
	defer v.release()
	v.mu.Lock()
	e := v.pop()
	if e == nil {
		v.stats.Dropped++
	} else {
		v.stats.Shadows++
	}
	v.mu.Unlock()
	if e == nil {
		return
	}
	v.begin(a)
	if err := v.alone(context.Background(), e, terms{}, &s.r, a); err != nil {
		v.log.Info("a shadow was not computed", "model", v.name, "version", v.version, "error", err)
	}
}
