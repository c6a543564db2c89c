package master

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// watchdog is a log store that reports writes which take longer than limit. A
// leader whose disk hangs would otherwise stay leader for ever, since its
// heartbeats need no disk (hashicorp/raft#503).
type watchdog struct {
	raft.LogStore
	limit  time.Duration
	report chan error // size 1: the first report counts; never closed
}

func newWatchdog(store raft.LogStore, limit time.Duration) *watchdog {
	return &watchdog{LogStore: store, limit: limit, report: make(chan error, 1)}
}

// IsMonotonic forwards the promise of the store below.
func (w *watchdog) IsMonotonic() bool {
	m, ok := w.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// StoreLog writes one entry under watch.
func (w *watchdog) StoreLog(log *raft.Log) error { return w.StoreLogs([]*raft.Log{log}) }

// StoreLogs writes entries under watch.
func (w *watchdog) StoreLogs(logs []*raft.Log) error {
	defer w.watch("write").Stop()
	return w.LogStore.StoreLogs(logs)
}

// DeleteRange drops entries under watch.
func (w *watchdog) DeleteRange(lo, hi uint64) error {
	defer w.watch("truncation").Stop()
	return w.LogStore.DeleteRange(lo, hi)
}

func (w *watchdog) watch(what string) *time.Timer {
	return time.AfterFunc(w.limit, func() {
		err := fmt.Errorf("the disk hangs: a %s of the Raft log took more than %v; this master ends so that another can lead", what, w.limit)
		select {
		case w.report <- err:
		default:
		}
	})
}
