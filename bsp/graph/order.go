package graph

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"scalar/bsp/job"
	"scalar/bsp/scan"
)

// setUp learns of a graph what all peers know: how large it is and where its roots are.
func (g *Global) setUp(own *part, roots []string, hand handOver) error {
	if g.err != nil {
		return g.err
	}
	edges := uint64(0)
	for _, d := range own.degrees {
		edges += uint64(d)
	}
	all, err := hand(repeat(binary.LittleEndian.AppendUint64(nil, edges), len(own.counts)))
	if err != nil {
		return err
	}
	for _, b := range all {
		if len(b) != 8 {
			return errSegment
		}
		g.edges += int64(binary.LittleEndian.Uint64(b))
	}
	g.vertices = own.numVertices()
	g.roots, err = own.find(roots, hand)
	return err
}

// find returns the IDs of vertices by their names, the same on all peers.
func (g *part) find(names []string, hand handOver) ([]uint64, error) {
	if len(names) == 0 {
		return nil, nil
	}
	var own []byte
	for _, name := range names {
		if v, ok := g.ids.lookup(name); ok {
			own = append(own, 1)
			own = binary.LittleEndian.AppendUint64(own, g.id(v))
		} else {
			own = append(own, make([]byte, 9)...)
		}
	}
	all, err := hand(repeat(own, len(g.counts)))
	if err != nil {
		return nil, err
	}
	ids := make([]uint64, len(names))
	for i, name := range names {
		holder := slices.IndexFunc(all, func(b []byte) bool { return len(b) == len(own) && b[9*i] == 1 })
		if holder < 0 {
			return nil, job.Fail(job.FaultInput, "vertex %s is not in the graph", scan.Quote([]byte(name)))
		}
		ids[i] = binary.LittleEndian.Uint64(all[holder][9*i+1:])
	}
	return ids, nil
}

// order numbers all names of all peers in their order.
func (g *part) order(peers int, hand handOver) error {
	names, ok := g.ids.(*stringIDs)
	if !ok {
		return nil
	}
	payload := []byte{}
	for i := range names.size() {
		payload = names.appendTo(payload, i)
	}
	all, err := hand(repeat(payload, peers))
	if err != nil {
		return err
	}
	g.ranks = make([]uint64, names.size())
	for i := range g.ranks {
		g.ranks[i] = uint64(i)
	}
	for q, others := range all {
		if q == g.index {
			continue
		}
		before := uint64(0)
		for i := range g.ranks {
			for len(others) > 0 {
				name, rest, err := cutName(others)
				if err != nil {
					return err
				}
				if bytes.Compare(name, names.name(i)) > 0 {
					break
				}
				before, others = before+1, rest
			}
			g.ranks[i] += before
		}
	}
	return nil
}

// cutName takes a name off a payload that appendTo wrote.
func cutName(payload []byte) (name, rest []byte, err error) {
	size, n := binary.Uvarint(payload)
	if n <= 0 || size > MaxString || size > uint64(len(payload)-n) {
		return nil, nil, errNames
	}
	return payload[n : n+int(size)], payload[n+int(size):], nil
}

// NoID is the id of no vertex.
const NoID = math.MaxUint64

func isIDs[V any]() bool {
	_, ok := any([]V(nil)).([]uint64)
	return ok
}

// valueFormat returns how an algorithm's values are written; nil: the default. With Names
// all peers must call it.
func valueFormat[V, M any](g *part, peers int, alg *Algorithm[V, M], values []V, hand handOver) (func(dst []byte, v V) []byte, error) {
	ids, ok := any(values).([]uint64)
	if !alg.Names || !ok {
		return alg.Format, nil
	}
	names, err := formatIDs(g, peers, ids, hand)
	format, _ := any(names).(func(dst []byte, v V) []byte) // V is uint64
	return format, err
}

// formatIDs returns the format of values that are ids, which it asks the other peers
// about. All peers must call it.
func formatIDs(g *part, peers int, ids []uint64, hand handOver) (func(dst []byte, id uint64) []byte, error) {
	if _, ok := g.ids.(*integerIDs); ok {
		return func(dst []byte, id uint64) []byte {
			if id == NoID {
				return append(dst, '-')
			}
			return strconv.AppendUint(dst, id, 10)
		}, nil
	}
	distinct := slices.Clone(ids)
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	if n := len(distinct); n > 0 && distinct[n-1] == NoID {
		distinct = distinct[:n-1]
	}
	question := make([]byte, 0, 8*len(distinct))
	for _, id := range distinct {
		question = binary.LittleEndian.AppendUint64(question, id)
	}
	asked, err := hand(repeat(question, peers))
	if err != nil {
		return nil, err
	}
	answers := make([][]byte, peers)
	for q, b := range asked {
		answers[q] = g.answer(b)
	}
	if answers, err = hand(answers); err != nil {
		return nil, err
	}
	names := make([][]byte, len(distinct))
	for _, b := range answers {
		for len(b) >= 4 {
			i := binary.LittleEndian.Uint32(b)
			name, rest, err := cutName(b[4:])
			if err != nil || int64(i) >= int64(len(names)) {
				return nil, errNames
			}
			names[i], b = name, rest
		}
	}
	return func(dst []byte, id uint64) []byte {
		if id == NoID {
			return append(dst, '-')
		}
		i, _ := slices.BinarySearch(distinct, id)
		return append(dst, names[i]...)
	}, nil
}

// answer returns the names of those ids that are own vertices: u32 place in the
// question and the name, each.
func (g *part) answer(question []byte) (b []byte) {
	for at := 0; at+8 <= len(question); at += 8 {
		if v, ok := g.vertexOf(binary.LittleEndian.Uint64(question[at:])); ok {
			b = g.ids.appendTo(binary.LittleEndian.AppendUint32(b, uint32(at/8)), v)
		}
	}
	return b
}

// vertexOf returns the own vertex of an ID of names.
func (g *part) vertexOf(id uint64) (int, bool) {
	if g.ranks != nil {
		return slices.BinarySearch(g.ranks, id)
	}
	v := id - g.base[g.index]
	return int(v), v < uint64(len(g.degrees))
}
