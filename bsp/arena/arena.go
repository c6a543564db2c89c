// Package arena gives the peers of a task memory for what is large, such as the edges of
// a graph: from the heap up to a budget, and beyond it from a file on the local disk that
// is mapped into memory. What does not fit the memory is slow then, and the task lives.
package arena

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An Arena is the memory of one task, for all of its peers; it may be used by several
// goroutines. Its file has no name: the kernel removes it with the process, however that
// ends. What it gives is valid until Close, and is not to be appended to.
//
// A disk that fails while mapped memory is read kills the process, as a fault of the
// memory does.
type Arena struct {
	dir    string
	budget int64
	held   atomic.Int64 // bytes on the heap
	spills atomic.Int64 // bytes in the file

	mu      sync.Mutex // guards the fields below
	file    *os.File   // nil: not made yet
	end     int64      // of the file
	extents [][]byte   // mapped parts of the file
	left    []byte     // what is not yet given of the last one
}

// Bytes that are mapped at once, at least: twice as many each time. A process can have
// 65,530 mappings.
const (
	firstExtent     = 1 << 20
	extentDoublings = 7 // at most
)

// New makes an arena that holds so many bytes on the heap; the file is made in dir, "" for
// os.TempDir, if it is needed.
func New(dir string, budget int64) *Arena {
	if dir == "" {
		dir = os.TempDir()
	}
	return &Arena{dir: dir, budget: budget}
}

// An Error says that what does not fit the memory could not be kept on the local disk.
type Error struct {
	Dir string // where it was to be kept
	Err error
}

// Error names the folder.
func (e *Error) Error() string {
	return fmt.Sprintf("memory is used up, and %s takes no more: %v: free space there, set TMPDIR to a larger disk, or raise --memory", e.Dir, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Keep keeps b, whose memory was the caller's own until now, and returns it; beyond the
// budget a copy in the file, and b is the caller's again. What lies in the file already
// stays there.
func (a *Arena) Keep(b []byte) ([]byte, error) {
	if Mapped(a, b) || a.take(int64(len(b))) {
		return b, nil
	}
	kept, err := a.mapped(len(b))
	copy(kept, b)
	return kept, err
}

// Free gives back what Keep kept, or Make made, and nobody needs any more: the garbage
// collector takes it. The space of what is in the file is not used again.
func (a *Arena) Free(b []byte) {
	if !Mapped(a, b) {
		a.held.Add(-int64(len(b)))
	}
}

// Make returns n values of 0.
func Make[T uint8 | uint16 | uint32 | float64](a *Arena, n int) ([]T, error) {
	var zero T
	size := n * int(unsafe.Sizeof(zero))
	if n == 0 || a.take(int64(size)) {
		return make([]T, n), nil
	}
	b, err := a.mapped(size)
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n), nil // mapped memory is aligned to 64 bytes
}

// take takes bytes of the heap, if the budget has them.
func (a *Arena) take(n int64) bool {
	if a.held.Add(n) <= a.budget {
		return true
	}
	a.held.Add(-n)
	return false
}

// Fits reports whether so many bytes more fit the heap now.
func (a *Arena) Fits(n int64) bool { return a.held.Load()+n <= a.budget }

// Spilled returns how many bytes are, or were, in the file.
func (a *Arena) Spilled() int64 { return a.spills.Load() }

// Budget returns how many bytes may be on the heap.
func (a *Arena) Budget() int64 { return a.budget }

// Mapped reports whether s is memory of the file.
func Mapped[T any](a *Arena, s []T) bool {
	if a.spills.Load() == 0 || len(s) == 0 {
		return false
	}
	at := uintptr(unsafe.Pointer(unsafe.SliceData(s)))
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.extents {
		lo := uintptr(unsafe.Pointer(unsafe.SliceData(e)))
		if at >= lo && at < lo+uintptr(len(e)) {
			return true
		}
	}
	return false
}

// Ahead tells the kernel that b will be read soon, so that it reads what lies in the file in
// long runs, and not page by page when somebody waits for it. It may wait for memory, not
// for the disk.
func (a *Arena) Ahead(b []byte) {
	if a.spills.Load() == 0 || len(b) == 0 {
		return
	}
	at := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.extents {
		if lo := uintptr(unsafe.Pointer(unsafe.SliceData(e))); at >= lo && at < lo+uintptr(len(e)) {
			from := int(at-lo) &^ (os.Getpagesize() - 1)
			_ = unix.Madvise(e[from:int(at-lo)+len(b)], unix.MADV_WILLNEED) // it is read when it is used then
			return
		}
	}
}

// mapped returns n bytes of the file.
func (a *Arena) mapped(n int) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	const align = 64
	size := (n + align - 1) &^ (align - 1)
	if size > len(a.left) {
		if err := a.extend(max(size, firstExtent<<min(len(a.extents), extentDoublings))); err != nil {
			return nil, &Error{Dir: a.dir, Err: err}
		}
	}
	b := a.left[:n:n]
	a.left = a.left[size:]
	a.spills.Add(int64(n))
	return b, nil
}

// extend maps a new part of the file. Its space is reserved: memory for which the disk had
// none would kill the process when it is written. The caller holds mu.
func (a *Arena) extend(n int) error {
	if err := a.open(); err != nil {
		return err
	}
	page := os.Getpagesize()
	n = (n + page - 1) / page * page
	fd := int(a.file.Fd())
	if err := reserve(fd, a.end, int64(n)); err != nil {
		return err
	}
	if last := len(a.extents) - 1; last >= 0 {
		flush(fd, a.end-int64(len(a.extents[last])), int64(len(a.extents[last])))
	}
	b, err := unix.Mmap(fd, a.end, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map it: %w", err)
	}
	a.end += int64(n)
	a.extents, a.left = append(a.extents, b), b
	return nil
}

// open makes the file.
func (a *Arena) open() error {
	if a.file != nil {
		return nil
	}
	f, err := os.CreateTemp(a.dir, "arena-")
	if err != nil {
		return err
	}
	if err := os.Remove(f.Name()); err != nil {
		return errors.Join(err, f.Close())
	}
	a.file = f
	return nil
}

// reserve gives a part of a file space on its disk.
func reserve(fd int, at, n int64) error {
	err := unix.Fallocate(fd, 0, at, n)
	if !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	zeros := make([]byte, 1<<20)
	for n > 0 {
		wrote, err := unix.Pwrite(fd, zeros[:min(n, int64(len(zeros)))], at)
		if err != nil {
			return err
		}
		at, n = at+int64(wrote), n-int64(wrote)
	}
	return nil
}

// flush has the kernel begin to write a part that is complete, so that its memory can be
// used again when it is short.
func flush(fd int, at, n int64) {
	_ = unix.SyncFileRange(fd, at, n, unix.SYNC_FILE_RANGE_WRITE) // it is written later then
}

// Close gives all memory of the file back, which nobody may use any more.
func (a *Arena) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for _, b := range a.extents {
		errs = append(errs, unix.Munmap(b))
	}
	a.extents, a.left = nil, nil
	if a.file != nil {
		errs = append(errs, a.file.Close())
		a.file = nil
	}
	return errors.Join(errs...)
}
