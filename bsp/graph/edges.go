package graph

import (
	"encoding/binary"
	"math"
	"slices"
)

// edgeList is what one peer read: its distinct ids and the edges between them, by the
// owner of the row that an edge will lie in and of its other end.
type edgeList struct {
	coding
	ids     census
	narrow  uint32   // numbers up to this lie in chunks that are not wide
	wide    bool     // the chunks that are open
	pulled  bool     // rows are those of destinations, not of sources
	weights bool     // edges have weights, or ways
	buckets []bucket // by owner of the row << shift | owner of the other end
	degrees []uint32 // of edges that leave, by code; if pulled
	marked  []uint32 // codes
	codes   []uint32 // of the block that is read

	// Of a binary graph, which every peer knows all ids of: the peer's own vertices,
	// and that codes are where vertices are at their owners.
	own dictionary
}

func newEdgeList(in Input, peers int, pulled bool) *edgeList {
	l := &edgeList{coding: codingOf(peers), ids: newCensus(in.IDs, peers), pulled: pulled, weights: in.Weights || in.Ways, narrow: narrowLimit}
	l.buckets = make([]bucket, peers<<l.shift)
	return l
}

// A bucket has edges between the vertices of two owners, in chunks.
type bucket struct {
	full [][]byte
	open []byte // narrow or wide as the list says
	thin int    // of full chunks, how many are narrow; once the list is wide
}

// Sizes of chunks, in bytes.
const (
	chunkBytes = 512 << 10 // of full chunks
	chunkFirst = 1 << 10
)

// grow makes room for an edge.
func (b *bucket) grow() {
	switch {
	case b.open == nil:
		b.open = make([]byte, chunkHead, chunkFirst)
	case len(b.open) < chunkBytes/2:
		b.open = slices.Grow(b.open, len(b.open))
	case len(b.open) < chunkBytes-edgeRoom:
		b.open = append(make([]byte, 0, chunkBytes), b.open...)
	default:
		b.full = append(b.full, b.open)
		b.open = make([]byte, chunkHead, chunkBytes)
	}
}

// addEdges adds edges between codes, both ways if the graph is undirected: the two
// ways beside each other, so that the order of edges does not depend on how the input
// is cut.
func (l *edgeList) addEdges(codes []uint32, weights []float64, in Input) {
	if in.Undirected {
		codes, weights = bothWays(codes, weights, in)
	}
	mask, shift, buckets, form := uint32(1)<<l.shift-1, l.shift, l.buckets, formOf(l.wide, false)
	for i := 1; i < len(codes); i += 2 {
		row, other := codes[i-1], codes[i]
		if l.pulled {
			l.degrees[row]++
			row, other = other, row
		}
		b := &buckets[(row&mask)<<shift|other&mask]
		if cap(b.open)-len(b.open) < edgeRoom {
			b.grow()
		}
		n := len(b.open)
		binary.LittleEndian.PutUint64(b.open[n:n+8], form.join(row>>shift, other>>shift))
		b.open = b.open[:n+form.size]
		if weights != nil {
			b.open = binary.LittleEndian.AppendUint64(b.open, math.Float64bits(weights[i/2]))
		}
	}
}

// makeRoom makes room for codes below a bound.
func (l *edgeList) makeRoom(bound uint64) error {
	if bound > maxVertices {
		return tooManyVertices(l.ids.size())
	}
	if !l.wide && bound>>l.shift > uint64(l.narrow) {
		l.wide = true
		for i := range l.buckets {
			if b := &l.buckets[i]; b.open != nil {
				b.full, b.open, b.thin = append(b.full, b.open), nil, len(b.full)+1
			}
		}
	}
	if l.pulled && bound > uint64(len(l.degrees)) {
		grown := make([]uint32, max(bound, 2*uint64(len(l.degrees))))
		copy(grown, l.degrees)
		l.degrees = grown
	}
	return nil
}

// payloads returns what goes to the owner of rows: full chunks, and the others in one.
func (l *edgeList) payloads(owner int, p *placing) (out [][]byte) {
	var rest []byte
	for other := range l.peers {
		b := &l.buckets[owner<<l.shift|other]
		for i, chunk := range b.full {
			b.full[i] = nil
			out = append(out, p.seal(chunk, i >= b.thin && l.wide, owner, other, l.weights))
		}
		if b.open != nil {
			rest = append(rest, p.seal(b.open, l.wide, owner, other, l.weights)...)
		}
		*b = bucket{}
	}
	if rest != nil {
		out = append(out, rest)
	}
	return out
}

// give gives every owner its edges, in as many rounds as the largest number of payloads
// that goes from one peer to another, and returns the payloads from every peer.
func give(out [][][]byte, rounds int, hand handOver) ([][][]byte, error) {
	in := make([][][]byte, len(out))
	for round := range rounds {
		now := make([][]byte, len(out))
		for to, payloads := range out {
			if round < len(payloads) {
				now[to], payloads[round] = payloads[round], nil
			}
		}
		told, err := hand(now)
		if err != nil {
			return nil, err
		}
		for from, b := range told {
			if len(b) > 0 {
				in[from] = append(in[from], b)
			}
		}
	}
	return in, nil
}
