package superstep

import (
	"fmt"
	"sync/atomic"
)

// bundle is what one peer sent to another on one lane in one superstep. It is
// written by the sender's goroutine, or by the reader of the sender's link, until
// the barrier, and then belongs to the receiver until its next Sync.
type bundle struct {
	chunks []*chunk
	count  int64
}

// inbox holds one bundle per sender.
type inbox struct{ from []bundle }

func (in *inbox) add(source int, c *chunk) {
	b := &in.from[source]
	b.chunks = append(b.chunks, c)
	b.count += int64(c.count)
}

// drop gives back the chunks of one sender.
func (in *inbox) drop(source int, s *buffers) {
	b := &in.from[source]
	for i, c := range b.chunks {
		s.release(c)
		b.chunks[i] = nil
	}
	b.chunks, b.count = b.chunks[:0], 0
}

func (in *inbox) count() (n int64) {
	for i := range in.from {
		n += in.from[i].count
	}
	return n
}

// inboxes are a peer's, by generation and lane. Two generations are enough: a task
// is at most one superstep ahead, and a peer gives its inbox back before its task's
// mark leaves. A lane's inbox is made by whoever needs it first.
type inboxes struct {
	gens [2][maxLanes]atomic.Pointer[inbox]
	used atomic.Int32 // lanes below this one may have an inbox
}

// at returns the inbox of what is sent on a lane in one superstep.
func (ib *inboxes) at(superstep int, lane uint8, peers int) *inbox {
	slot := &ib.gens[superstep&1][lane]
	if in := slot.Load(); in != nil {
		return in
	}
	for used := ib.used.Load(); int32(lane) >= used; used = ib.used.Load() {
		ib.used.CompareAndSwap(used, int32(lane)+1)
	}
	slot.CompareAndSwap(nil, &inbox{from: make([]bundle, peers)})
	return slot.Load()
}

// unopened returns an error if something came on a lane that the peer has not
// opened: it would be lost in silence.
func (ib *inboxes) unopened(superstep, lanes int) error {
	for lane := lanes; lane < int(ib.used.Load()); lane++ {
		if in := ib.gens[superstep&1][lane].Load(); in != nil && in.count() > 0 {
			return fmt.Errorf("%w: %d arrived on lane %d, which this peer has not opened: all peers must open the same boxes and lanes, in the same order", ErrInbox, in.count(), lane)
		}
	}
	return nil
}

// recycle gives back all chunks of one generation.
func (ib *inboxes) recycle(superstep int, s *buffers) {
	gen := &ib.gens[superstep&1]
	for lane := range ib.used.Load() {
		in := gen[lane].Load()
		if in == nil {
			continue
		}
		for source := range in.from {
			if len(in.from[source].chunks) > 0 {
				in.drop(source, s)
			}
		}
	}
}
