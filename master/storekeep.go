package master

import (
	"context"
	"time"
)

// claimAgain is how long a leader waits before it tries again to make the store its
// cluster's.
const claimAgain = time.Minute

// keepStore looks after the store while this master leads. Nothing in it waits for a
// file system that hangs.
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

// keepStoreUntil makes the store this cluster's, whether a job comes or not: the archive
// needs it.
func (m *Master) keepStoreUntil(ctx context.Context, lost <-chan struct{}) {
	pause := time.NewTimer(claimAgain)
	defer pause.Stop()
	for {
		err := m.owner.claim(ctx, m.node.State())
		if err == nil {
			return
		}
		m.log.Error("the store cannot be used", "error", err)
		pause.Reset(claimAgain)
		select {
		case <-pause.C:
		case <-lost:
			return
		case <-ctx.Done():
			return
		}
	}
}
