package rpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrProtocol is wrapped by the end of a link whose peer sent what is no frame
// of this protocol, or broke a limit.
var ErrProtocol = errors.New("rpc protocol error")

// kind is what a frame is.
type kind uint8

const (
	call   kind = iota + 1 // body: the request
	reply                  // body: the answer to the call of this id
	fault                  // body: the error line for the call of this id
	cancel                 // the caller of this id no longer waits; no body
)

// headerSize: magic 4, kind 1, reserved 1, method 2, id 8, body length 4.
const headerSize = 20

// magic begins every frame; the last byte is the version.
var magic = [4]byte{'b', 'r', 'p', 1}

// maxFault bounds an error line.
const maxFault = 4 << 10

type frame struct {
	kind   kind
	method uint16
	id     uint64
	body   []byte
}

// result is what a Call returns for its answer.
func (f frame) result() ([]byte, error) {
	if f.kind == fault {
		return nil, &RemoteError{string(f.body)}
	}
	return f.body, nil
}

func appendHeader(b []byte, f frame) []byte {
	b = append(b, magic[:]...)
	b = append(b, byte(f.kind), 0)
	b = binary.BigEndian.AppendUint16(b, f.method)
	b = binary.BigEndian.AppendUint64(b, f.id)
	return binary.BigEndian.AppendUint32(b, uint32(len(f.body)))
}

// readFrame reads one frame with a body of at most maxBody bytes. io.EOF is a
// clean end between frames.
func readFrame(r io.Reader, maxBody int) (frame, error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return frame{}, err
	}
	f := frame{
		kind:   kind(h[4]),
		method: binary.BigEndian.Uint16(h[6:]),
		id:     binary.BigEndian.Uint64(h[8:]),
	}
	n := binary.BigEndian.Uint32(h[16:])
	limit := maxBody
	switch {
	case [4]byte(h[:4]) != magic:
		return frame{}, fmt.Errorf("%w: not an rpc frame of version %d: % x", ErrProtocol, magic[3], h[:4])
	case f.kind < call || f.kind > cancel || h[5] != 0:
		return frame{}, fmt.Errorf("%w: frame of kind %d, flags %d", ErrProtocol, h[4], h[5])
	case f.kind == cancel:
		limit = 0
	case f.kind == fault:
		limit = maxFault
	}
	if int64(n) > int64(limit) {
		return frame{}, fmt.Errorf("%w: body of %d bytes, the limit is %d", ErrProtocol, n, limit)
	}
	body, err := readBody(r, int(n))
	f.body = body
	return f, err
}

// readBody grows with what arrives, not with what the length claims, and never
// past n.
func readBody(r io.Reader, n int) ([]byte, error) {
	const trusted = 64 << 10
	b := make([]byte, min(n, trusted))
	for have := 0; ; {
		if _, err := io.ReadFull(r, b[have:]); err != nil {
			return nil, noEOF(err)
		}
		if have = len(b); have == n {
			return b, nil
		}
		b = append(make([]byte, 0, min(n, 2*have)), b...)
		b = b[:cap(b)]
	}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
