package graph

import (
	"encoding/binary"
	"iter"
	"math"
	"slices"
)

// grown is one peer's part of a graph that changes: rows of edges, vertices by slot.
// The first slots are those of the graph as it was loaded; a vertex that is removed
// leaves its slot empty.
type grown struct {
	*part
	rows    [][]edge
	gone    []bool            // by slot
	added   []uint64          // IDs of the slots behind those that were loaded
	slots   map[uint64]uint32 // of added
	here    int64             // vertices that are not gone
	leaving int64             // edges
	changed bool              // since it was loaded
}

// edge leads to a vertex: by its slot at its peer, or if it is not known, by its ID.
type edge struct {
	ID     uint64
	Weight float64
	Peer   uint32
	At     uint32 // byID: not known
}

const byID = math.MaxUint32

// newGrown makes rows of the blocks, which it takes apart.
func newGrown(g *part, hand handOver) (*grown, error) {
	n := len(g.degrees)
	o := &grown{part: g, rows: make([][]edge, n), gone: make([]bool, n), slots: map[uint64]uint32{}, here: int64(n)}
	ids, err := g.targetIDs(hand)
	if err != nil {
		return nil, err
	}
	for v, d := range g.degrees {
		o.rows[v] = make([]edge, 0, d)
		o.leaving += int64(d)
	}
	for q, b := range g.blocks {
		for r, v := range b.rows {
			for i := b.starts[r]; i < b.starts[r+1]; i++ {
				t := b.targets[i]
				o.rows[v] = append(o.rows[v], edge{ids[q][t], b.weight(int(i)), uint32(q), t})
			}
		}
		g.blocks[q] = nil
	}
	return o, nil
}

// targetIDs returns the IDs of the vertices that edges lead to, by peer and number.
func (g *part) targetIDs(hand handOver) ([][]uint64, error) {
	out := make([][]byte, len(g.blocks))
	ids := make([][]uint64, len(g.blocks))
	for q, b := range g.blocks {
		ids[q] = make([]uint64, g.counts[q])
		for _, t := range b.targets {
			ids[q][t] = 1
		}
		for t, asked := range ids[q] {
			if asked != 0 {
				out[q] = binary.LittleEndian.AppendUint32(out[q], uint32(t))
			}
		}
	}
	questions, err := hand(out)
	if err != nil {
		return nil, err
	}
	answers := make([][]byte, len(questions))
	for q, b := range questions {
		if answers[q], err = g.tellIDs(b); err != nil {
			return nil, err
		}
	}
	if answers, err = hand(answers); err != nil {
		return nil, err
	}
	for q, b := range answers {
		for t, asked := range ids[q] {
			if asked == 0 {
				continue
			}
			if len(b) < 8 {
				return nil, errSegment
			}
			ids[q][t], b = binary.LittleEndian.Uint64(b), b[8:]
		}
		if len(b) > 0 {
			return nil, errSegment
		}
	}
	return ids, nil
}

// tellIDs answers a question of u32 numbers with u64 IDs.
func (g *part) tellIDs(question []byte) ([]byte, error) {
	answer := make([]byte, 0, 2*len(question))
	for ; len(question) >= 4; question = question[4:] {
		v := binary.LittleEndian.Uint32(question)
		if int64(v) >= int64(len(g.degrees)) {
			return nil, errSegment
		}
		answer = binary.LittleEndian.AppendUint64(answer, g.id(v))
	}
	return answer, nil
}

// loaded is how many slots were loaded.
func (o *grown) loaded() int { return len(o.degrees) }

// id returns the ID of a slot.
func (o *grown) id(at uint32) uint64 {
	if int(at) < o.loaded() {
		return o.part.id(at)
	}
	return o.added[int(at)-o.loaded()]
}

// slot returns where the vertex of an ID is or was.
func (o *grown) slot(id uint64) (uint32, bool) {
	if at, ok := o.slots[id]; ok {
		return at, true
	}
	if d, ok := o.ids.(*integerIDs); ok {
		return d.find(id)
	}
	at, ok := o.vertexOf(id)
	return uint32(at), ok
}

// find returns the slot of a vertex that is there.
func (o *grown) find(id uint64) (uint32, bool) {
	at, ok := o.slot(id)
	return at, ok && !o.gone[at]
}

// revive makes a vertex that is gone a new one without edges.
func (o *grown) revive(id uint64) (uint32, bool) {
	at, ok := o.slot(id)
	if ok {
		o.gone[at], o.changed = false, true
		o.here++
	}
	return at, ok
}

// append adds a slot.
func (o *grown) append(id uint64) {
	o.slots[id] = uint32(len(o.rows))
	o.added, o.rows, o.gone = append(o.added, id), append(o.rows, nil), append(o.gone, false)
	o.here, o.changed = o.here+1, true
}

// edges implements Vertex.Edges.
func (o *grown) edges(at uint32) iter.Seq2[uint64, float64] {
	return func(yield func(uint64, float64) bool) {
		for _, x := range o.rows[at] {
			if !yield(x.ID, x.Weight) {
				return
			}
		}
	}
}

// addEdge implements Vertex.AddEdge.
func (o *grown) addEdge(at uint32, to uint64, w float64) {
	o.rows[at] = append(o.rows[at], edge{to, w, uint32(o.ownerOf(to)), byID})
	o.leaving, o.changed = o.leaving+1, true
}

// removeEdge implements Vertex.RemoveEdge.
func (o *grown) removeEdge(at uint32, to uint64) {
	before := len(o.rows[at])
	o.rows[at] = slices.DeleteFunc(o.rows[at], func(x edge) bool { return x.ID == to })
	if n := before - len(o.rows[at]); n > 0 {
		o.leaving, o.changed = o.leaving-int64(n), true
	}
}

// empty takes a vertex out.
func (o *grown) empty(at uint32) {
	o.leaving -= int64(len(o.rows[at]))
	o.rows[at], o.gone[at], o.changed = nil, true, true
	o.here--
}

// nameOf returns the ID of a slot as the output has it.
func (o *grown) nameOf(dst []byte, at int) []byte {
	if at < o.loaded() {
		return o.ids.text(dst, at)
	}
	return (&integerIDs{ids: o.added}).text(dst, at-o.loaded())
}
