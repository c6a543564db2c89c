package table

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/pack"
)

// workKey is a digest of the order: the same order twice is one piece of work,
// another order for the same epoch is another.
type workKey [sha256.Size]byte

// Owner names the attempt that made an output, in its _SUCCESS. The cluster's id is
// in it since masters that are founded anew count jobs from 1 again.
type Owner struct {
	Cluster string    `json:"cluster"`
	Job     job.ID    `json:"job"`
	Epoch   job.Epoch `json:"epoch"`
}

// Work is one order about storage. What is not exported is guarded by Table.mu.
type Work struct {
	Order wire.StorageOrder
	Owner Owner // of the output, if the order commits one

	status wire.StorageStatus
	ended  bool
	cancel func(error)
	gone   bool // no longer ordered
}

// applyStorage makes the ordered storage work and the known one the same. The
// caller holds tb.mu.
func (tb *Table) applyStorage(orders []wire.StorageOrder) {
	listed := map[workKey]bool{}
	for _, o := range orders {
		b, err := pack.Marshal(o)
		if err != nil {
			continue // it came from such bytes
		}
		key := workKey(sha256.Sum256(b))
		listed[key] = true
		if tb.storage[key] != nil {
			continue
		}
		w := &Work{Order: o, Owner: Owner{tb.cluster, o.Job, o.Epoch}, status: wire.StorageStatus{Job: o.Job, Epoch: o.Epoch, Commit: o.Commit != nil}}
		tb.storage[key] = w
		tb.newStorage = append(tb.newStorage, w)
	}
	for key, w := range tb.storage {
		if !listed[key] {
			w.gone = true
			if w.cancel != nil {
				w.cancel(ErrFenced)
			}
			delete(tb.storage, key)
		}
	}
}

// storageStatuses returns how the ordered work on storage has ended, as far as it
// has. The caller holds tb.mu.
func (tb *Table) storageStatuses() []wire.StorageStatus {
	keys := slices.SortedFunc(maps.Keys(tb.storage), func(a, b workKey) int {
		v, w := tb.storage[a].Order, tb.storage[b].Order
		return cmp.Or(cmp.Compare(v.Job, w.Job), cmp.Compare(v.Epoch, w.Epoch), bytes.Compare(a[:], b[:]))
	})
	var list []wire.StorageStatus
	for _, key := range keys {
		if w := tb.storage[key]; w.ended {
			list = append(list, w.status)
		}
	}
	return list
}

// BeginStorage is Begin for storage work.
func (tb *Table) BeginStorage(w *Work, cancel func(error)) bool {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	w.cancel = cancel
	return !w.gone
}

// EndStorage has the outcome reported until the order is gone.
func (tb *Table) EndStorage(w *Work, failure *job.Failure) {
	tb.mu.Lock()
	w.ended = true
	w.status.Done, w.status.Failure = failure == nil, failure
	tb.mu.Unlock()
	signal(tb.changed)
}
