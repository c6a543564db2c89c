package groom

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/pack"
	"scalar/storage"
)

// storageKey is a digest of the order: the same order twice is one piece of work,
// another order for the same epoch is another.
type storageKey [sha256.Size]byte

// owner names the attempt that made an output, in its _SUCCESS. The cluster's id is
// in it since masters that are founded anew count jobs from 1 again.
type owner struct {
	Cluster string    `json:"cluster"`
	Job     job.ID    `json:"job"`
	Epoch   job.Epoch `json:"epoch"`
}

// storageWork is one order about storage. Its fields are guarded by table.mu, but
// for the order.
type storageWork struct {
	order  wire.StorageOrder
	owner  owner // of the output, if the order commits one
	status wire.StorageStatus
	ended  bool
	cancel func(error)
	gone   bool // no longer ordered
}

// applyStorage makes the ordered storage work and the known one the same. The
// caller holds tb.mu.
func (tb *table) applyStorage(orders []wire.StorageOrder) {
	listed := map[storageKey]bool{}
	for _, o := range orders {
		b, err := pack.Marshal(o)
		if err != nil {
			continue // it came from such bytes
		}
		key := storageKey(sha256.Sum256(b))
		listed[key] = true
		if tb.storage[key] != nil {
			continue
		}
		w := &storageWork{order: o, owner: owner{tb.cluster, o.Job, o.Epoch}, status: wire.StorageStatus{Job: o.Job, Epoch: o.Epoch, Commit: o.Commit != nil}}
		tb.storage[key] = w
		tb.newStorage = append(tb.newStorage, w)
	}
	for key, w := range tb.storage {
		if !listed[key] {
			w.gone = true
			if w.cancel != nil {
				w.cancel(errFenced)
			}
			delete(tb.storage, key)
		}
	}
}

// beginStorage is begin for storage work.
func (tb *table) beginStorage(w *storageWork, cancel func(error)) bool {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	w.cancel = cancel
	return !w.gone
}

// endStorage has the outcome reported until the order is gone.
func (tb *table) endStorage(w *storageWork, failure *job.Failure) {
	tb.mu.Lock()
	w.ended = true
	w.status.Done, w.status.Failure = failure == nil, failure
	tb.mu.Unlock()
	signal(tb.changed)
}

// runStorage does one order about storage. All of it may be repeated.
func runStorage(ctx context.Context, by owner, o wire.StorageOrder) *job.Failure {
	if c := o.Commit; c != nil {
		if err := commit(ctx, by, c); err != nil {
			f := job.Fail(job.FaultOutput, "%v", err)
			if errors.Is(err, storage.ErrExists) {
				f.Code = job.ExitUsage
			}
			return f
		}
	}
	for _, url := range o.Remove {
		if err := remove(ctx, o.Job, url); err != nil {
			return job.Fail(job.FaultOutput, "remove %s: %v", url, err)
		}
	}
	return nil
}

func commit(ctx context.Context, by owner, c *wire.OutputCommit) error {
	line, err := json.Marshal(by)
	if err != nil {
		return fmt.Errorf("commit of %s: %w", by.Job, err)
	}
	parts := make([]storage.PartInfo, len(c.Parts))
	for i, p := range c.Parts {
		parts[i] = storage.PartInfo{Peer: p.Peer, Path: p.Path, Size: p.Size, CRC: p.CRC}
	}
	return storage.CommitOutput(ctx, c.Tmp, c.Output, string(line), parts)
}

// remove deletes a folder. As the last line of defence for people's files it
// touches only paths that name the job.
func remove(ctx context.Context, id job.ID, url string) error {
	path, err := storage.Path(url)
	if err != nil {
		return err
	}
	if !namesJob(path, id) {
		return fmt.Errorf("refused: the path does not name job %s", id)
	}
	return storage.RemoveAll(ctx, url)
}

// namesJob reports whether a path has the job's own folder in it, or a temporary
// folder of one of its epochs: OUT.tmp-JOB-EPOCH.
func namesJob(path string, id job.ID) bool {
	if !safeID(id) {
		return false
	}
	for elem := range strings.SplitSeq(path, "/") {
		if elem == string(id) || strings.Contains(elem, ".tmp-"+string(id)+"-") {
			return true
		}
	}
	return false
}
