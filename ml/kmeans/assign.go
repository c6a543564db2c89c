package kmeans

import "scalar/tensor"

// A worker assigns rows to centres, on the cores of its CPU.
type worker struct {
	cpu    *tensor.CPU
	scores tensor.Dense[float32]
	places []int32 // the nearest centre of each row of a block
}

// blockValues is about how many values of rows and scores are handled at once: 256 KiB of
// them stay in a core's cache from the product to the sums.
const blockValues = 64 << 10

// blockRows returns how many rows a block has: a multiple of what kernels take at once.
func blockRows(f, k int) int { return max(blockValues/(f+k)/48, 1) * 48 }

// blocks calls do with the nearest centres of each block of a shard's rows, from row lo on, of
// equally near ones the first.
func (w *worker) blocks(s *shard, c *centers, do func(lo int, nearest []int32) error) error {
	size := blockRows(c.f, c.k)
	if w.scores.IsZero() || w.scores.Dim(1) != c.k {
		w.scores, w.places = tensor.New[float32](size, c.k), make([]int32, size)
	}
	e := tensor.Epilogue{}
	if !c.cosine {
		e.Bias = c.bias
	}
	for lo := 0; lo < s.len(); lo += size {
		hi := min(lo+size, s.len())
		scores, nearest := w.scores.Slice(0, 0, hi-lo), w.places[:hi-lo]
		if err := w.cpu.MatMulPacked(scores, s.x.Slice(0, lo, hi), c.packed, e); err != nil {
			return err
		}
		if err := w.cpu.Largest(nearest, scores); err != nil {
			return err
		}
		if err := do(lo, nearest); err != nil {
			return err
		}
	}
	return nil
}

// assign labels all rows of a shard with their nearest centre, and sets totals to what
// its members add up to.
func (w *worker) assign(s *shard, c *centers, totals []float64) error {
	clear(totals)
	counts, changed := c.counts(totals), &totals[len(totals)-1]
	sums, err := tensor.From(totals[:c.k*c.f], c.k, c.f)
	if err != nil {
		return err
	}
	return w.blocks(s, c, func(lo int, nearest []int32) error {
		labels := s.labels[lo : lo+len(nearest)]
		for i, j := range nearest {
			if labels[i] != j {
				*changed++
			}
			counts[j]++
		}
		copy(labels, nearest)
		return w.cpu.AddGroups(sums, s.x.Slice(0, lo, lo+len(nearest)), nearest)
	})
}

// label labels all rows without anything else.
func (w *worker) label(s *shard, c *centers) error {
	return w.blocks(s, c, func(lo int, nearest []int32) error {
		copy(s.labels[lo:], nearest)
		return nil
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
