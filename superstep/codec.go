package superstep

import (
	"fmt"
	"reflect"
	"sync"

	"scalar/internal/pack"

	"github.com/vmihailenco/msgpack/v5"
)

// A Codec turns messages of one type into bytes and back. It is used by many peers
// at once.
type Codec[M any] interface {
	// Append appends the encoding of ms to dst.
	Append(dst []byte, ms []M) []byte
	// Decode appends the messages of src, which Append made in one call, to dst. src
	// may be kept by nobody. It must not allocate what a length in src claims.
	Decode(dst []M, src []byte) ([]M, error)
}

// maxFixed is the widest message that is copied as memory.
const maxFixed = 32 << 10

// CodecOf returns the codec that messages of a type have unless they are given another:
// fixed says that it is FixedCodec's, else it is MsgpackCodec.
func CodecOf[M any]() (c Codec[M], fixed bool) {
	if c, fixed = FixedCodec[M](); !fixed {
		c = MsgpackCodec[M]()
	}
	return c, fixed
}

// Whole reports, as an error, a field of a type that CodecOf's codec leaves out, since
// msgpack knows exported ones only.
func Whole[M any]() error {
	if _, fixed := FixedCodec[M](); fixed {
		return nil
	}
	return pack.Whole(reflect.TypeFor[M]())
}

// maxHoles is the most runs of padding in a fixed-width type.
const maxHoles = 16

// hole is padding inside a struct: [lo, hi).
type hole struct{ lo, hi int }

// FixedCodec returns the codec that copies memory. It is there for numbers (not
// bool, not uintptr), and arrays and structs of them, of 1 byte to 32 KiB;
// padding is zeroed, so that equal values have equal bytes. Little-endian machines
// only.
func FixedCodec[M any]() (Codec[M], bool) {
	t := reflect.TypeFor[M]()
	size := int(t.Size())
	var fields []hole
	if !littleEndian || size == 0 || size > maxFixed || !fixedFields(t, 0, &fields) {
		return nil, false
	}
	c := fixedCodec[M]{size: size}
	at := 0
	for _, f := range append(fields, hole{size, size}) {
		if f.lo > at {
			c.holes = append(c.holes, hole{at, f.lo})
		}
		at = f.hi
	}
	return c, len(c.holes) <= maxHoles
}

// fixedFields collects where a type's numbers are, in order; false if it has
// anything else.
func fixedFields(t reflect.Type, at int, fields *[]hole) bool {
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		if n := len(*fields); n > 0 && (*fields)[n-1].hi == at {
			(*fields)[n-1].hi += int(t.Size())
		} else {
			*fields = append(*fields, hole{at, at + int(t.Size())})
		}
		return true
	case reflect.Array:
		for i := range t.Len() {
			if !fixedFields(t.Elem(), at+i*int(t.Elem().Size()), fields) {
				return false
			}
		}
		return true
	case reflect.Struct:
		for f := range t.Fields() {
			// A blank field is not copied by an assignment: it counts as padding.
			var ignored []hole
			into := fields
			if f.Name == "_" {
				into = &ignored
			}
			if !fixedFields(f.Type, at+int(f.Offset), into) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// fixedCodec copies memory.
type fixedCodec[M any] struct {
	size  int
	holes []hole
}

// Append copies ms.
func (c fixedCodec[M]) Append(dst []byte, ms []M) []byte {
	at := len(dst)
	dst = append(dst, bytesOf(ms)...)
	if len(c.holes) > 0 {
		for ; at < len(dst); at += c.size {
			c.zero(dst[at:])
		}
	}
	return dst
}

// zero clears the padding of the message at the front of b.
func (c *fixedCodec[M]) zero(b []byte) {
	for _, h := range c.holes {
		clear(b[h.lo:h.hi])
	}
}

// Decode copies src.
func (c fixedCodec[M]) Decode(dst []M, src []byte) ([]M, error) {
	if len(src)%c.size != 0 {
		return dst, fmt.Errorf("%w: %d bytes of messages of %d", ErrInbox, len(src), c.size)
	}
	at := len(dst)
	dst = append(dst, make([]M, len(src)/c.size)...)
	copy(bytesOf(dst[at:]), src)
	return dst, nil
}

// MsgpackCodec returns the codec for all other types: msgpack, structs with the
// names of their fields. Append panics on what msgpack cannot encode, such as a
// func, and on what nests deeper than 32, which Decode would refuse. Equal maps
// have equal bytes only where their keys and values are strings, or the values
// interfaces.
func MsgpackCodec[M any]() Codec[M] { return &msgpackCodec[M]{} }

type msgpackCodec[M any] struct{ encoders sync.Pool }

// appender is an io.Writer onto a slice.
type appender struct {
	dst []byte
	enc *msgpack.Encoder
}

// Write appends b.
func (a *appender) Write(b []byte) (int, error) {
	a.dst = append(a.dst, b...)
	return len(b), nil
}

// WriteByte appends b.
func (a *appender) WriteByte(b byte) error {
	a.dst = append(a.dst, b)
	return nil
}

// Append encodes ms behind each other.
func (c *msgpackCodec[M]) Append(dst []byte, ms []M) []byte {
	a, ok := c.encoders.Get().(*appender)
	if !ok {
		a = &appender{}
		a.enc = msgpack.NewEncoder(a)
		a.enc.SetSortMapKeys(true)
		a.enc.UseCompactInts(true)
	}
	a.dst = dst
	for i := range ms {
		at := len(a.dst)
		err := a.enc.Encode(&ms[i])
		if err == nil {
			err = pack.Scan(a.dst[at:])
		}
		if err != nil {
			panic(fmt.Sprintf("superstep: a message of type %T cannot be encoded: %v", ms[i], err))
		}
	}
	dst, a.dst = a.dst, nil
	c.encoders.Put(a)
	return dst
}

// Decode decodes src, which holds one message.
func (c *msgpackCodec[M]) Decode(dst []M, src []byte) ([]M, error) {
	var m M
	if err := pack.UnmarshalData(src, &m); err != nil {
		return dst, fmt.Errorf("%w: %w", ErrInbox, err)
	}
	return append(dst, m), nil
}
