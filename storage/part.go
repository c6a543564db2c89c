package storage

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// PartInfo is one file that a peer has written.
type PartInfo struct {
	Peer int
	Path string // URL
	Size int64  // bytes
	CRC  uint32 // CRC-32C of the first Size bytes
}

// PartName returns the name of a peer's part file: part-00000.
func PartName(peer int) string { return fmt.Sprintf("part-%05d", peer) }

// Part is the output file of one peer, buffered, for one goroutine. After an
// error every call returns that error.
type Part struct {
	f    *os.File
	info PartInfo
	sent int64 // bytes that are on their way to the disk
	buf  []byte
	err  error
	open bool
}

// sendBytes is how much of a part is sent to the disk at once while it is written: a sync at the
// end waits for the last of it only.
const sendBytes = 512 << 10

// CreatePart makes the folder of tmpURL if it is not there, and in it the part
// file of a peer, empty.
func CreatePart(ctx context.Context, tmpURL string, peer int) (*Part, error) {
	return createPart(ctx, tmpURL, peer, PartName(peer))
}

func createPart(ctx context.Context, tmpURL string, peer int, file string) (*Part, error) {
	name, err := partFile(ctx, tmpURL, file)
	if err != nil {
		return nil, err
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("output: %w", err)
	}
	info := PartInfo{Peer: peer, Path: fileScheme + name}
	return &Part{f: f, info: info, buf: make([]byte, 0, 64<<10), open: true}, nil
}

// ResumePart is CreatePart with the first old.Size bytes of old.Path in it
// already, checked against old.CRC: ErrCorrupt if they are not what was written, or
// are gone; ErrUnreadable if this machine cannot tell. What follows in the old file
// is dropped.
func ResumePart(ctx context.Context, tmpURL string, peer int, old PartInfo) (*Part, error) {
	from, err := path(ctx, old.Path)
	if err != nil {
		return nil, err
	}
	dir, err := path(ctx, tmpURL)
	if err != nil {
		return nil, err
	}
	if from == filepath.Join(dir, PartName(peer)) {
		return nil, fmt.Errorf("resume %s: the old part is in the same folder as the new one", from)
	}
	src, err := os.Open(from)
	if err != nil {
		return nil, fmt.Errorf("resume output: %w: %w", lost(from, err), err)
	}
	p, err := CreatePart(ctx, tmpURL, peer)
	if err != nil {
		return nil, errors.Join(err, src.Close())
	}
	err = p.resume(&contextReader{ctx, io.LimitReader(src, old.Size)}, old)
	if err != nil {
		err = fmt.Errorf("resume %s: %w", from, err)
	}
	if err = errors.Join(err, src.Close()); err != nil {
		p.open = false
		return nil, errors.Join(err, p.f.Close())
	}
	return p, nil
}

// lost says what it means that a part cannot be opened. One that is not there was
// removed, unless the folder of its folder is missing too: then this machine has not
// what the others see.
func lost(part string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Dir(filepath.Dir(part))); err == nil {
			return ErrCorrupt
		}
	}
	return ErrUnreadable
}

// resume copies what src gives and compares it with what it was.
func (p *Part) resume(src io.Reader, old PartInfo) error {
	n, err := io.CopyBuffer(onlyWriter{p}, src, make([]byte, bufferSize))
	if err == nil {
		err = p.Flush()
	}
	switch {
	case p.err != nil:
		return p.err
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	case n != old.Size:
		return fmt.Errorf("%w: %d bytes of %d", ErrCorrupt, n, old.Size)
	case p.info.CRC != old.CRC:
		return fmt.Errorf("%w: CRC-32C %08x, was written as %08x", ErrCorrupt, p.info.CRC, old.CRC)
	}
	return nil
}

// Write appends to the part.
func (p *Part) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	if len(b) > cap(p.buf)-len(p.buf) {
		if err := p.Flush(); err != nil {
			return 0, err
		}
		if len(b) >= cap(p.buf) {
			return len(b), p.write(b)
		}
	}
	p.buf = append(p.buf, b...)
	return len(b), nil
}

// Flush gives the buffered bytes to the operating system.
func (p *Part) Flush() error {
	if p.err != nil || len(p.buf) == 0 {
		return p.err
	}
	err := p.write(p.buf)
	p.buf = p.buf[:0]
	return err
}

// Sync flushes and syncs file and folder, and returns what is durable now.
func (p *Part) Sync() (size int64, crc uint32, err error) {
	if err := p.Flush(); err != nil {
		return 0, 0, err
	}
	if err := p.f.Sync(); err != nil {
		return 0, 0, p.fail(err)
	}
	if err := syncDir(filepath.Dir(p.f.Name())); err != nil {
		return 0, 0, p.fail(err)
	}
	return p.info.Size, p.info.CRC, nil
}

// Close syncs and closes the part. A second Close returns the same.
func (p *Part) Close() (size int64, crc uint32, err error) {
	if !p.open {
		return p.info.Size, p.info.CRC, p.err
	}
	p.open = false
	_, _, err = p.Sync()
	if err = errors.Join(err, p.f.Close()); err != nil {
		return 0, 0, p.fail(err)
	}
	return p.info.Size, p.info.CRC, nil
}

// Info returns the part's path with the size and CRC of what was flushed.
func (p *Part) Info() PartInfo { return p.info }

func (p *Part) write(b []byte) error {
	if _, err := p.f.Write(b); err != nil {
		return p.fail(err)
	}
	p.info.Size += int64(len(b))
	p.info.CRC = crc32.Update(p.info.CRC, castagnoli, b)
	if n := p.info.Size - p.sent; n >= sendBytes {
		send(p.f, p.sent, n)
		p.sent = p.info.Size
	}
	return nil
}

func (p *Part) fail(err error) error {
	if p.err == nil {
		p.err = fmt.Errorf("output: %w", err)
	}
	return p.err
}

// onlyWriter hides everything but Write from io.Copy.
type onlyWriter struct{ io.Writer }

// contextReader ends when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}
