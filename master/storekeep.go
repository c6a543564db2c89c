package master

import (
	"context"
	"time"

	"scalar/storage"
)

// The pace of looking after the store.
const (
	claimAgain = time.Minute      // before another try to make it the cluster's
	sweepFirst = time.Minute      // after a leader has begun
	sweepEvery = 10 * time.Minute // between rounds, or a quarter of the shortest time that something is kept
)

// keepStore looks after the store while this master leads: it makes it the cluster's,
// whether a job comes or not, and removes what is past its time. Nothing in it waits
// for a file system that hangs.
func (m *Master) keepStore(ctx context.Context) error {
	for {
		changed := m.lead.change()
		if lost, leads := m.lead.current(); leads {
			m.keepStoreUntil(ctx, lost)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

func (m *Master) keepStoreUntil(ctx context.Context, lost <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := m.newSweeper()
	if err != nil {
		m.log.Error("nothing is removed from the store", "error", err)
		return
	}
	every := min(sweepEvery, max(min(m.cfg.LogKeep, m.cfg.ArchiveKeep)/4, time.Millisecond))
	pause := time.NewTimer(0)
	defer pause.Stop()
	next := m.claimStore
	wait := min(sweepFirst, every)
	for {
		select {
		case <-pause.C:
		case <-lost:
			return
		case <-ctx.Done():
			return
		}
		done := make(chan error, 1)
		go func() { done <- next(ctx, s) }() // waited for below: it ends soon after ctx
		var err error
		select {
		case err = <-done:
		case <-lost:
			cancel()
			err = <-done
		}
		switch {
		case err == nil:
			pause.Reset(wait)
			next, wait = m.sweepStore, every
		case ctx.Err() == nil:
			m.log.Warn("the store is not looked after", "error", err)
			pause.Reset(min(claimAgain, every))
		}
	}
}

func (m *Master) claimStore(ctx context.Context, _ *sweeper) error {
	return m.owner.claim(ctx, m.node.State())
}

func (m *Master) sweepStore(ctx context.Context, s *sweeper) error {
	if err := m.claimStore(ctx, s); err != nil { // a restored snapshot may have changed whose it is
		return err
	}
	return s.round(ctx)
}

func (m *Master) newSweeper() (*sweeper, error) {
	path, err := storage.Path(m.cfg.Store)
	if err != nil {
		return nil, err
	}
	return &sweeper{
		store: path, logKeep: m.cfg.LogKeep, archiveKeep: m.cfg.ArchiveKeep, aside: m.aside, blobs: m.blobs,
		state: m.node.State, now: time.Now, ask: m.control.Sweep, log: m.log,
	}, nil
}
