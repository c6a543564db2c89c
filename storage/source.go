package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/klauspost/compress/zstd"
)

// maxWindow is the largest zstd window accepted: what zstd --long=27 writes.
const maxWindow = 128 << 20

// open opens one file of the input at an offset of its bytes after decompression.
func (in input) open(ctx context.Context, file int, offset int64) (io.ReadCloser, error) {
	f := in.files[file]
	raw, err := in.fs.Open(ctx, f.Name)
	if err != nil {
		return nil, fmt.Errorf("input: %w", err)
	}
	if raw.Size() != f.Size {
		err = fmt.Errorf("input %s %w: it had %d bytes and has %d", Display(f.Name), ErrChanged, f.Size, raw.Size())
		return nil, errors.Join(err, raw.Close())
	}
	if !compressed(f.Name) {
		return reader{io.NewSectionReader(raw, offset, f.Size-offset), raw.Close}, nil
	}
	d, err := decompress(f.Name, io.NewSectionReader(raw, 0, f.Size))
	if err != nil {
		err = readError(f.Name, "at its start", err)
		return nil, errors.Join(err, raw.Close())
	}
	src := reader{d, func() error {
		_ = d.Close() // its error is the one that reading has told
		return raw.Close()
	}}
	if _, err := io.CopyN(io.Discard, d, offset); err != nil {
		err = readError(f.Name, fmt.Sprintf("on the way to byte %d", offset), err)
		return nil, errors.Join(err, src.Close())
	}
	return src, nil
}

func decompress(name string, r io.Reader) (io.ReadCloser, error) {
	if strings.HasSuffix(name, ".gz") {
		return newMembers(r)
	}
	// One goroutine, ours: tasks already use every core.
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

var errCut = errors.New("the file is cut short")

// readError tells input that is no archive from a disk that does not give it.
func readError(name, where string, err error) error {
	if _, ok := errors.AsType[syscall.Errno](err); ok || !compressed(name) {
		return fmt.Errorf("read %s %s: %w", Display(name), where, err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errCut
	}
	return fmt.Errorf("%s: %w %s: %w", Display(name), ErrMalformed, where, err)
}

// reader is a Reader with all that is to be closed behind it.
type reader struct {
	io.Reader
	close func() error
}

func (r reader) Close() error { return r.close() }

// Where locates the line that Next returned last: "FILE:LINE (byte N)", with the
// line counted from 1 and its first byte from 0 in the file after decompression.
// It reads the file from its start: for error messages only.
func (r *Records) Where() string { return r.where(r.shown) }

// BlockWhere locates byte off of the block that Block returned last, as Where.
func (r *Records) BlockWhere(off int) string {
	return r.where(Position{r.shown.File, r.shown.Offset + int64(off)})
}

// Head returns the first bytes, up to n, of the file that the block that Block returned last is of, and where they are: for error messages
// only, since it opens the file once more.
func (r *Records) Head(n int) (head []byte, where string) {
	where = r.where(Position{r.shown.File, 0})
	if r.shown.File >= len(r.in.files) {
		return nil, where
	}
	src, err := r.open(r.shown.File, 0)
	if err != nil {
		return nil, where
	}
	head = make([]byte, n)
	n, _ = io.ReadFull(src, head)
	_ = src.Close() // what was read is all that is wanted
	return head[:n], where
}

func (r *Records) where(p Position) string {
	if p.File >= len(r.in.files) {
		return Display(r.url)
	}
	name := Display(r.in.files[p.File].Name)
	lines, err := r.countLines(p)
	if err != nil {
		return fmt.Sprintf("%s (byte %d)", name, p.Offset)
	}
	return fmt.Sprintf("%s:%d (byte %d)", name, lines+1, p.Offset)
}

func (r *Records) countLines(p Position) (lines int, err error) {
	src, err := r.open(p.File, 0)
	if err != nil {
		return 0, err
	}
	counter := lineCounter{}
	_, err = io.CopyBuffer(&counter, io.LimitReader(src, p.Offset), make([]byte, bufferSize))
	return counter.lines, errors.Join(err, src.Close())
}

type lineCounter struct{ lines int }

func (c *lineCounter) Write(b []byte) (int, error) {
	c.lines += bytes.Count(b, []byte{'\n'})
	return len(b), nil
}
