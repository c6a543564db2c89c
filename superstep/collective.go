package superstep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// collective gathers the rounds of a port's collective lane. A source can be one
// round ahead and no more: the round after needs our part of the next one. So two
// are kept, by parity.
type collective struct {
	mu     sync.Mutex // guards the fields below
	left   []bool     // by peer: gives nothing any more
	rounds [2]round
}

type round struct {
	have []bool      // by source
	data [][]byte    // by source
	in   []*chunk    // that some of data are in
	n    int         // sources that are in or have left
	full atomic.Bool // all are: read without mu, by who asks again and again
}

// count counts a source.
func (r *round) count() {
	r.n++
	r.full.Store(r.n == len(r.have))
}

func (c *collective) init(peers int) {
	c.left = make([]bool, peers)
	for i := range c.rounds {
		c.rounds[i].have, c.rounds[i].data = make([]bool, peers), make([][]byte, peers)
	}
}

// put stores a source's part, and the chunk that it is in, nil if that is not the
// port's, and says whether the round is complete; ok is false if the source gave one already.
func (c *collective) put(number int, source int, data []byte, in *chunk) (complete, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.rounds[number&1]
	if r.have[source] {
		return false, false
	}
	r.have[source], r.data[source] = true, data
	if in != nil {
		r.in = append(r.in, in)
	}
	r.count()
	return r.full.Load(), true
}

// leave counts a source out of all further rounds.
func (c *collective) leave(source int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left[source] = true
	for i := range c.rounds {
		if r := &c.rounds[i]; !r.have[source] {
			r.have[source] = true
			r.count()
		}
	}
}

func (c *collective) complete(number int) bool { return c.rounds[number&1].full.Load() }

// collect returns a complete round's data, with the chunks that it is in appended to
// in, and makes room for the round after next.
func (c *collective) collect(number int, in []*chunk) ([][]byte, []*chunk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.rounds[number&1]
	data := slices.Clone(r.data)
	clear(r.data)
	in = append(in, r.in...)
	clear(r.in)
	r.in, r.n = r.in[:0], 0
	r.full.Store(false)
	for i, left := range c.left {
		if r.have[i] = left; left {
			r.count()
		}
	}
	return data, in
}

// AllToAll gives out[i] to peer i and returns what every peer gave to this one, by
// sender; nil for nil, and from peers that have left. len(out) must be N. Superstep
// and inboxes are untouched. All peers must call it, or AllGather or HandOver, in
// the same order. out is copied; the result belongs to the caller.
func (p *Port) AllToAll(ctx context.Context, out [][]byte) ([][]byte, error) {
	if len(out) != p.g.peers {
		return nil, fmt.Errorf("all-to-all of %d slices among %d peers", len(out), p.g.peers)
	}
	return p.exchange(ctx, func(to int) []byte { return copied(out[to]) })
}

// HandOver is AllToAll without the copy: ports of the same process get the memory of out's
// slices itself, and links may still send from it when HandOver has returned. Where peers read
// what they get until they begin their next collective or Sync, nobody reads it any more once
// one that this port began after HandOver has returned without an error; else it must not be
// written any more.
func (p *Port) HandOver(ctx context.Context, out [][]byte) ([][]byte, error) {
	if len(out) != p.g.peers {
		return nil, fmt.Errorf("all-to-all of %d slices among %d peers", len(out), p.g.peers)
	}
	return p.exchange(ctx, func(to int) []byte { return out[to] })
}

// Give is the first half of HandOver: it waits for nobody. Take is the other half; between
// them the peer may call Sync, and no other collective.
func (p *Port) Give(ctx context.Context, out [][]byte) error {
	if len(out) != p.g.peers {
		return fmt.Errorf("all-to-all of %d slices among %d peers", len(out), p.g.peers)
	}
	return p.give(ctx, func(to int) []byte { return out[to] })
}

// Take waits for what every peer gives in the round that Give began, and returns it, by sender.
func (p *Port) Take(ctx context.Context) ([][]byte, error) {
	if !p.given {
		return nil, errors.New("nothing to take: Give comes first")
	}
	if err := p.ready(ctx); err != nil {
		return nil, err
	}
	return p.take(ctx)
}

