package cache

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math"

	"scalar/serving/protocol"
)

// A Key is a request as the cache knows it: who asks, of which model, what, and for which
// outputs. It is for one goroutine at a time, and keeps its memory from request to request.
type Key struct {
	b    []byte
	text []byte // that follows b, of a body; its memory is the caller's
	hash uint64
}

// seed is the process's own: who asks cannot choose what has the same hash.
var seed = maphash.MakeSeed()

// is reports whether an entry has the key.
func (k *Key) is(kept []byte) bool {
	n := len(k.b)
	return len(kept) == n+len(k.text) && bytes.Equal(kept[:n], k.b) && bytes.Equal(kept[n:], k.text)
}

// Set makes the key of a request that was parsed for a version whose model has a digest. The
// digest and the signature fix the input's name, type and columns; how the numbers were
// written does not count, their bits do. The id, the form and the encoding of the answer are
// no part of it.
func (k *Key) Set(namespace, digest string, r *protocol.Request) {
	b := appendText(k.b[:0], namespace)
	b = appendText(b, digest)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.Outputs)))
	for _, o := range r.Outputs {
		b = binary.LittleEndian.AppendUint32(b, uint32(o.Index))
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Rows))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(r.X)))
	for _, x := range r.X {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	for _, c := range r.Cells {
		b = append(b, byte(c.Kind))
		switch c.Kind {
		case protocol.Text:
			b = appendText(b, c.Text)
		case protocol.Number:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(c.Number))
		case protocol.Missing:
		}
	}
	k.b, k.text, k.hash = b, nil, maphash.Bytes(seed, b)
}

// Size returns how many bytes of memory the key has.
func (k *Key) Size() int64 { return int64(cap(k.b)) }

func appendText[T string | []byte](b []byte, s T) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}
