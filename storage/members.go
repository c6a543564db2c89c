package storage

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// members reads the members of a .gz one after the other. gzip.Reader can do that by
// itself, but takes a member that is cut short in the name or the comment of its header
// for the end of the file.
type members struct {
	*gzip.Reader
	raw *bufio.Reader
}

// newMembers reads the first header.
func newMembers(r io.Reader) (members, error) {
	m := members{&gzip.Reader{}, bufio.NewReaderSize(r, bufferSize)}
	return m, m.begin()
}

func (m members) Read(b []byte) (int, error) {
	for {
		n, err := m.Reader.Read(b)
		if n > 0 && errors.Is(err, io.EOF) {
			err = nil // it is told again
		}
		if n > 0 || !errors.Is(err, io.EOF) {
			return n, err
		}
		if _, err := m.raw.Peek(1); err != nil {
			return 0, err
		}
		if err := m.begin(); err != nil {
			return 0, err
		}
	}
}

// begin reads the header of a member that is there. What is too short for one is cut off
// only if it begins as one.
func (m members) begin() error {
	const magic = "\x1f\x8b"
	if head, _ := m.raw.Peek(len(magic)); !strings.HasPrefix(magic, string(head)) {
		return gzip.ErrHeader
	}
	err := m.Reset(m.raw)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	m.Multistream(false)
	return err
}