// AllGather gives x to every peer and returns what every peer gave, by sender. The
// result is read-only: peers in one process share it.
func (p *Port) AllGather(ctx context.Context, x []byte) ([][]byte, error) {
	shared := copied(x)
	return p.exchange(ctx, func(int) []byte { return shared })
}

// copied keeps the difference between nil and empty.
func copied(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

// exchange runs one collective round with slices that may be kept.
func (p *Port) exchange(ctx context.Context, part func(to int) []byte) ([][]byte, error) {
	if err := p.give(ctx, part); err != nil {
		return nil, err
	}
	return p.take(ctx)
}

// give begins a round.
func (p *Port) give(ctx context.Context, part func(to int) []byte) error {
	if err := p.ready(ctx); err != nil {
		return err
	}
	if p.given {
		return errors.New("a collective while another one is to be taken")
	}
	p.given = true
	number, slept := p.round, false
	for i := range p.g.peers {
		to := (p.index + i) % p.g.peers // not everybody to the same peer at once
		data := part(to)
		if d := p.to(to); d.link != nil {
			d.link.sendPart(header{typ: frameCollective, superstep: uint32(number), source: uint32(p.index), dest: uint32(to)}, data)
		} else if !d.port.quiet.Load() {
			if complete, _ := d.port.rounds.put(number, p.index, data, nil); complete && d.port.rouse() {
				slept = true
			}
		}
	}
	if slept {
		spread()
	}
	for _, l := range p.g.links {
		if l != nil {
			l.rouse()
		}
	}
	return nil
}

// take ends the round that was begun.
func (p *Port) take(ctx context.Context) ([][]byte, error) {
	number := p.round
	if err := p.wait(ctx, func() bool { return p.rounds.complete(number) }); err != nil {
		return nil, err
	}
	if err := p.g.drain(ctx, p); err != nil {
		return nil, err
	}
	p.round++
	p.given = false
	clear(p.parts)
	var data [][]byte
	data, p.parts = p.rounds.collect(number, p.parts[:0])
	return data, nil
}

// Release gives back the memory in which parts of the last collective round came from
// other tasks: what AllToAll, HandOver, Take or AllGather returned must not be read any more.
func (p *Port) Release() {
	for i, c := range p.parts {
		p.g.buffers.pool.put(c)
		p.parts[i] = nil
	}
	p.parts = p.parts[:0]
}

// sendPart queues a collective's slice, which is not copied.
func (l *link) sendPart(h header, data []byte) {
	switch {
	case len(data) > maxPayload:
		l.sendAll(fragments(h, data), false)
	case len(data) > 0:
		l.send(outFrame{h: h, c: &chunk{ext: data, class: -1}}, false)
	default:
		if data == nil {
			h.flags = flagNil
		}
		l.send(outFrame{h: h}, false)
	}
}

// collective takes a remote source's part of a round. It says whether the chunk's memory is the
// port's now.
func (in *incoming) collective(h header, c *chunk) (keep bool, err error) {
	rounds := &in.rounds[in.pair(int(h.source), int(h.dest))]
	if h.superstep != *rounds {
		return false, fmt.Errorf("%w: collective round %d of peer %d, expected %d", ErrFrame, h.superstep, h.source, *rounds)
	}
	*rounds++
	p := in.l.g.ports[int(h.dest)-in.l.g.own.Lo]
	if p.quiet.Load() {
		return false, nil
	}
	var data []byte
	var kept *chunk
	switch {
	case c != nil && (c.class < 0 || 2*c.n >= len(c.buf)): // the former were fragments
		data, kept = slices.Clip(c.payload()), c
	case c != nil:
		data = copied(c.payload())
	case h.flags&flagNil == 0:
		data = []byte{}
	}
	complete, ok := p.rounds.put(int(h.superstep), int(h.source), data, kept)
	if !ok {
		return false, fmt.Errorf("%w: collective round %d of peer %d came too early", ErrFrame, h.superstep, h.source)
	}
	if complete {
		p.rouse()
	}
	return kept != nil, nil
}

// leaveRounds counts a peer out of the collective rounds of all local peers.
func (g *Group) leaveRounds(peer int) {
	for _, p := range g.ports {
		p.rounds.leave(peer)
		p.rouse()
	}
}
