package limit

import (
	"math"
	"math/bits"
	"slices"
	"strconv"
	"sync/atomic"
)

// BFS counts the steps from a vertex to all others as algo.BFS does,
// direction-optimising (Beamer, Asanović and Patterson, SC 2012): while the frontier
// has few edges it pushes along them, else every vertex that is not reached yet looks
// for one of the frontier among those with an edge to it.
type BFS struct {
	Source  uint32 // id
	Workers int
}

// When the direction turns: alpha and beta of section 5 of the paper.
const (
	turnUp   = 15 // up when the frontier has more than 1/turnUp of the edges that are left
	turnDown = 18 // down again when it has less than 1/turnDown of the vertices
)

// Run reads the file input and writes "id TAB steps" lines into the new folder output.
func (c BFS) Run(input, output string) (Times, error) {
	return run(input, output, c.Workers, want{in: true, out: true}, func(g *csr) (line, error) {
		source, err := g.at(c.Source)
		if err != nil {
			return nil, err
		}
		s := newSearch(g, source, c.Workers)
		s.run()
		return func(dst []byte, v int) []byte {
			if s.steps[v] == unreached {
				return strconv.AppendInt(dst, math.MaxInt64, 10)
			}
			return appendUint(dst, s.steps[v])
		}, nil
	})
}

const unreached = math.MaxUint32

// A search is one run of BFS.
type search struct {
	g       *csr
	workers int
	steps   []uint32 // by vertex; those that push write it atomically
	level   uint32   // of the vertices that are being looked for
	queue   []uint32 // the frontier while it pushes
	found   [][]uint32
}

func newSearch(g *csr, source uint32, workers int) *search {
	s := &search{g: g, workers: workers, steps: make([]uint32, len(g.ids)), level: 1, queue: []uint32{source}, found: make([][]uint32, workers)}
	for v := range s.steps {
		s.steps[v] = unreached
	}
	s.steps[source] = 0
	return s
}

func (s *search) run() {
	left := len(s.g.out.ends)
	leave := s.g.out.degree(s.queue[0])
	for len(s.queue) > 0 {
		if leave > left/turnUp {
			s.pullAll()
			leave = 1
			continue
		}
		left -= leave
		leave = s.push()
	}
}

// push takes one step along the frontier's edges and returns how many edges leave
// the next one.
func (s *search) push() (leave int) {
	counts := make([]int, s.workers)
	inChunks(s.workers, len(s.queue), frontChunk, func(w, lo, hi int) {
		found, edges := s.found[w], 0
		for _, u := range s.queue[lo:hi] {
			for _, v := range s.g.out.of(u) {
				if atomic.LoadUint32(&s.steps[v]) == unreached && atomic.CompareAndSwapUint32(&s.steps[v], unreached, s.level) {
					found = append(found, v)
					edges += s.g.out.degree(v)
				}
			}
		}
		s.found[w], counts[w] = found, counts[w]+edges
	})
	s.queue = slices.Concat(s.found...)
	for w := range s.found {
		s.found[w] = s.found[w][:0]
	}
	s.level++
	return total(counts)
}

// pullAll pulls while the frontier is large and leaves the last one in the queue.
func (s *search) pullAll() {
	n := len(s.steps)
	front, next := newBitmap(n), newBitmap(n)
	for _, v := range s.queue {
		front.set(v)
	}
	for awake, last := len(s.queue), 0; awake >= last || awake > n/turnDown; {
		last, awake = awake, s.pull(front, next)
		front, next = next, front
		if awake == 0 {
			break
		}
	}
	s.queue = s.queue[:0]
	for i, word := range front {
		for ; word != 0; word &= word - 1 {
			s.queue = append(s.queue, uint32(64*i+bits.TrailingZeros64(word)))
		}
	}
}

// pull takes one step towards the vertices that are not reached and returns how many
// it reaches. A chunk is whole words of the bitmaps: nobody else writes them.
func (s *search) pull(front, next bitmap) (awake int) {
	counts := make([]int, s.workers)
	inChunks(s.workers, len(s.steps), chunk, func(w, lo, hi int) {
		found := 0
		clear(next[lo/64 : (hi+63)/64])
		for v := uint32(lo); v < uint32(hi); v++ {
			if s.steps[v] != unreached {
				continue
			}
			if slices.ContainsFunc(s.g.in.of(v), front.has) {
				s.steps[v] = s.level
				next.set(v)
				found++
			}
		}
		counts[w] += found
	})
	s.level++
	return total(counts)
}
