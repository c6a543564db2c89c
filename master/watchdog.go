package master

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// watchdog reports writes to the disk that take longer than limit. A leader whose disk
// hangs would otherwise stay leader for ever, since its heartbeats need no disk
// (hashicorp/raft#503). Whatever Raft writes goes through one of its stores. Safe for
// concurrent use.
type watchdog struct {
	limit  time.Duration
	report chan error // size 1: the first report counts; never closed
}

func newWatchdog(limit time.Duration) *watchdog {
	return &watchdog{limit: limit, report: make(chan error, 1)}
}

// stores are what Raft writes to.
type stores struct {
	log       raft.LogStore
	stable    raft.StableStore // terms and votes
	snapshots raft.SnapshotStore
}

// over puts stores under watch.
func (w *watchdog) over(s stores) stores {
	return stores{watchedLog{s.log, w}, watchedVotes{s.stable, w}, watchedSnapshots{s.snapshots, w}}
}

func (w *watchdog) watch(what string) *watch { return w.within(w.limit, what) }

// watch is a write under way.
type watch struct {
	timer *time.Timer
	done  atomic.Bool
}

// Stop ends the watch: the write is over.
func (w *watch) Stop() {
	w.done.Store(true)
	w.timer.Stop()
}

// within begins a watch. A write that has not ended in time gets a tenth of it more:
// where the whole process stood still, and not the disk, it ends at once.
func (w *watchdog) within(limit time.Duration, what string) *watch {
	now := &watch{}
	now.timer = time.AfterFunc(limit, func() {
		time.AfterFunc(limit/10, func() {
			if now.done.Load() {
				return
			}
			err := fmt.Errorf("the disk hangs: a %s took more than %v; this master ends so that another can lead", what, limit)
			select {
			case w.report <- err:
			default:
			}
		})
	})
	return now
}

// watchedLog is a log under watch.
type watchedLog struct {
	raft.LogStore
	dog *watchdog
}

// IsMonotonic forwards the promise of the store below.
func (w watchedLog) IsMonotonic() bool {
	m, ok := w.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// StoreLog writes one entry under watch.
func (w watchedLog) StoreLog(log *raft.Log) error { return w.StoreLogs([]*raft.Log{log}) }

// StoreLogs writes entries under watch.
func (w watchedLog) StoreLogs(logs []*raft.Log) error {
	defer w.dog.watch("write of the Raft log").Stop()
	return w.LogStore.StoreLogs(logs)
}

// DeleteRange drops entries under watch.
func (w watchedLog) DeleteRange(lo, hi uint64) error {
	defer w.dog.watch("truncation of the Raft log").Stop()
	return w.LogStore.DeleteRange(lo, hi)
}

// watchedVotes is the store of terms and votes under watch.
type watchedVotes struct {
	raft.StableStore
	dog *watchdog
}

// Set writes a value under watch.
func (w watchedVotes) Set(key, value []byte) error {
	defer w.dog.watch("write of a vote").Stop()
	return w.StableStore.Set(key, value)
}

// SetUint64 writes a number under watch.
func (w watchedVotes) SetUint64(key []byte, value uint64) error {
	defer w.dog.watch("write of a term").Stop()
	return w.StableStore.SetUint64(key, value)
}

// watchedSnapshots is a store of snapshots under watch: each step of writing one, since
// all of a large one may take longer.
type watchedSnapshots struct {
	raft.SnapshotStore
	dog *watchdog
}

// Create begins a snapshot under watch.
func (w watchedSnapshots) Create(version raft.SnapshotVersion, index, term uint64, servers raft.Configuration, serversIndex uint64, trans raft.Transport) (raft.SnapshotSink, error) { //nolint:revive // the arguments are those of Raft
	defer w.dog.watch("begin of a snapshot").Stop()
	sink, err := w.SnapshotStore.Create(version, index, term, servers, serversIndex, trans)
	if err != nil {
		return nil, err
	}
	return watchedSink{sink, w.dog}, nil
}

type watchedSink struct {
	raft.SnapshotSink
	dog *watchdog
}

// Write writes a piece under watch.
func (w watchedSink) Write(b []byte) (int, error) {
	defer w.dog.watch("write of a snapshot").Stop()
	return w.SnapshotSink.Write(b)
}

// Close seals the snapshot under watch. That brings all of it to disk and may take half
// as long again as other writes: the process is still gone within 10 s.
func (w watchedSink) Close() error {
	defer w.dog.within(w.dog.limit*3/2, "sync of a snapshot").Stop()
	return w.SnapshotSink.Close()
}

// Cancel drops the snapshot under watch.
func (w watchedSink) Cancel() error {
	defer w.dog.watch("removal of a snapshot").Stop()
	return w.SnapshotSink.Cancel()
}
