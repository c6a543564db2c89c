package algo

import (
	"math"
	"slices"

	"scalar/bsp/graph"
)

// stepper is one peer's part of delta-stepping.
type stepper struct {
	starts, ends   []uint32 // the edges of own vertex v are ends[starts[v]:starts[v+1]], places
	weights        []float64
	own            uint32   // places below are own vertices
	peers, numbers []uint32 // by place-own: whose vertex it is, and its number there
	scale          float64  // 1/width of a bucket

	best    []float64  // by place: the shortest way known; to others' vertices, the shortest over own ones
	waits   []bool     // by place: in a bucket, or in dirty
	buckets [][]uint32 // own vertices whose edges are to be relaxed, and some that no longer wait
	spare   [][]uint32 // for buckets that are empty
	first   int        // all buckets before are empty
	reach   int        // how many buckets a superstep empties
	limit   int        // the first bucket behind those of this superstep
	dirty   []uint32   // places of others to which a shorter way was found in this superstep
	relaxed int64      // edges, in this superstep
}

// noBucket is behind all buckets.
const noBucket = math.MaxUint32

func newStepper(part *graph.Part, width float64) *stepper {
	s := &stepper{own: uint32(part.Len()), scale: 1 / width, reach: 1, limit: 1}
	s.starts, s.ends, s.weights = part.Rows()
	peers, numbers := part.Owners()
	s.peers, s.numbers = peers[s.own:], numbers[s.own:]
	s.waits, s.best = make([]bool, len(peers)), make([]float64, len(peers))
	for i := range s.best {
		s.best[i] = math.Inf(1)
	}
	return s
}

// fine is the logarithm of how many buckets have the agreed width. Those behind are
// 1/2^fine of the distance wide, or less, so that there are few of them however long
// the paths are: 2^fine for each doubling.
const fine = 8

// bucketOf returns the bucket of a distance. The bits of a float64 from 2^fine up, without
// the lower ones of the fraction, number such buckets.
func (s *stepper) bucketOf(d float64) int {
	const mantissa, bias = 52, 1023
	return int(math.Float64bits(d*s.scale+1<<fine)>>(mantissa-fine)) - (bias+fine)<<fine
}

// shorten notes a shorter way to an own vertex, which waits from then on.
func (s *stepper) shorten(v uint32, d float64) {
	b := s.bucketOf(d)
	there := s.waits[v] && s.bucketOf(s.best[v]) == b
	s.best[v] = d
	if there {
		return
	}
	s.waits[v] = true
	if b >= len(s.buckets) {
		s.buckets = append(s.buckets, make([][]uint32, b+1-len(s.buckets))...)
	}
	list := s.buckets[b]
	if n := len(s.spare); list == nil && n > 0 {
		list, s.spare = s.spare[n-1], s.spare[:n-1]
	}
	s.buckets[b] = append(list, v)
	s.first = min(s.first, b)
}

// shortenOther notes a shorter way to another peer's vertex, of which it is to be told.
func (s *stepper) shortenOther(t uint32, d float64) {
	s.best[t] = d
	if !s.waits[t] {
		s.waits[t] = true
		s.dirty = append(s.dirty, t)
	}
}

// receive takes what the other peers have found.
func (s *stepper) receive(slot uint32, ds []float64) {
	for i, d := range ds {
		if v := slot + uint32(i); d < s.best[v] {
			s.shorten(v, d)
		}
	}
}

// solve empties the buckets below limit, the nearest first, and returns how often the
// edges of a vertex were relaxed. A vertex that gets a shorter way meanwhile comes into a
// bucket again.
func (s *stepper) solve() (active int64) {
	s.relaxed = 0
	for b := s.nearest(); b < s.limit; b = s.nearest() {
		for next := 0; next < len(s.buckets[b]); { // which grows meanwhile
			v := s.buckets[b][next]
			if next++; s.waits[v] {
				s.waits[v] = false
				s.relax(v)
				active++
			}
		}
		s.spare = append(s.spare, s.buckets[b][:0])
		s.buckets[b] = nil
	}
	return active
}

// relax tries the ways over a vertex.
func (s *stepper) relax(v uint32) {
	best, d := s.best, s.best[v]
	lo, hi := s.starts[v], s.starts[v+1]
	s.relaxed += int64(hi - lo)
	ends := s.ends[lo:hi]
	weights := s.weights[lo:hi][:len(ends)]
	for i, t := range ends {
		switch to := d + weights[i]; {
		case to >= best[t]:
		case t < s.own:
			s.shorten(t, to)
		default:
			s.shortenOther(t, to)
		}
	}
}

// nearest returns the nearest bucket of which a vertex waits.
func (s *stepper) nearest() int {
	for ; s.first < len(s.buckets); s.first++ {
		b := s.buckets[s.first]
		if slices.ContainsFunc(b, func(v uint32) bool { return s.waits[v] }) {
			return s.first
		}
		if b != nil {
			s.spare = append(s.spare, b[:0])
			s.buckets[s.first] = nil
		}
	}
	return noBucket
}
