package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
)

// MaxLine is the longest line, in bytes with its end, that Records reads.
const MaxLine = 64 << 20

// bufferSize is what a Records reads at once: it stays in the second-level cache
// between the kernel's copy and the parser. Measured at 17 GB/s with a scan of
// every byte, mapped files at 25: a parser does 1, so that mapping would win 2 %,
// for resident memory and a SIGBUS when a file shrinks.
const bufferSize = 256 << 10

// Records reads the lines of a split in order, across the files it covers. It is
// for one goroutine. After an error every call returns that error until Seek or
// Rewind. The end of a line is \n or \r\n, or the end of its file.
type Records struct {
	open   func(file int, offset int64) (io.ReadCloser, error)
	url    string
	in     input
	lo, hi int64 // the split, in the concatenation
	first  int   // files [first,last) have lines of the split
	last   int

	src   io.ReadCloser // the open file; nil: none
	file  int           // its index; last after the end
	limit int64         // lines that start before this offset of the file are ours
	at    int64         // offset in the file of buf[begin], always a line start
	buf   []byte        // buf[begin:end] is read and not taken
	begin int
	end   int
	eof   bool // the file has no byte after buf[end]
	err   error

	shown Position // where the line or block returned last starts
}

// Position is where the next line of a Records starts. Pos makes it; it may be
// stored and used with another Records of the same split.
type Position struct {
	File   int   // index among the input's non-empty files
	Offset int64 // byte of the file, after decompression
}

