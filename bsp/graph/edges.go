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
	l := &edgeList{coding: codingOf(peers), ids: newCensus(in.IDs, peers), pulled: pulled, weights: in.Weights || in.Ways}
	l.buckets = make([]bucket, peers<<l.shift)
	return l
}

// A bucket has edges between the vertices of two owners, in chunks: u32 owner of the
// other ends, u32 count, and for every edge u32 number of the row, u32 number of the
// other end and, if kept, its weight.
type bucket struct {
	full [][]byte
	open []byte
}

// Sizes of chunks, in bytes.
const (
	chunkHead  = 8
	chunkBytes = 512 << 10 // of full chunks
	chunkFirst = 1 << 10
)

// edgeBytes returns what an edge takes in a chunk.
func edgeBytes(weights bool) int {
	if weights {
		return 16
	}
	return 8
}

// grow makes room for an edge.
func (b *bucket) grow() {
	switch {
	case b.open == nil:
		b.open = make([]byte, chunkHead, chunkFirst)
	case len(b.open) < chunkBytes/2:
		b.open = slices.Grow(b.open, len(b.open))
	case len(b.open) < chunkBytes-16:
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
	mask, shift, buckets := uint32(1)<<l.shift-1, l.shift, l.buckets
	for i := 1; i < len(codes); i += 2 {
		row, other := codes[i-1], codes[i]
		if l.pulled {
			l.degrees[row]++
			row, other = other, row
		}
		b := &buckets[(row&mask)<<shift|other&mask]
		if cap(b.open)-len(b.open) < 16 {
			b.grow()
		}
		n := len(b.open)
		b.open = b.open[:n+8]
		binary.LittleEndian.PutUint64(b.open[n:], uint64(other>>shift)<<32|uint64(row>>shift))
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
	if l.pulled && bound > uint64(len(l.degrees)) {
		grown := make([]uint32, max(bound, 2*uint64(len(l.degrees))))
		copy(grown, l.degrees)
		l.degrees = grown
	}
	return nil
}

// payloads returns what goes to the owner of rows: full chunks, and the others in one.
// numbers has by owner the number there of each of the peer's numbers; nil: they are the
// same.
func (l *edgeList) payloads(owner int, numbers [][]uint32) (out [][]byte) {
	var rest []byte
	for other := range l.peers {
		b := &l.buckets[owner<<l.shift|other]
		for _, chunk := range append(b.full, b.open) {
			if chunk == nil {
				continue
			}
			binary.LittleEndian.PutUint32(chunk, uint32(other))
			binary.LittleEndian.PutUint32(chunk[4:], uint32((len(chunk)-chunkHead)/edgeBytes(l.weights)))
			if numbers != nil {
				translate(chunk[chunkHead:], numbers[owner], numbers[other], edgeBytes(l.weights))
			}
			if len(chunk) >= chunkBytes/2 {
				out = append(out, chunk)
			} else {
				rest = append(rest, chunk...)
			}
		}
		*b = bucket{}
	}
	if rest != nil {
		out = append(out, rest)
	}
	return out
}

// translate changes the numbers of edges' ends.
func translate(edges []byte, rows, others []uint32, size int) {
	for ; len(edges) >= size; edges = edges[size:] {
		x := binary.LittleEndian.Uint64(edges)
		binary.LittleEndian.PutUint64(edges, uint64(others[x>>32])<<32|uint64(rows[uint32(x)]))
	}
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

// A segment is a chunk's edges between rows of this peer and vertices of another.
type segment struct {
	edges []byte
	size  int // of an edge, in bytes
}

// count returns how many edges there are.
func (s segment) count() int { return len(s.edges) / s.size }

// ends returns the number of the row, and at its owner that of the other end, of the
// edge at a byte of the segment.
func (s segment) ends(at int) (row, other uint32) {
	x := binary.LittleEndian.Uint64(s.edges[at:])
	return uint32(x), uint32(x >> 32)
}

// weight returns the weight of the edge at a byte of the segment.
func (s segment) weight(at int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(s.edges[at+8:]))
}

// bySender returns the segments of what every peer sent, by the other ends' owner, then
// sender.
func bySender(payloads [][][]byte, peers int, weights bool) ([][]segment, error) {
	segments := make([][]segment, peers)
	size := edgeBytes(weights)
	for _, list := range payloads {
		for _, b := range list {
			for len(b) > 0 {
				if len(b) < chunkHead {
					return nil, errSegment
				}
				owner, n := binary.LittleEndian.Uint32(b), int(binary.LittleEndian.Uint32(b[4:]))
				b = b[chunkHead:]
				if int64(owner) >= int64(peers) || n > len(b)/size {
					return nil, errSegment
				}
				segments[owner] = append(segments[owner], segment{b[:n*size], size})
				b = b[n*size:]
			}
		}
	}
	return segments, nil
}
