package pack

import (
	"encoding/binary"
	"fmt"
)

// Scan checks that b is exactly one msgpack value, that every length fits the
// bytes that are there, and that nothing nests deeper than MaxDepth. It
// allocates nothing and takes time linear in len(b).
func Scan(b []byte) error { return new(scanner).whole(b) }

// scanner walks encoded values.
type scanner struct {
	extensions bool // one was seen: its payload was not looked into
}

// whole is Scan.
func (s *scanner) whole(b []byte) error {
	rest, err := s.scan(b, 0)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: %d bytes after the value", ErrMalformed, len(rest))
	}
	return nil
}

// scan returns what follows the value at the front of b.
func scan(b []byte) ([]byte, error) { return new(scanner).scan(b, 0) }

func (s *scanner) scan(b []byte, depth int) ([]byte, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: truncated", ErrMalformed)
	}
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: nested deeper than %d", ErrMalformed, MaxDepth)
	}
	c := b[0]
	switch {
	case c <= 0x7f || c >= 0xe0: // fixint
		return b[1:], nil
	case c <= 0x8f: // fixmap
		return s.items(b[1:], 2*int64(c&0x0f), depth)
	case c <= 0x9f: // fixarray
		return s.items(b[1:], int64(c&0x0f), depth)
	case c <= 0xbf: // fixstr
		return skip(b[1:], int64(c&0x1f))
	}
	return s.tagged(b, depth)
}

// fixedWidth gives the payload bytes of the tags 0xca…0xd8 that carry no length.
var fixedWidth = map[byte]int64{
	0xca: 4, 0xcb: 8, 0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, 0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8,
	0xd4: 2, 0xd5: 3, 0xd6: 5, 0xd7: 9, 0xd8: 17,
}

func (s *scanner) tagged(b []byte, depth int) ([]byte, error) {
	c := b[0]
	s.extensions = s.extensions || c >= 0xc7 && c <= 0xc9 || c >= 0xd4 && c <= 0xd8
	switch c {
	case 0xc0, 0xc2, 0xc3: // nil, false, true
		return b[1:], nil
	case 0xc4, 0xd9: // bin8, str8
		return sized(b[1:], 1, 0)
	case 0xc5, 0xda:
		return sized(b[1:], 2, 0)
	case 0xc6, 0xdb:
		return sized(b[1:], 4, 0)
	case 0xc7: // ext8: length, then a type byte
		return sized(b[1:], 1, 1)
	case 0xc8:
		return sized(b[1:], 2, 1)
	case 0xc9:
		return sized(b[1:], 4, 1)
	case 0xdc, 0xde: // array16, map16
		return s.counted(b, 2, depth)
	case 0xdd, 0xdf:
		return s.counted(b, 4, depth)
	}
	if n, ok := fixedWidth[c]; ok {
		return skip(b[1:], n)
	}
	return nil, fmt.Errorf("%w: tag %#02x", ErrMalformed, c)
}

func length(b []byte, width int) (int64, []byte, error) {
	if len(b) < width {
		return 0, nil, fmt.Errorf("%w: truncated", ErrMalformed)
	}
	switch width {
	case 1:
		return int64(b[0]), b[1:], nil
	case 2:
		return int64(binary.BigEndian.Uint16(b)), b[2:], nil
	default:
		return int64(binary.BigEndian.Uint32(b)), b[4:], nil
	}
}

func sized(b []byte, width int, extra int64) ([]byte, error) {
	n, b, err := length(b, width)
	if err != nil {
		return nil, err
	}
	return skip(b, n+extra)
}

func (s *scanner) counted(b []byte, width, depth int) ([]byte, error) {
	n, rest, err := length(b[1:], width)
	if err != nil {
		return nil, err
	}
	if b[0] == 0xde || b[0] == 0xdf {
		n *= 2
	}
	return s.items(rest, n, depth)
}

func (s *scanner) items(b []byte, n int64, depth int) ([]byte, error) {
	if n > int64(len(b)) { // every item takes a byte at least
		return nil, fmt.Errorf("%w: %d items in %d bytes", ErrMalformed, n, len(b))
	}
	var err error
	for range n {
		if b, err = s.scan(b, depth+1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func skip(b []byte, n int64) ([]byte, error) {
	if n > int64(len(b)) {
		return nil, fmt.Errorf("%w: %d bytes of %d", ErrMalformed, n, len(b))
	}
	return b[n:], nil
}

// shape is what the decoder makes of a value.
type shape uint8

const (
	shapeOther shape = iota // a number or a bool
	shapeNil
	shapeBytes // string or binary
	shapeArray
	shapeMap
	shapeExt
)

// head is the front of a scanned value.
type head struct {
	shape shape
	n     int64  // items of an array, pairs of a map
	rest  []byte // what follows the tag and the length
}

// readHead reads the tag and the length of the value at the front of b, which
// has passed Scan.
func readHead(b []byte) head {
	c, rest := b[0], b[1:]
	switch {
	case c <= 0x7f || c >= 0xe0:
		return head{rest: rest}
	case c <= 0x8f:
		return head{shapeMap, int64(c & 0x0f), rest}
	case c <= 0x9f:
		return head{shapeArray, int64(c & 0x0f), rest}
	case c <= 0xbf:
		return head{shapeBytes, 0, rest}
	case c == 0xc0:
		return head{shape: shapeNil, rest: rest}
	case c >= 0xc4 && c <= 0xc6: // bin8, bin16, bin32
		return head{shapeBytes, 0, rest[1<<(c-0xc4):]}
	case c >= 0xd9 && c <= 0xdb: // str8, str16, str32
		return head{shapeBytes, 0, rest[1<<(c-0xd9):]}
	case c >= 0xc7 && c <= 0xc9 || c >= 0xd4 && c <= 0xd8:
		return head{shape: shapeExt, rest: rest}
	case c >= 0xdc && c <= 0xdf:
		n, rest, _ := length(rest, 2<<(c&1))
		if c >= 0xde {
			return head{shapeMap, n, rest}
		}
		return head{shapeArray, n, rest}
	}
	return head{rest: rest}
}
