package rows

import (
	"context"
	"fmt"
	"runtime/debug"

	"scalar/bsp"
	"scalar/bsp/arena"
	"scalar/ml/data"
)

// A spread gives every task the rows of all peers, in rounds: in each one a peer gives a
// piece, or nothing.
type spread[M any] struct {
	p      *bsp.Peer[M]
	first  []int // by peer, the first one of its task
	memory int64 // of the task with the least
	done   bool  // all peers have given their last piece
	got    [][]piece
}

// place says of a peer which one is the first of its task, and the memory of that.
type place struct{ First, Memory int64 }

// newSpread finds out where the peers are.
func newSpread[M any](ctx context.Context, p *bsp.Peer[M]) (*spread[M], error) {
	lo, _ := p.Together()
	places, err := bsp.AllGather(ctx, p, place{int64(lo), p.Arena().Budget()})
	if err != nil {
		return nil, err
	}
	s := &spread[M]{p: p, memory: places[0].Memory, got: make([][]piece, p.N())}
	for _, at := range places {
		s.first, s.memory = append(s.first, int(at.First)), min(s.memory, at.Memory)
	}
	return s, nil
}

// Bytes of rows in a piece.
const (
	minPiece = 4 << 10
	maxPiece = 64 << 20
	// pieceShare is what all peers' pieces of a round together have of a task's memory. A
	// peer has its own twice, as rows and as bytes, and the first one of a task those of
	// other tasks.
	pieceShare = 8
)

// pieceBytes returns how many bytes of rows a piece has.
func (s *spread[M]) pieceBytes() int64 {
	return min(max(s.memory/pieceShare/int64(s.p.N()), minPiece), maxPiece)
}

// holdShare is what all peers may hold of a task's memory between their summaries and their
// pieces: larger parts are read twice.
const holdShare = 4

// holdBytes returns how many bytes of rows a peer may hold.
func (s *spread[M]) holdBytes() int64 { return s.memory / holdShare / int64(s.p.N()) }

// read reads this peer's part and takes part in all rounds.
func (s *spread[M]) read(ctx context.Context, src *data.Source, e *data.Encoder) error {
	like, given := src.None(e), 0
	err := src.Pieces(ctx, e, s.p.Index(), s.p.N(), func(own *data.Set, last bool) error {
		if given++; s.p.N() == 1 && last && given == 1 {
			s.got[0], s.done = []piece{{set: own}}, true // it is in memory, and nobody else asks for it
			return nil
		}
		b, err := own.Share()
		if err != nil {
			return err
		}
		if b, err = s.p.Arena().Keep(b); err != nil {
			return err
		}
		return s.round(ctx, b, last, like)
	})
	for err == nil && !s.done {
		err = s.round(ctx, nil, true, like)
	}
	return err
}

// gives says what a peer gives in a round.
type gives struct{ Size, Last int64 }

// round gives b to all peers, once to each task: its first peer keeps what came from others,
// and hands it on to those it shares memory with.
func (s *spread[M]) round(ctx context.Context, b []byte, last bool, like *data.Set) error {
	mine := gives{Size: int64(len(b))}
	if last {
		mine.Last = 1
	}
	all, err := bsp.AllGather(ctx, s.p, mine)
	if err != nil {
		return err
	}
	lo, hi := s.p.Together()
	parts, err := bsp.HandOver(ctx, s.p, each(s.p, func(to int) []byte {
		if to >= lo && to < hi || to == s.first[to] {
			return b
		}
		return nil
	}))
	if err != nil {
		return err
	}
	var far []byte
	if s.p.Index() == lo && hi-lo < s.p.N() {
		if far, err = s.keepFar(parts, all); err != nil {
			return err
		}
	}
	if !s.direct() {
		if err := s.handOn(ctx, far, parts, all); err != nil {
			return err
		}
	}
	return s.take(parts, all, like)
}

// take looks at what this peer has got in a round.
func (s *spread[M]) take(parts [][]byte, all []gives, like *data.Set) error {
	s.done = true
	for peer, b := range parts {
		s.done = s.done && all[peer].Last == 1
		if int64(len(b)) != all[peer].Size {
			return fmt.Errorf("peer %d: %d bytes of rows, and it has given %d", peer, len(b), all[peer].Size)
		}
		if len(b) == 0 {
			continue
		}
		set, err := data.Shared(b, like)
		if err != nil {
			return fmt.Errorf("peer %d: %w", peer, err)
		}
		s.got[peer] = append(s.got[peer], piece{set: set, b: b})
	}
	return nil
}

// direct reports whether every peer gets all by itself: there is one task, or a task for each.
func (s *spread[M]) direct() bool {
	tasks := 0
	for peer, first := range s.first {
		if peer == first {
			tasks++
		}
	}
	return tasks == 1 || tasks == len(s.first)
}

// keepFar has the arena keep the parts of peers of other tasks, one after the other.
func (s *spread[M]) keepFar(parts [][]byte, all []gives) ([]byte, error) {
	size := 0
	for peer, x := range all {
		if !s.near(peer) {
			size += int(x.Size)
		}
	}
	far, err := arena.Make[uint8](s.p.Arena(), size)
	if err != nil {
		return nil, err
	}
	if !arena.Mapped(s.p.Arena(), far) {
		arena.LargePages(far)
	}
	at := 0
	for peer := range parts {
		if !s.near(peer) {
			n := copy(far[at:], parts[peer])
			parts[peer], at = far[at:at+n:at+n], at+n
		}
	}
	return far, nil
}

// near reports whether a peer is of this task.
func (s *spread[M]) near(peer int) bool { return s.first[peer] == s.first[s.p.Index()] }

// handOn gives the other peers of a task what its first one keeps of peers of other tasks.
func (s *spread[M]) handOn(ctx context.Context, far []byte, parts [][]byte, all []gives) error {
	lo, hi := s.p.Together()
	got, err := bsp.HandOver(ctx, s.p, each(s.p, func(to int) []byte {
		if to > lo && to < hi {
			return far
		}
		return nil
	}))
	if err != nil || s.p.Index() == lo {
		return err
	}
	rest := got[lo]
	for peer := range parts {
		if s.near(peer) {
			continue
		}
		n := all[peer].Size
		if n > int64(len(rest)) {
			return fmt.Errorf("%d bytes of rows of peer %d are missing", n-int64(len(rest)), peer)
		}
		parts[peer], rest = rest[:n:n], rest[n:]
	}
	return nil
}

// join makes one set of all pieces.
func (s *spread[M]) join(r *Rows) {
	var sets []*data.Set
	for _, pieces := range s.got {
		for _, x := range pieces {
			sets, r.pieces = append(sets, x.set), append(r.pieces, x)
		}
	}
	at := 0
	for i := range r.pieces {
		r.pieces[i].first = at
		at += r.pieces[i].set.Len()
	}
	if lo, _ := s.p.Together(); s.p.Index() == lo && s.p.Arena().Spilled() > 0 {
		r.arena = s.p.Arena()
		s.got = nil
		debug.FreeOSMemory() // what reading took is of more use to the mapped file
	}
	if r.Set, r.Memory = data.Join(sets...), s.memory; len(sets) == 1 {
		r.Set = sets[0]
	}
}
