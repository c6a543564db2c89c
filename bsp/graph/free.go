package graph

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"scalar/bsp"
	"scalar/bsp/lines"
)

// Letter is a message of a FreeProgram, as it travels.
type Letter[M any] struct {
	To    uint64 // an ID, or with the highest bit a slot
	Value M
}

const bySlot = 1 << 63

// FreeProgram is Program for messages of any type, which come one by one, in the order
// of the peers and of sending, unless Algorithm.Merge combines them; and for graphs that
// change: vertices and edges come and go between supersteps. Messages that are not
// numbers, arrays or structs of them travel as msgpack, and so must the values of
// AddVertex. It costs several times what Program does, and 24 bytes an edge.
func FreeProgram[V, M any](in Input, define func(g *Global) Algorithm[V, M]) bsp.Program[Letter[M]] {
	return func(ctx context.Context, p *bsp.Peer[Letter[M]]) error {
		global := &Global{}
		alg := define(global)
		switch {
		case alg.Compute == nil || alg.Sweep != nil || alg.Combine != 0:
			return errors.New("graph: a free program has Compute, and neither Sweep nor Combine")
		case alg.Names && !isIDs[V]():
			return errNotIDs
		}
		g, err := load(ctx, p, in, false)
		if err != nil {
			return err
		}
		if err := global.setUp(g, alg.Roots, handing(ctx, p)); err != nil {
			return err
		}
		e := &freeEngine[V, M]{p: p, global: global, alg: alg, hand: handing(ctx, p)}
		if e.grown, err = newGrown(g, e.hand); err != nil {
			return err
		}
		if e.freeState, err = newFreeState[V](e.grown); err != nil {
			return err
		}
		if _, err := p.State(e.freeState); err != nil {
			return err
		}
		p.Loaded()
		if err := e.run(ctx); err != nil {
			return err
		}
		return e.write(ctx)
	}
}

// freeEngine runs a free program on one peer's part.
type freeEngine[V, M any] struct {
	*grown
	*freeState[V]
	p      *bsp.Peer[Letter[M]]
	global *Global
	alg    Algorithm[V, M]
	hand   handOver

	slots   []uint32 // where each message goes
	inbox   []M      // by vertex, those of one in the order of arrival
	starts  []uint32 // of slot v's messages in inbox; one more at the end
	out     []merged[M]
	leaves  bool // the vertex that is computed
	changes int64
	asleep  int64
	buf     []byte
}

// sizeBytes is what each peer says at a barrier before its aggregators: i64 vertices,
// edges and changes.
const sizeBytes = 24

// run computes supersteps until one of the algorithm's ends.
func (e *freeEngine[V, M]) run(ctx context.Context) error {
	if e.alg.Merge != nil {
		e.out = make([]merged[M], e.p.N())
	}
	for {
		e.global.superstep = e.p.Superstep()
		over, err := e.begin()
		if err != nil || over {
			return err
		}
		e.global.begin(e.alg.Begin)
		e.p.Active(e.compute())
		if e.global.superstep+1 == e.alg.Supersteps {
			return nil
		}
		for q := range e.out {
			e.out[q].flush(func(l Letter[M]) { e.p.Send(q, l) })
		}
		e.p.Vote(e.asleep == e.here && e.changes == 0)
		e.p.SetValues(e.sizes())
		e.changes = 0
		if err := e.p.Sync(ctx); err != nil {
			return err
		}
	}
}

func (e *freeEngine[V, M]) sizes() []byte {
	e.buf = e.buf[:0]
	for _, n := range []int64{e.here, e.leaving, e.changes} {
		e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(n))
	}
	e.buf = e.global.encode(e.buf)
	return e.buf
}

// begin takes what the last barrier brought and says whether the job is over.
func (e *freeEngine[V, M]) begin() (over bool, err error) {
	if e.global.superstep == 0 {
		return false, e.deliver()
	}
	values := slices.Clone(e.p.Values())
	e.global.vertices, e.global.edges = 0, 0
	changes := int64(0)
	for q, b := range values {
		if len(b) < sizeBytes {
			return false, errValues
		}
		e.global.vertices += int64(binary.LittleEndian.Uint64(b))
		e.global.edges += int64(binary.LittleEndian.Uint64(b[8:]))
		changes += int64(binary.LittleEndian.Uint64(b[16:]))
		values[q] = b[sizeBytes:]
	}
	over, err = e.global.over(values, e.alg.Until)
	if err != nil || over || e.p.AllHalted() {
		return true, err
	}
	if changes > 0 {
		if err := e.exchangeChanges(); err != nil {
			return false, err
		}
	}
	return false, e.deliver()
}

// compute calls the algorithm for all active vertices and returns how many there were.
func (e *freeEngine[V, M]) compute() (active int64) {
	e.asleep = 0
	v := &Vertex[V, M]{e: e, g: e, global: e.global, told: true}
	var (
		messages []M
		none     M
	)
	msgs := func(yield func(M) bool) {
		for _, m := range messages {
			if !yield(m) {
				return
			}
		}
	}
	for i := range e.rows {
		if e.gone[i] {
			continue
		}
		messages = e.inbox[e.starts[i]:e.starts[i+1]]
		v.message, v.some = none, len(messages) > 0
		switch {
		case v.some:
			v.message = messages[0]
		case e.halted[i]:
			e.asleep++
			continue
		}
		active++
		v.Value, v.at, v.degree, v.halt, e.leaves = e.values[i], uint32(i), len(e.rows[i]), false, false
		e.alg.Compute(v, msgs)
		e.values[i], e.halted[i] = v.Value, v.halt
		switch {
		case e.leaves:
			e.bury(uint32(i))
		case v.halt:
			e.asleep++
		}
	}
	return active
}

func (e *freeEngine[V, M]) name(at uint32) string { return string(e.nameOf(nil, int(at))) }

// remove implements Vertex.Remove: the vertex goes when Compute returns.
func (e *freeEngine[V, M]) remove(uint32) { e.leaves = true }

// bury takes a vertex out, with its value.
func (e *freeEngine[V, M]) bury(at uint32) {
	var zero V
	e.empty(at)
	e.values[at], e.halted[at] = zero, false
}

// write writes the values of all vertices that are there, in the order of their slots.
func (e *freeEngine[V, M]) write(ctx context.Context) error {
	format, err := valueFormat(e.part, e.p.N(), &e.alg, e.values, e.hand)
	if err != nil {
		return err
	}
	if format == nil {
		format = formatter[V]()
	}
	w := lines.Writer{W: e.p.Output()}
	for i, value := range e.values {
		if !e.gone[i] {
			w.Buf = append(e.nameOf(w.Buf, i), '\t')
			w.Buf = append(format(w.Buf, value), '\n')
			if err := w.Next(ctx); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}
