package master

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"scalar/master/fsm"
)

const leadRetry = 200 * time.Millisecond // after an error of the control loop

// leadership says whether this master serves as the leader. It does from the
// moment its state holds all that was committed before (a barrier), until Raft
// says that the leadership is lost.
type leadership struct {
	mu      sync.Mutex    // guards what follows
	lost    chan struct{} // closed when the leadership ends; nil: not serving
	changed chan struct{} // closed and replaced at every change
}

func newLeadership() *leadership { return &leadership{changed: make(chan struct{})} }

func (l *leadership) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = make(chan struct{})
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *leadership) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == nil {
		return
	}
	close(l.lost)
	l.lost = nil
	close(l.changed)
	l.changed = make(chan struct{})
}

// current returns a channel that closes when the leadership is lost, and
// whether this master serves as the leader at all.
func (l *leadership) current() (lost <-chan struct{}, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost, l.lost != nil
}

func (l *leadership) change() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// follow runs the control loop whenever this master leads.
func (m *Master) follow(ctx context.Context) error {
	stop := func() {}
	defer func() { stop() }()
	for {
		select {
		case leads := <-m.node.leadership:
			stop()
			stop = func() {}
			if leads {
				stop = m.leadBeside(ctx)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// leadBeside leads in a goroutine until ctx ends or stop is called, which waits
// for its end.
func (m *Master) leadBeside(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { m.leadTerm(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

// leadTerm leads until ctx ends. An error of the control loop starts it anew: if
// it came from a lost leadership, ctx ends presently.
func (m *Master) leadTerm(ctx context.Context) {
	for ctx.Err() == nil {
		err := m.leadOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		m.log.Error("leading", "error", err)
		pause := leadRetry
		if errors.Is(err, errWrongClock) {
			pause = clockRetry
			if err := m.handOver(ctx); err != nil {
				m.breakOff(err)
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

func (m *Master) leadOnce(ctx context.Context) error {
	term, err := m.node.reignTerm(ctx)
	if err != nil {
		return err
	}
	if err := m.startClock(ctx); err != nil {
		return err
	}
	defer m.clock.end()
	if m.node.State().Cluster == "" {
		if err := m.nameCluster(ctx); err != nil {
			return err
		}
	}
	m.log.Info("leading", "term", term)
	m.lead.begin()
	defer m.lead.end()
	return m.control.Lead(ctx, term)
}

// breakOff ends this master because of err.
func (m *Master) breakOff(err error) {
	select {
	case m.broken <- err:
	default: // it ends already
	}
}

// nameCluster gives a new cluster its UUID and its first admin token.
func (m *Master) nameCluster(ctx context.Context) error {
	hash, err := hex.DecodeString(m.cfg.AdminTokenHash)
	if err != nil {
		return fmt.Errorf("admin token hash: %w", err)
	}
	result, err := m.node.propose(ctx, fsm.Command{Bootstrap: &fsm.Bootstrap{Cluster: newUUID(), AdminHash: hash}})
	if err == nil {
		err = result.Err()
	}
	if err != nil {
		return fmt.Errorf("name the cluster: %w", err)
	}
	return nil
}

// newUUID returns a random UUID of version 4.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// learnCluster records the cluster's UUID in the data folder once it is known,
// and ends the master if the folder belongs to another cluster.
func (m *Master) learnCluster(ctx context.Context) error {
	for {
		changed := m.node.Changed()
		if uuid := m.node.State().Cluster; uuid != "" {
			return m.dir.setCluster(uuid)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}
