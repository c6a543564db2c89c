package superstep

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// A SpillError says that messages beyond the memory budget could not be kept on the
// local disk. It ends the group.
type SpillError struct {
	Dir string // where they were to be kept
	Err error
}

// Error names the folder, and what to do.
func (e *SpillError) Error() string {
	return fmt.Sprintf("spill messages to %s: %v", e.Dir, e.Err)
}

// Unwrap returns the cause.
func (e *SpillError) Unwrap() error { return e.Err }

// buffers keep the chunks of inboxes and queues: in memory up to a budget, what is
// more on the local disk. Spilled chunks of one superstep go into one file; there
// are two, by parity, since a task is at most one superstep ahead. Files have no
// name: the kernel removes them with the process, however it ends.
type buffers struct {
	pool   pool
	dir    string
	budget int64 // bytes in memory; 0: no limit
	limit  int64 // bytes on disk in one superstep; 0: no limit
	held   atomic.Int64
	spills atomic.Int64 // bytes written to disk in all
	files  [2]spillFile
}

// hold takes a chunk that is about to wait in an inbox or a queue during a
// superstep. It returns the chunk to keep instead: the same one, or a stub whose
// payload is on disk. It may wait for the disk, never for a peer.
func (s *buffers) hold(superstep int, c *chunk) (*chunk, error) {
	if c == nil || c.ext != nil { // memory that is not ours, and there either way
		return c, nil
	}
	size := int64(len(c.buf))
	if held := s.held.Add(size); s.budget == 0 || held <= s.budget {
		return c, nil
	}
	s.held.Add(-size)
	return s.spill(superstep, c)
}

// spill writes a chunk to the file of its superstep.
func (s *buffers) spill(superstep int, c *chunk) (*chunk, error) {
	f := &s.files[superstep&1]
	payload := c.payload()
	at, err := f.write(s.dir, s.limit, payload)
	if err != nil {
		return nil, &SpillError{Dir: s.dir, Err: err}
	}
	s.spills.Add(int64(len(payload)))
	stub := &chunk{n: c.n, count: c.count, kind: c.kind, flags: c.flags, class: -1, file: f, at: at, sum: checksum(payload)}
	s.pool.put(c)
	return stub, nil
}

// release ends what hold began.
func (s *buffers) release(c *chunk) {
	switch {
	case c == nil || c.ext != nil:
	case c.file != nil:
		c.file.free(c.n)
	default:
		s.held.Add(-int64(len(c.buf)))
		s.pool.put(c)
	}
}

// load returns the payload of a held chunk. What is on disk is read into a chunk
// of the pool, which the caller gives back by unload.
func (s *buffers) load(c *chunk) (*chunk, error) {
	if c.file == nil {
		return c, nil
	}
	whole := s.pool.get(c.n)
	whole.n, whole.count, whole.kind, whole.flags = c.n, c.count, c.kind, c.flags
	err := c.file.read(whole.payload(), c.at)
	if err == nil && checksum(whole.payload()) != c.sum {
		err = errors.New("what was written is not what is read: the disk or the memory is faulty")
	}
	if err != nil {
		s.pool.put(whole)
		return nil, &SpillError{Dir: s.dir, Err: err}
	}
	return whole, nil
}

// unload gives back what load returned for c.
func (s *buffers) unload(c, loaded *chunk) {
	if loaded != c {
		s.pool.put(loaded)
	}
}

// close removes the files.
func (s *buffers) close() {
	for i := range s.files {
		s.files[i].close()
	}
}

// spillFile is a file without a name. Space is given out by its end and is free
// again when all of it is: at the end of a superstep.
type spillFile struct {
	mu   sync.Mutex // guards the fields below; not held while payload is written or read
	f    *os.File   // nil: not made yet
	end  int64
	live int64 // bytes that are not free
}

// take reserves n bytes.
func (s *spillFile) take(dir string, limit, n int64) (*os.File, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.f == nil {
		f, err := os.CreateTemp(dir, "spill-")
		if err != nil {
			return nil, 0, err
		}
		if err := os.Remove(f.Name()); err != nil {
			return nil, 0, errors.Join(err, f.Close())
		}
		s.f = f
	}
	if limit > 0 && s.end+n > limit {
		return nil, 0, ErrSpillLimit
	}
	at := s.end
	s.end += n
	s.live += n
	return s.f, at, nil
}

func (s *spillFile) write(dir string, limit int64, b []byte) (int64, error) {
	f, at, err := s.take(dir, limit, int64(len(b)))
	if err != nil {
		return 0, err
	}
	if _, err := f.WriteAt(b, at); err != nil {
		return 0, err
	}
	return at, nil
}

func (s *spillFile) read(b []byte, at int64) error {
	s.mu.Lock()
	f := s.f
	s.mu.Unlock()
	if f == nil {
		return os.ErrClosed
	}
	_, err := f.ReadAt(b, at)
	return err
}

// free gives n bytes back. The last ones empty the file: the disk has its space
// again before the next superstep but one.
func (s *spillFile) free(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live -= int64(n); s.live == 0 && s.f != nil {
		_ = s.f.Truncate(0) // else the space is used again
		s.end = 0
	}
}

func (s *spillFile) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.f != nil {
		_ = s.f.Close() // nothing of it is wanted any more
		s.f = nil
	}
}
