package groom

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/pack"
	"scalar/storage"

	"golang.org/x/sync/errgroup"
)

// archiveWriters is how many archive objects are written at once: each waits for a
// few syncs.
const archiveWriters = 8

// storekeeper does what the leader asks of the store beside jobs: it writes archive
// objects and removes what is past its time. One request at a time, in a goroutine
// that nothing waits for once its caller has given up: the store's server may be gone.
type storekeeper struct {
	store string        // URL
	busy  chan struct{} // size 1: holds a value while a request is being worked on
}

func newStorekeeper(store string) *storekeeper {
	return &storekeeper{store: strings.TrimRight(store, "/"), busy: make(chan struct{}, 1)}
}

var errStoreBusy = errors.New("this node still works on the request before: does the store answer?")

// call does one request.
func (k *storekeeper) call(ctx context.Context, method uint16, body []byte) ([]byte, error) {
	var work func(context.Context) any
	switch method {
	case wire.MethodArchive:
		var a wire.Archive
		if err := pack.Unmarshal(body, &a); err != nil {
			return nil, err
		}
		work = func(ctx context.Context) any { return k.archive(ctx, a) }
	default:
		var s wire.Sweep
		if err := pack.Unmarshal(body, &s); err != nil {
			return nil, err
		}
		work = func(ctx context.Context) any { return k.sweep(ctx, s) }
	}
	select {
	case k.busy <- struct{}{}:
	default:
		return nil, errStoreBusy
	}
	answer := make(chan any, 1)
	go func() {
		a := work(ctx)
		<-k.busy // before the answer: the next request may follow it at once
		answer <- a
	}()
	select {
	case a := <-answer:
		return pack.Marshal(a)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// archive writes objects, several at once.
func (k *storekeeper) archive(ctx context.Context, a wire.Archive) wire.ArchiveReply {
	if err := storage.CheckOwner(ctx, k.store, a.Cluster); err != nil {
		return wire.ArchiveReply{Error: err.Error()}
	}
	failed := make([]error, len(a.Objects))
	var writers errgroup.Group
	writers.SetLimit(archiveWriters)
	for i, o := range a.Objects {
		writers.Go(func() error {
			failed[i] = k.archiveOne(ctx, o)
			return nil
		})
	}
	_ = writers.Wait() // each has its own error
	var r wire.ArchiveReply
	for i, o := range a.Objects {
		switch err := failed[i]; {
		case err == nil:
			r.Done = append(r.Done, o.Job)
		case r.Error == "":
			r.Error = clip(err.Error(), maxMessage)
		}
	}
	return r
}

func (k *storekeeper) archiveOne(ctx context.Context, o wire.ArchiveObject) error {
	name, ok := wire.ArchiveName(o.Job)
	if !ok {
		return fmt.Errorf("archive: %q is no id of a job", o.Job)
	}
	url := storeURL(k.store, string(wire.StoreArchive), name)
	if _, _, err := storage.WriteBlob(ctx, url, bytes.NewReader(o.Data)); err != nil {
		return fmt.Errorf("archive %s: %w", o.Job, err)
	}
	if err := restrict(k.store, url); err != nil {
		return fmt.Errorf("archive %s: %w", o.Job, err)
	}
	return nil
}

// sweep removes what is past its time, one name after the other.
func (k *storekeeper) sweep(ctx context.Context, s wire.Sweep) wire.SweepReply {
	var r wire.SweepReply
	err := storage.CheckOwner(ctx, k.store, s.Cluster)
	if err == nil && len(s.Names) > wire.MaxSweep {
		err = fmt.Errorf("%d names, at most %d", len(s.Names), wire.MaxSweep)
	}
	if err != nil {
		return wire.SweepReply{Error: clip(err.Error(), maxMessage)}
	}
	for _, name := range s.Names {
		if err := k.sweepOne(ctx, s.Kind, name); err != nil {
			if r.Error == "" {
				r.Error = clip(fmt.Sprintf("remove %s/%s: %v", s.Kind, name, err), maxMessage)
			}
			continue
		}
		r.Removed++
	}
	return r
}

func (k *storekeeper) sweepOne(ctx context.Context, kind wire.StoreKind, name string) error {
	if !sweepable(kind, name) {
		return errors.New("refused: it is not of a job")
	}
	url := storeURL(k.store, string(kind), name)
	if err := storage.RemoveAll(ctx, url); err != nil {
		return err
	}
	if kind != wire.StoreArchive {
		return nil
	}
	path, err := storage.Path(url)
	if err == nil {
		_ = os.Remove(filepath.Dir(path)) // stays while an object is in it
	}
	return err
}

// sweepable reports whether a name below a kind's folder is a job's. As the last line
// of defence nothing else in the store is ever removed.
func sweepable(kind wire.StoreKind, name string) bool {
	switch kind {
	case wire.StoreLogs, wire.StoreCheckpoints:
		_, ok := wire.JobNumber(job.ID(name))
		return ok
	case wire.StoreResults:
		_, ok := wire.ResultJob(name)
		return ok
	case wire.StoreArchive:
		_, ok := wire.ArchiveRemains(name)
		return ok
	}
	return false
}
