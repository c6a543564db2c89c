package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	sweepChunk = 256                   // names read at once
	sweepPause = 20 * time.Millisecond // between chunks: others want the disk too
)

// Touch reports whether a blob is there, and makes it look new, so that RemoveOld leaves
// it. One that this process may not touch is not there: Put then writes it anew.
func (b *Blobs) Touch(ctx context.Context, digest string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if err := validDigest(digest); err != nil {
		return false, err
	}
	b.sweeping.RLock()
	defer b.sweeping.RUnlock()
	now := time.Now()
	err := os.Chtimes(filepath.Join(b.dir, digest), now, now)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	return err == nil, err
}

// RemoveOld removes the blobs that were put and touched last before a time, but for
// those that keep names, and what broken writes left that is as old. Whoever touches a
// blob and finds it there finds it until the time is past again: of this process a
// touch waits for the removal of one blob at most, and a touch by another process is
// looked for once the blob has left its name, and brings it back.
func (b *Blobs) RemoveOld(ctx context.Context, before time.Time, keep func(digest string) bool) (removed int, err error) {
	d, err := os.Open(b.dir)
	if err != nil {
		return 0, fmt.Errorf("remove old blobs: %w", err)
	}
	defer func() { _ = d.Close() }() // only read
	pause := time.NewTimer(sweepPause)
	defer pause.Stop()
	for {
		names, err := d.Readdirnames(sweepChunk)
		for _, name := range names {
			if validDigest(name) == nil && keep(name) {
				continue
			}
			gone, err := b.removeOld(name, before)
			if err != nil {
				return removed, fmt.Errorf("remove old blobs: %w", err)
			}
			if gone {
				removed++
			}
		}
		if errors.Is(err, io.EOF) {
			return removed, nil
		}
		if err != nil {
			return removed, fmt.Errorf("remove old blobs: %w", err)
		}
		pause.Reset(sweepPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return removed, ctx.Err()
		}
	}
}

// removeOld removes one blob, or a hidden file of a write, that is older than a time.
func (b *Blobs) removeOld(name string, before time.Time) (removed bool, err error) {
	if validDigest(name) != nil && name[0] != '.' {
		return false, nil // nothing of ours
	}
	b.sweeping.Lock()
	defer b.sweeping.Unlock()
	path := filepath.Join(b.dir, name)
	if old, err := older(path, before); err != nil || !old {
		return false, err
	}
	if name[0] == '.' {
		return true, os.Remove(path)
	}
	dead := filepath.Join(b.dir, "."+name+".old")
	if err := os.Rename(path, dead); err != nil {
		return false, err
	}
	old, err := older(dead, before)
	if err == nil && !old { // touched by another process between the two looks
		if err = os.Link(dead, path); errors.Is(err, fs.ErrExist) {
			err = nil // and put by it again
		}
	}
	return old, errors.Join(err, os.Remove(dead))
}

// older reports whether a regular file was written and touched last before a time.
func older(path string, before time.Time) (bool, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.Mode().IsRegular() && info.ModTime().Before(before), err
}
