package groom

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"scalar/bsp/wire"
)

const (
	defaultLogMax = 64 << 20  // bytes kept of one task
	maxLogReply   = 256 << 10 // bytes in one LogReply
)

// A task's log is a stream of bytes of which the last LogMax are kept, as at
// most two segments on disk: <epoch>-<task>.log holds the stream from byte 0 and
// <epoch>-<task>.log.<base> from byte base on. Names alone tell the offsets, so a
// log can be read after its writer is gone.
type taskLog struct {
	path string // of the segment with base 0
	half int64  // bytes of a segment

	mu      sync.Mutex // guards what follows
	file    *os.File
	base    int64
	size    int64 // of the current segment
	written int64 // bytes taken, kept or not
	broken  error // the disk refused: what comes is dropped
}

func logPath(dir string, key wire.TaskKey) string {
	return filepath.Join(dir, string(key.Job), fmt.Sprintf("%d-%d.log", key.Epoch, key.Task))
}

func createLog(path string, keep int64) (*taskLog, error) {
	if keep <= 0 {
		keep = defaultLogMax
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("log folder: %w", err)
	}
	l := &taskLog{path: path, half: max(keep/2, 1)}
	return l, l.open()
}

func (l *taskLog) open() error {
	f, err := os.OpenFile(segmentName(l.path, l.base), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	l.file, l.size = f, 0
	return nil
}

// Write takes all of p, always: a full disk must not stop the task. The error is
// kept for close.
func (l *taskLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written += int64(len(p))
	for rest := p; len(rest) > 0 && l.broken == nil; {
		n := int(min(int64(len(rest)), l.half-l.size))
		if n == 0 {
			l.broken = l.rotate()
			continue
		}
		if _, err := l.file.Write(rest[:n]); err != nil {
			l.broken = fmt.Errorf("log: %w", err)
		}
		l.size += int64(n)
		rest = rest[n:]
	}
	return len(p), nil
}

// rotate begins a new segment and keeps only the one before it.
func (l *taskLog) rotate() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	last := l.base
	l.base += l.size
	for _, s := range segments(l.path) {
		if s.base < last {
			_ = os.Remove(s.path) // a segment too many does no harm
		}
	}
	return l.open()
}

// close ends the log and returns what went wrong on the way, if anything did.
func (l *taskLog) close() (written int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written, errors.Join(l.broken, l.file.Close())
}

type segment struct {
	path string
	base int64
	size int64
}

func segmentName(path string, base int64) string {
	if base == 0 {
		return path
	}
	return path + "." + strconv.FormatInt(base, 10)
}

// segments returns what is kept of the log at path, in order; none if there is
// no such log.
func segments(path string) []segment {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil
	}
	var out []segment
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), filepath.Base(path))
		if !ok {
			continue
		}
		var base int64
		if rest != "" {
			if base, err = strconv.ParseInt(strings.TrimPrefix(rest, "."), 10, 64); err != nil {
				continue
			}
		}
		if info, err := e.Info(); err == nil {
			out = append(out, segment{filepath.Join(filepath.Dir(path), e.Name()), base, info.Size()})
		}
	}
	slices.SortFunc(out, func(a, b segment) int { return cmp.Compare(a.base, b.base) })
	return out
}

// readLog returns at most limit bytes of the log at path from offset on, and the
// offset of the first, which is larger where rotation dropped some. It returns
// fs.ErrNotExist where there is no such log.
func readLog(path string, offset int64, limit int) ([]byte, int64, error) {
	segs := segments(path)
	if len(segs) == 0 {
		return nil, 0, fmt.Errorf("log %s: %w", filepath.Base(path), fs.ErrNotExist)
	}
	offset = max(offset, segs[0].base)
	for _, s := range segs {
		if offset >= s.base+s.size {
			continue
		}
		buf := make([]byte, min(int64(limit), s.base+s.size-offset))
		n, err := readAt(s.path, buf, offset-s.base)
		return buf[:n], offset, err
	}
	return nil, offset, nil
}

func readAt(path string, buf []byte, offset int64) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("log: %w", err)
	}
	n, err := f.ReadAt(buf, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, errors.Join(err, f.Close())
}

// tailLog returns at most the last limit bytes of the log at path.
func tailLog(path string, limit int) []byte {
	segs := segments(path)
	if len(segs) == 0 {
		return nil
	}
	last := segs[len(segs)-1]
	offset := max(last.base+last.size-int64(limit), 0)
	var out []byte
	for len(out) < limit {
		b, at, err := readLog(path, offset, limit-len(out))
		if err != nil || len(b) == 0 {
			break
		}
		out, offset = append(out, b...), at+int64(len(b))
	}
	return out
}
