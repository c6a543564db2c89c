package kmeans

import "scalar/tensor"

// A worker assigns rows to centres, on the cores of its CPU.
type worker struct {
	cpu    *tensor.CPU
	scores tensor.Dense[float32]
}

// blockValues is about how many values of rows and scores are handled at once: 256 KiB of
// them stay in a core's cache from the product to the sums.
const blockValues = 64 << 10

// blockRows returns how many rows a block has: a multiple of what kernels take at once.
func blockRows(f, k int) int { return max(blockValues/(f+k)/48, 1) * 48 }

// blocks calls do with the scores of each block of a shard's rows, from row lo on: those of
// row lo+i and centre j at i·k+j, the larger the nearer.
func (w *worker) blocks(s *shard, c *centers, do func(lo int, scores []float32)) error {
	size := blockRows(c.f, c.k)
	if w.scores.IsZero() || w.scores.Dim(1) != c.k {
		w.scores = tensor.New[float32](size, c.k)
	}
	e := tensor.Epilogue{}
	if !c.cosine {
		e.Bias = c.bias
	}
	for lo := 0; lo < s.len(); lo += size {
		hi := min(lo+size, s.len())
		scores := w.scores.Slice(0, 0, hi-lo)
		if err := w.cpu.MatMulPacked(scores, s.x.Slice(0, lo, hi), c.packed, e); err != nil {
			return err
		}
		do(lo, scores.Values())
	}
	return nil
}

// assign labels all rows of a shard with their nearest centre, and sets totals to what
// its members add up to.
func (w *worker) assign(s *shard, c *centers, totals []float64) error {
	clear(totals)
	counts, changed := c.counts(totals), &totals[len(totals)-1]
	return w.blocks(s, c, func(lo int, scores []float32) {
		k, f := c.k, c.f
		x := s.x.Values()[lo*f:]
		for i := range len(scores) / k {
			j := nearest(scores[i*k : (i+1)*k])
			if label := &s.labels[lo+i]; *label != int32(j) {
				*label = int32(j)
				*changed++
			}
			counts[j]++
			addTo(totals[j*f:(j+1)*f], x[i*f:(i+1)*f])
		}
	})
}

// label labels all rows without anything else.
func (w *worker) label(s *shard, c *centers) error {
	return w.blocks(s, c, func(lo int, scores []float32) {
		for i := range len(scores) / c.k {
			s.labels[lo+i] = int32(nearest(scores[i*c.k : (i+1)*c.k]))
		}
	})
}

// measure returns the sum of the distances of a shard's rows from the centres they are
// labelled with, each in float64.
func (s *shard) measure(c *centers) float64 {
	sum := 0.0
	for i, j := range s.labels {
		sum += c.distance(s.row(i), int(j))
	}
	return sum
}

// nearest returns the place of the largest score, the first of equals.
func nearest(scores []float32) int {
	at, best := 0, scores[0]
	for j, v := range scores {
		if v > best {
			at, best = j, v
		}
	}
	return at
}

// addTo adds a row to sums.
func addTo(sums []float64, row []float32) {
	row = row[:len(sums)]
	for i := range sums {
		sums[i] += float64(row[i])
	}
}
