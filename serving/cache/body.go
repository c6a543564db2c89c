package cache

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
	"slices"

	"scalar/serving/protocol"
)

// A Body is a request before it is parsed: its bytes, and what else says how they are read.
type Body struct {
	Route  byte   // the form of the body
	Type   []byte // its type, as the header has it
	Length []byte // of its JSON, as the header has it
	Text   []byte // decompressed
}

// bodyMark begins the keys of bodies; those of requests begin with a length, which is less.
const bodyMark = math.MaxUint32

// SetBody makes the key of a body for a version whose model has a digest. It is valid while the body's text is, which it shares.
func (k *Key) SetBody(namespace, digest string, body Body) {
	b := binary.LittleEndian.AppendUint32(k.b[:0], bodyMark)
	b = append(appendText(appendText(b, namespace), digest), body.Route)
	b = appendText(appendText(b, body.Type), body.Length)
	k.b, k.text = b, body.Text
	k.hash = maphash.Bytes(seed, k.text) ^ bits.RotateLeft64(maphash.Bytes(seed, b), 32)
}

// asked is what a body said: the request less its rows, and the answer.
type asked struct {
	request protocol.Request
	answer  *entry
	hash    uint64 // of the answer's key
}

// Recall answers a body that was asked before, if its answer is still kept. It sets of r what answers are written by, and
// no rows. It allocates nothing where a's memory is enough.
func (c *Cache) Recall(body *Key, r *protocol.Request, a *protocol.Answer) bool {
	e, ok := c.entries.GetIfPresent(body.hash)
	if !ok || e.asked == nil || !body.is(e.key) {
		return false
	}
	if kept, ok := c.entries.GetIfPresent(e.asked.hash); !ok || kept != e.asked.answer {
		return false // it has expired or made room, and may have been computed anew
	}
	from := &e.asked.request
	r.Form, r.ID, r.Rows, r.Timeout, r.Single = from.Form, from.ID, from.Rows, from.Timeout, from.Single
	r.Outputs = append(r.Outputs[:0], from.Outputs...)
	copyAnswer(a, &e.asked.answer.answer)
	return true
}

// Remember keeps that a body was parsed as a request with a key, whose answer is kept, so that Recall need not parse it.
// It counts for the bytes of the cache.
func (c *Cache) Remember(body, k *Key, r *protocol.Request) {
	const each = 32 // bytes of an output choice
	size := int64(len(body.b)+len(body.text)+len(r.ID)+each*len(r.Outputs)) + 2*overhead
	if size > min(c.max.Load()/largest, math.MaxUint32) {
		return
	}
	kept, ok := c.entries.GetIfPresent(k.hash)
	if !ok || !k.is(kept.key) {
		return
	}
	c.bodies.Add(1)
	c.entries.Set(body.hash, &entry{key: slices.Concat(body.b, body.text), size: uint32(size), asked: &asked{
		request: protocol.Request{Form: r.Form, ID: slices.Clone(r.ID), Rows: r.Rows, Outputs: slices.Clone(r.Outputs), Timeout: r.Timeout, Single: r.Single},
		answer:  kept, hash: k.hash,
	}})
}
