// Package cache keeps answers of models that say the same of the same rows.
//
//	body ─ Recall ─▶ what it said, and an answer, copied           a hit without parsing
//	Key ─ Get ─▶ an answer, copied; its body: Remember             a hit
//	    └ Do ──▶ first one: computes, and its answer is kept           a leader
//	         └─▶ the same meanwhile: waits for it, no longer than it may   a follower
//
// It is asked after who may ask what is known, and which version answers. Values of outputs are
// kept, so that the id, the encoding and the headers of an answer are its request's own;
// errors are not kept. A body that is asked again is kept too, with what it said, so that its numbers need not be parsed.
// A hash finds an entry, and the whole key is compared. A follower of a leader that failed, for whatever
// reason, computes by itself.
package cache

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"scalar/serving/protocol"
)

// A Config says how much is kept of a model's answers, and for how long.
type Config struct {
	MaxBytes int64         `yaml:"max_bytes"` // of keys and values together; 0: nothing is kept
	TTL      time.Duration `yaml:"ttl"`       // from when it was computed; 0: for ever

	clock otter.Clock // of tests; nil: the machine's
}

// Check returns what is wrong with a config.
func (c Config) Check() error {
	switch {
	case c.MaxBytes < 0:
		return fmt.Errorf("max_bytes: %d: want bytes, or 0 for no cache", c.MaxBytes)
	case c.TTL < 0:
		return fmt.Errorf("ttl: %v: want a time, or 0 for ever", c.TTL)
	}
	return nil
}

// overhead is about what an entry takes besides its key and values.
const overhead = 256

// largest is which part of a cache one entry may be: larger answers are not kept.
const largest = 8

// A Cache has the answers of one model. It is safe for concurrent use.
type Cache struct {
	max     atomic.Int64
	entries *otter.Cache[uint64, *entry]
	bodies  atomic.Int64 // of entries, those of bodies

	mu      sync.Mutex // guards flights
	flights map[uint64]*flight
}

// entry is an answer that is kept, or a body. It never changes.
type entry struct {
	key    []byte
	answer protocol.Answer
	asked  *asked // of a body; nil: it is an answer
	size   uint32 // bytes, with its key
}

// flight is an answer that is being computed.
type flight struct {
	key  []byte
	done chan struct{} // closed by the leader
	got  *entry        // nil: it failed; set before done is closed
}

// New returns an empty cache, nil if nothing is to be kept. Close ends it.
func New(c Config) (*Cache, error) {
	if err := c.Check(); err != nil || c.MaxBytes == 0 {
		return nil, err
	}
	made := &Cache{flights: map[uint64]*flight{}}
	o := &otter.Options[uint64, *entry]{
		MaximumWeight: uint64(c.MaxBytes),
		Weigher:       func(_ uint64, e *entry) uint32 { return e.size },
		Executor:      func(f func()) { f() }, // what is due is done by who comes next
		Clock:         c.clock,
		OnDeletion: func(e otter.DeletionEvent[uint64, *entry]) {
			if e.Value.asked != nil {
				made.bodies.Add(-1)
			}
		},
	}
	if c.TTL > 0 {
		o.ExpiryCalculator = otter.ExpiryWriting[uint64, *entry](c.TTL)
	}
	entries, err := otter.New(o)
	if err != nil {
		return nil, err
	}
	made.entries = entries
	made.max.Store(c.MaxBytes)
	return made, nil
}

// Resize changes how many bytes are kept, 1 or more. What is too much goes at once.
func (c *Cache) Resize(maxBytes int64) {
	c.max.Store(maxBytes)
	c.entries.SetMaximum(uint64(max(maxBytes, 1)))
}

// Close ends what runs in the background.
func (c *Cache) Close() { c.entries.StopAllGoroutines() }

// Size returns how many answers are kept, and their bytes, with those of bodies.
func (c *Cache) Size() (entries int, bytes int64) {
	c.entries.CleanUp()
	return c.entries.EstimatedSize() - int(c.bodies.Load()), int64(c.entries.WeightedSize())
}

