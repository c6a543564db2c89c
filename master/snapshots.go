package master

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// snapshotSum is the file beside a snapshot's meta.json that has its checksum: Raft's
// own store checks the state, but a flipped bit in the index or in the list of
// masters would be believed.
const snapshotSum = "meta.sum"

// snapshots is Raft's store of snapshots in files, but one that is damaged in any of
// its bytes is not there: the one before is
// used. Safe for concurrent use.
type snapshots struct {
	*raft.FileSnapshotStore
	dir    string
	logger hclog.Logger
}

func openSnapshots(dir string, logger hclog.Logger) (*snapshots, error) {
	files, err := raft.NewFileSnapshotStoreWithLogger(dir, snapshotsKept, logger)
	if err != nil {
		return nil, fmt.Errorf("open snapshots in %s: %w", dir, err)
	}
	s := &snapshots{files, filepath.Join(dir, "snapshots"), logger} // the name is Raft's
	return s, s.setAside(filepath.Join(dir, "damaged"))
}

// setAside moves damaged snapshots to another folder, since Raft keeps the newest ones by
// what they say of themselves, and removes unfinished ones.
func (s *snapshots) setAside(to string) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".tmp") { // was being written when the process was killed: Raft leaves it for ever
			if err := os.RemoveAll(filepath.Join(s.dir, e.Name())); err != nil {
				return err
			}
			continue
		}
		_, state, err := s.Open(e.Name())
		if err == nil {
			if err := state.Close(); err != nil {
				return err
			}
			continue
		}
		s.logger.Error("a snapshot is damaged and is set aside", "snapshot", e.Name(), "folder", to, "error", err)
		if err := errors.Join(os.MkdirAll(to, 0o700), os.RemoveAll(filepath.Join(to, e.Name()))); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(s.dir, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Create begins a snapshot.
//
//nolint:revive // Raft's interface has six arguments
func (s *snapshots) Create(version raft.SnapshotVersion, index, term uint64, servers raft.Configuration, serversIndex uint64, trans raft.Transport) (raft.SnapshotSink, error) {
	sink, err := s.FileSnapshotStore.Create(version, index, term, servers, serversIndex, trans)
	if err != nil {
		return nil, err
	}
	return summedSink{sink, s.dir}, nil
}

// List returns the whole snapshots, newest first. It reads them all.
func (s *snapshots) List() ([]*raft.SnapshotMeta, error) {
	all, err := s.FileSnapshotStore.List()
	if err != nil {
		return nil, err
	}
	whole := all[:0]
	for _, meta := range all {
		_, state, err := s.Open(meta.ID)
		if err != nil {
			s.logger.Error("a snapshot is damaged and is passed over", "snapshot", meta.ID, "error", err)
			continue
		}
		if err := state.Close(); err != nil {
			return nil, err
		}
		whole = append(whole, meta)
	}
	return whole, nil
}

// Open returns a snapshot that is whole.
func (s *snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	sum, err := metaSum(filepath.Join(s.dir, id))
	if err != nil {
		return nil, nil, err
	}
	want, err := os.ReadFile(filepath.Join(s.dir, id, snapshotSum))
	if err != nil {
		return nil, nil, err
	}
	if string(want) != sum {
		return nil, nil, fmt.Errorf("snapshot %s: meta.json is not what was written", id)
	}
	return s.FileSnapshotStore.Open(id)
}

// metaSum returns what belongs into the sum of the snapshot in a folder.
func metaSum(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]) + "\n", nil
}

// summedSink adds the sum when the snapshot is whole. A crash before that leaves one
// that is passed over; nothing was removed from the log by then.
type summedSink struct {
	raft.SnapshotSink
	dir string
}

// Close seals the snapshot.
func (s summedSink) Close() error {
	if err := s.SnapshotSink.Close(); err != nil {
		return err
	}
	dir := filepath.Join(s.dir, s.ID())
	sum, err := metaSum(dir)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, snapshotSum))
	if err != nil {
		return err
	}
	_, err = f.WriteString(sum)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// keptLog keeps the entries since the older one of two snapshots, and all where there
// are not two: with fewer, an older snapshot could not be used when the newest is
// damaged.
type keptLog struct {
	raft.LogStore
	snapshots *snapshots
}

// IsMonotonic forwards the promise of the store below.
func (k keptLog) IsMonotonic() bool {
	m, ok := k.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// DeleteRange drops entries; of the oldest ones fewer than asked for. Entries at the
// end, or all, go as asked: they contradict the leader's, or a snapshot from it
// takes their place.
func (k keptLog) DeleteRange(lo, hi uint64) error {
	last, err := k.LastIndex()
	if err != nil {
		return err
	}
	if hi < last {
		kept, err := k.snapshots.List()
		if err != nil {
			return err
		}
		if len(kept) < snapshotsKept {
			return nil
		}
		hi = min(hi, kept[len(kept)-1].Index)
	}
	if hi < lo {
		return nil
	}
	return k.LogStore.DeleteRange(lo, hi)
}

// connects checks that the log begins where a whole snapshot ends, at the latest.
func (k keptLog) connects() error {
	first, err := k.FirstIndex()
	if err != nil || first <= 1 {
		return err
	}
	whole, err := k.snapshots.List()
	if err != nil {
		return err
	}
	if len(whole) > 0 && whole[0].Index+1 >= first {
		return nil
	}
	return fmt.Errorf("the Raft log begins with entry %d and no whole snapshot leads up to it: wipe the data folder to join as a new master, or restore it", first)
}
