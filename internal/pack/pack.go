// Package pack encodes and decodes control messages as msgpack, safely for bytes
// from outside: a message has a size limit, and its structure is scanned before
// the decoder sees it, since msgpack v5 allocates what a length claims and
// recurses as deep as arrays nest.
package pack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"

	"github.com/vmihailenco/msgpack/v5"
)

// ErrMalformed is wrapped by every error about bytes that are no valid message.
var ErrMalformed = errors.New("malformed message")

// Limits on one encoded message.
const (
	MaxOrders = 16 << 20 // bytes of a groom's orders or report, and of a message between it and a task
	MaxDepth  = 32       // nested arrays and maps
)

// Marshal encodes v. Struct fields travel by name, so that versions can differ.
// Equal values have equal bytes: maps are written in the order of their encoded
// keys. What nests deeper than MaxDepth, and so could not be decoded, is refused.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := msgpack.NewEncoder(&b)
	enc.UseCompactInts(true)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	if err := sortMaps(b.Bytes(), reflect.TypeOf(v)); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	if err := Scan(b.Bytes()); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return b.Bytes(), nil
}

// Unmarshal decodes a control message. It scans b, and refuses what would take
// more than some 8 times its size in memory; such a message was not made by
// Marshal of one of our types. Errors wrap ErrMalformed.
func Unmarshal(b []byte, v any) error {
	if err := Scan(b); err != nil {
		return err
	}
	if err := checkBudget(b, v, budgetFactor*int64(len(b))+budgetFree); err != nil {
		return err
	}
	return decode(b, v)
}

// UnmarshalData decodes what a program made of its own types, which may leave
// out whatever it likes: Unmarshal without the limit on memory. For bytes that
// come from the same job only. Errors wrap ErrMalformed.
func UnmarshalData(b []byte, v any) error {
	var s scanner
	if err := s.whole(b); err != nil {
		return err
	}
	if s.extensions { // in place of a map their payload would be decoded, as deep as it likes
		if err := checkBudget(b, v, math.MaxInt64); err != nil {
			return err
		}
	}
	return decode(b, v)
}

func decode(b []byte, v any) (err error) {
	defer func() { // the decoder panics on some bytes: a map as the key of a map
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: decode %T: %v", ErrMalformed, v, p)
		}
	}()
	if err := msgpack.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: decode %T: %w", ErrMalformed, v, err)
	}
	return nil
}

// WriteFrame writes v behind a 4-byte big-endian length with one Write.
func WriteFrame(w io.Writer, v any) error {
	b, err := Marshal(v)
	if err != nil {
		return err
	}
	if len(b) > MaxOrders {
		return fmt.Errorf("message %T of %d bytes is over the limit of %d", v, len(b), MaxOrders)
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b)))
	_, err = w.Write(append(frame, b...))
	return err
}

// ReadFrame reads one message of at most limit bytes into v. It returns io.EOF
// only at a clean end between messages.
func ReadFrame(r io.Reader, limit int, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if int64(n) > int64(limit) {
		return fmt.Errorf("%w: length %d over the limit of %d", ErrMalformed, n, limit)
	}
	b, err := readBody(r, int(n))
	if err != nil {
		return err
	}
	return Unmarshal(b, v)
}

// readBody grows with what arrives, not with what the length claims, and never
// past n.
func readBody(r io.Reader, n int) ([]byte, error) {
	const trusted = 64 << 10
	b := make([]byte, min(n, trusted))
	for have := 0; ; {
		if _, err := io.ReadFull(r, b[have:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if have = len(b); have == n {
			return b, nil
		}
		b = append(make([]byte, 0, min(n, 2*have)), b...)
		b = b[:cap(b)]
	}
}