// Get copies an answer that is kept to a, whose memory it uses again. It allocates nothing where
// that is enough.
func (c *Cache) Get(k *Key, a *protocol.Answer) bool {
	e, ok := c.entries.GetIfPresent(k.hash)
	if !ok || !k.is(e.key) {
		return false
	}
	copyAnswer(a, &e.answer)
	return true
}

// A Source says where an answer came from.
type Source int

// The sources.
const (
	Computed Source = iota // by this request
	Hit                    // it was kept
	Shared                 // another request computed it meanwhile
)

// Do answers like Get, or computes: once for all that ask for the same at the same time.
// compute sets a. A request that waits for another's waits until ctx ends or the deadline, if
// that is not zero; the error is then context.DeadlineExceeded, or ctx's.
func (c *Cache) Do(ctx context.Context, deadline time.Time, k *Key, a *protocol.Answer, compute func(a *protocol.Answer) error) (Source, error) {
	if c.Get(k, a) {
		return Hit, nil
	}
	f, leads := c.join(k)
	switch {
	case f == nil:
		return Computed, compute(a) // another key with this hash is being computed
	case leads:
		return Computed, c.lead(k, f, a, compute)
	}
	if err := f.wait(ctx, deadline); err != nil {
		return Shared, err
	}
	if f.got == nil {
		return Computed, compute(a)
	}
	copyAnswer(a, &f.got.answer)
	return Shared, nil
}

// join returns the flight of a key, and whether the caller leads it; nil if the place is
// another key's.
func (c *Cache) join(k *Key) (f *flight, leads bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.flights[k.hash]
	switch {
	case ok && k.is(f.key):
		return f, false
	case ok:
		return nil, false
	}
	f = &flight{key: slices.Clone(k.b), done: make(chan struct{})}
	c.flights[k.hash] = f
	return f, true
}

// lead computes, keeps the answer, and tells those who wait, whatever happens.
func (c *Cache) lead(k *Key, f *flight, a *protocol.Answer, compute func(a *protocol.Answer) error) error {
	defer func() {
		c.mu.Lock()
		delete(c.flights, k.hash)
		c.mu.Unlock()
		close(f.done)
	}()
	if err := compute(a); err != nil {
		return err
	}
	e := &entry{key: f.key}
	copyAnswer(&e.answer, a)
	size := int64(len(e.key)) + answerBytes(&e.answer) + overhead
	f.got = e
	if size <= min(c.max.Load()/largest, math.MaxUint32) {
		e.size = uint32(size)
		c.entries.Set(k.hash, e)
	}
	return nil
}

// wait waits until the leader has ended.
func (f *flight) wait(ctx context.Context, deadline time.Time) error {
	var timeout <-chan time.Time
	if !deadline.IsZero() {
		t := time.NewTimer(time.Until(deadline))
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-f.done:
		return nil
	case <-timeout:
		return context.DeadlineExceeded
	case <-ctx.Done():
		return errors.Join(ctx.Err(), context.Cause(ctx))
	}
}

// copyAnswer makes to a copy of from, in to's memory where that is enough.
func copyAnswer(to, from *protocol.Answer) {
	to.Rows = from.Rows
	to.Outputs = slices.Grow(to.Outputs[:0], len(from.Outputs))[:len(from.Outputs)]
	for i, v := range from.Outputs {
		o := &to.Outputs[i]
		o.F32, o.I64, o.Classes = append(o.F32[:0], v.F32...), append(o.I64[:0], v.I64...), append(o.Classes[:0], v.Classes...)
	}
}

func answerBytes(a *protocol.Answer) (n int64) {
	for _, v := range a.Outputs {
		n += int64(4*len(v.F32) + 8*len(v.I64) + 4*len(v.Classes) + 72)
	}
	return n
}