// OpenRecords opens the lines of a split. Files named .gz and .zst are
// decompressed. ctx bounds the opening of later files too. An input that is no
// longer the one that the split was made from is an error.
func OpenRecords(ctx context.Context, s Split) (*Records, error) {
	in, err := listInput(ctx, s.URL)
	if err != nil {
		return nil, err
	}
	if s.Size != 0 && s.Size != in.size {
		return nil, fmt.Errorf("input %s %w: it had %d bytes and has %d", Display(s.URL), ErrChanged, s.Size, in.size)
	}
	if s.Listing != 0 && s.Listing != in.listing || s.Times != 0 && s.Times != in.times {
		return nil, fmt.Errorf("input %s %w: a file in it was written or replaced", Display(s.URL), ErrChanged)
	}
	if s.Offset < 0 || s.Len < 0 || s.Offset > in.size || s.Len > in.size-s.Offset {
		return nil, fmt.Errorf("split [%d,+%d) is outside of %s with %d bytes", s.Offset, s.Len, Display(s.URL), in.size)
	}
	r := &Records{url: s.URL, in: in, lo: s.Offset, hi: s.Offset + s.Len}
	r.open = func(file int, offset int64) (io.ReadCloser, error) { return in.open(ctx, file, offset) }
	for r.first < len(in.files) && !r.reaches(r.first) {
		r.first++
	}
	for r.last = r.first; r.last < len(in.files) && in.base[r.last] < r.hi; {
		r.last++
	}
	if err := r.Rewind(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// reaches reports whether a file may have lines at or after the split's start.
func (r *Records) reaches(file int) bool {
	if r.in.base[file] >= r.lo {
		return true
	}
	return r.in.base[file]+r.in.files[file].Size > r.lo && !compressed(r.in.files[file].Name)
}

// Next returns the next line without its end; it is valid until the next call.
// ok is false after the last line.
func (r *Records) Next() (line []byte, ok bool, err error) {
	if r.at < r.limit {
		if i := bytes.IndexByte(r.buf[r.begin:r.end], '\n'); i >= 0 {
			return trimEnd(r.take(i + 1)), true, nil
		}
	}
	ok, err = r.ensure(1)
	if !ok || err != nil {
		return nil, false, err
	}
	n, err := r.lineEnd(0)
	if err != nil {
		return nil, false, err
	}
	return trimEnd(r.take(n)), true, nil
}

// Block returns the next whole lines at once, with their ends, for fast parsers:
// about size bytes, at least one line. Only the last line of a file may lack its
// end. A block never spans files. It is valid until the next call; BlockWhere
// locates a byte of it. ok is false after the last line.
func (r *Records) Block(size int) (block []byte, ok bool, err error) {
	size = min(max(size, 1), MaxLine)
	ok, err = r.ensure(size)
	if !ok || err != nil {
		return nil, false, err
	}
	size = min(size, r.end-r.begin)
	from := size
	if rest := r.limit - r.at; rest <= int64(size) {
		from = int(rest) - 1 // up to the end of the line that has the last byte of ours
	} else if i := bytes.LastIndexByte(r.buf[r.begin:r.begin+size], '\n'); i >= 0 {
		return r.take(i + 1), true, nil
	}
	n, err := r.lineEnd(from)
	if err != nil {
		return nil, false, err
	}
	return r.take(n), true, nil
}

// InputSize returns the bytes of the whole input as it lies on storage, of which the
// split is a part.
func (r *Records) InputSize() int64 { return r.in.size }

// Pos returns where the next line starts.
func (r *Records) Pos() Position { return Position{r.file, r.at} }

// Seek goes to a position of this split that Pos returned, before or after a
// restart. In a compressed file it decompresses up to there.
func (r *Records) Seek(p Position) error {
	if p.File < r.first || p.File > r.last || p.Offset < 0 {
		return fmt.Errorf("position %d:%d is outside of the split of %s", p.File, p.Offset, Display(r.url))
	}
	if p.File < r.last && !compressed(r.in.files[p.File].Name) && p.Offset > r.in.files[p.File].Size {
		return fmt.Errorf("position %d:%d is after the end of %s", p.File, p.Offset, Display(r.in.files[p.File].Name))
	}
	r.shown = p
	r.fail(r.begins(p.File, p.Offset))
	return r.err
}

// Rewind goes back to the first line of the split.
func (r *Records) Rewind() error {
	if r.first == r.last {
		return r.Seek(Position{File: r.first})
	}
	lo := r.lo - r.in.base[r.first]
	if lo <= 0 {
		return r.Seek(Position{File: r.first})
	}
	// The first line of ours starts after the first line end from byte lo-1 on.
	if err := r.Seek(Position{File: r.first, Offset: lo - 1}); err != nil {
		return err
	}
	r.fail(r.skipLine())
	r.shown = r.Pos()
	return r.err
}

// Close closes the open file.
func (r *Records) Close() error {
	err := r.closeFile()
	r.err = errors.New("records are closed")
	return err
}

// take returns the next n bytes of the buffer and steps over them.
func (r *Records) take(n int) []byte {
	r.shown = Position{r.file, r.at}
	b := r.buf[r.begin : r.begin+n : r.begin+n]
	r.begin += n
	r.at += int64(n)
	return b
}

func trimEnd(line []byte) []byte {
	n := len(line)
	if n > 0 && line[n-1] == '\n' {
		n--
		if n > 0 && line[n-1] == '\r' {
			n--
		}
	}
	return line[:n]
}

// ensure makes at least one byte of a line of ours ready, and want bytes unless
// the file ends before; it goes on to the next file. ok is false at the end.
func (r *Records) ensure(want int) (ok bool, err error) {
	for r.err == nil && r.file < r.last {
		if r.at < r.limit {
			if err := r.fill(want); err != nil {
				return false, err
			}
			if r.begin < r.end {
				return true, nil
			}
		}
		r.fail(r.begins(r.file+1, 0))
	}
	return false, r.err
}

// lineEnd returns the length from buf[begin] to the first line end at or after
// from, its end included, or to the end of the file.
func (r *Records) lineEnd(from int) (int, error) {
	for {
		if i := bytes.IndexByte(r.buf[r.begin+from:r.end], '\n'); i >= 0 {
			return from + i + 1, nil
		}
		from = r.end - r.begin
		if r.eof {
			return from, nil
		}
		if from >= MaxLine {
			r.shown = r.Pos()
			r.fail(fmt.Errorf("%s: %w: a line of more than %d MiB", r.Where(), ErrMalformed, MaxLine>>20))
			return 0, r.err
		}
		if err := r.fill(from + 1); err != nil {
			return 0, err
		}
	}
}

// skipLine drops everything up to the next line end, or to the split's end.
func (r *Records) skipLine() error {
	for r.at < r.limit {
		if err := r.fill(1); err != nil {
			return err
		}
		i := bytes.IndexByte(r.buf[r.begin:r.end], '\n')
		if i >= 0 {
			r.take(i + 1)
			return nil
		}
		r.take(r.end - r.begin)
		if r.eof {
			return nil
		}
	}
	return nil
}

// fill reads until buf[begin:end] has want bytes or the file ends.
func (r *Records) fill(want int) error {
	if r.err != nil || r.end-r.begin >= want || r.eof {
		return r.err
	}
	if r.begin > 0 {
		r.end = copy(r.buf, r.buf[r.begin:r.end])
		r.begin = 0
	}
	if want > len(r.buf) {
		grown := make([]byte, max(want, min(2*len(r.buf), MaxLine), bufferSize))
		copy(grown, r.buf[:r.end])
		r.buf = grown
	}
	for r.end < want && !r.eof {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		got := r.at + int64(r.end)
		f := r.in.files[r.file]
		switch {
		case err == nil && (compressed(f.Name) || got < f.Size):
		case (err == nil || errors.Is(err, io.EOF)) && (compressed(f.Name) || got == f.Size):
			r.eof = true
		case errors.Is(err, io.EOF):
			r.fail(fmt.Errorf("%s %w: it ended at byte %d of %d", Display(f.Name), ErrChanged, got, f.Size))
			return r.err
		default:
			r.fail(readError(f.Name, fmt.Sprintf("after byte %d", got), err))
			return r.err
		}
	}
	return nil
}

// begins opens a file at an offset; the index last is the end.
func (r *Records) begins(file int, offset int64) error {
	r.err = nil
	if err := r.closeFile(); err != nil {
		return err
	}
	r.file, r.at, r.limit, r.eof = file, offset, 0, false
	if file == r.last {
		return nil
	}
	src, err := r.open(file, offset)
	if err != nil {
		return err
	}
	r.src, r.limit = src, math.MaxInt64
	if f := r.in.files[file]; !compressed(f.Name) {
		r.limit = min(f.Size, r.hi-r.in.base[file])
	}
	return nil
}

func (r *Records) closeFile() error {
	r.begin, r.end, r.limit = 0, 0, 0
	if r.src == nil {
		return nil
	}
	err := r.src.Close()
	r.src = nil
	return err
}

// fail keeps an error for all later calls.
func (r *Records) fail(err error) {
	if err != nil {
		r.err, r.limit = err, 0
	}
}
