package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
	"scalar/storage"
)

// What is removed from the store, and how fast.
const (
	blobKeep    = 24 * time.Hour         // since a program or file was last put or asked for
	sweepChunk  = 512                    // names read at once
	sweepMost   = 4096                   // names of one kind in one round
	sweepPause  = 100 * time.Millisecond // between requests to grooms
	sweepLimit  = 5 * time.Minute        // for one look through a folder
	archiveRest = 3                      // folders of the archive in a row without anything old, the oldest first, that end a round
)

// sweeper removes from the store what is past its time: logs, results and archive objects
// by requests to grooms, whose they are; programs and files by itself. It keeps nothing
// in mind: a round that is cut off is begun anew by the next one or the next leader.
type sweeper struct {
	store       string // path
	logKeep     time.Duration
	archiveKeep time.Duration
	aside       *asides
	blobs       map[string]*storage.Blobs
	state       func() *fsm.State
	now         func() time.Time
	ask         func(ctx context.Context, last string, s wire.Sweep) (groom string, reply wire.SweepReply, err error)
	log         *slog.Logger

	last string // groom that was asked
}

// round looks once through all that can be past its time.
func (s *sweeper) round(ctx context.Context) error {
	for _, kind := range []wire.StoreKind{wire.StoreLogs, wire.StoreResults, wire.StoreCheckpoints, wire.StoreArchive} {
		for {
			names, err := lookFor(ctx, s.aside, sweepLimit, func(ctx context.Context) ([]string, error) { return s.old(ctx, kind) })
			if err == nil && len(names) > 0 {
				err = s.remove(ctx, kind, names)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
			if len(names) < sweepMost {
				break
			}
		}
	}
	return s.sweepBlobs(ctx)
}

// old returns names of a kind that are past their time.
func (s *sweeper) old(ctx context.Context, kind wire.StoreKind) ([]string, error) {
	if kind == wire.StoreArchive {
		return s.oldObjects(ctx)
	}
	var list []string
	err := each(ctx, filepath.Join(s.store, string(kind)), func(e fs.DirEntry) bool {
		id, ok := job.ID(e.Name()), true
		if kind == wire.StoreResults {
			id, ok = wire.ResultJob(e.Name())
		}
		if ok && s.expired(kind, id, e) {
			list = append(list, e.Name())
		}
		return len(list) < sweepMost
	})
	return list, err
}

// oldObjects returns the names of archive objects, whole ones and what killed grooms left of some, that are past their time. The archive
// may have millions: its folders are in the order of the jobs' numbers, so that a few
// young ones say that the rest is young.
func (s *sweeper) oldObjects(ctx context.Context) ([]string, error) {
	dir := filepath.Join(s.store, string(wire.StoreArchive))
	folders, err := names(dir)
	if err != nil {
		return nil, err
	}
	var list []string
	young := 0
	for _, folder := range folders {
		before, some := len(list), false
		err := each(ctx, filepath.Join(dir, folder), func(e fs.DirEntry) bool {
			name := folder + "/" + e.Name()
			id, ok := wire.ArchiveRemains(name)
			if ok && s.expired(wire.StoreArchive, id, e) {
				list = append(list, name)
			}
			some = some || ok
			return len(list) < sweepMost
		})
		if err != nil {
			return nil, err
		}
		switch {
		case len(list) > before:
			young = 0
		case some:
			young++
		}
		if young == archiveRest || len(list) == sweepMost {
			break
		}
	}
	return list, nil
}

// expired reports whether what a job has left is past its time. Of a job that is not in
// the state its time on storage counts.
func (s *sweeper) expired(kind wire.StoreKind, id job.ID, e fs.DirEntry) bool {
	state := s.state()
	if n, ok := wire.JobNumber(id); !ok || n > state.LastJob {
		return false // of nobody, or its number is still to be given
	}
	if j, known := state.Job(id); known {
		return kind == wire.StoreLogs && j.State.Final() && s.now().Sub(j.Finished) > s.logKeep
	}
	keep := s.logKeep
	if kind == wire.StoreArchive {
		keep = s.archiveKeep
	}
	info, err := e.Info()
	return err == nil && s.now().Sub(info.ModTime()) > keep
}

// remove has grooms remove what is old, some at a time.
func (s *sweeper) remove(ctx context.Context, kind wire.StoreKind, names []string) error {
	pause := time.NewTimer(sweepPause)
	defer pause.Stop()
	for len(names) > 0 {
		n := min(len(names), wire.MaxSweep)
		var reply wire.SweepReply
		var err error
		s.last, reply, err = s.ask(ctx, s.last, wire.Sweep{Cluster: s.state().Cluster, Kind: kind, Names: names[:n]})
		if err == nil && reply.Error != "" {
			err = errors.New(reply.Error)
		}
		if err != nil {
			return err
		}
		s.log.Debug("removed from the store", "kind", kind, "number", reply.Removed)
		names = names[n:]
		pause.Reset(sweepPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// sweepBlobs removes programs and files that no job needs. A job that is submitted later
// than the state was read touches its own before.
func (s *sweeper) sweepBlobs(ctx context.Context) error {
	needed := map[string]bool{}
	state := s.state()
	for j := range state.Active() {
		needed[j.Spec.Program.Digest] = true
		for _, f := range j.Spec.Files {
			needed[f.Digest] = true
		}
	}
	for j := range state.History() {
		needed[j.Spec.Program.Digest] = true
	}
	for kind, b := range s.blobs {
		_, err := lookFor(ctx, s.aside, sweepLimit, func(ctx context.Context) (int, error) {
			return b.RemoveOld(ctx, s.now().Add(-blobKeep), func(digest string) bool { return needed[digest] })
		})
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

// each calls f for what is in a folder, in no order, until f says no. A folder that is
// not there is empty.
func each(ctx context.Context, dir string, f func(fs.DirEntry) bool) error {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // only read
	for {
		entries, err := d.ReadDir(sweepChunk)
		for _, e := range entries {
			if !f(e) {
				return nil
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}
