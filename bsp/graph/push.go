package graph

import (
	"math"
	"unsafe"

	"scalar/superstep"
)

// identity returns what changes nothing under op.
func identity[M superstep.Number](op superstep.Op) M {
	switch op {
	case superstep.Min:
		_, hi := extremes[M]()
		return hi
	case superstep.Max:
		lo, _ := extremes[M]()
		return lo
	default:
		return 0
	}
}

// extremes returns the smallest and the largest value of a type; infinities for
// floats.
func extremes[M superstep.Number]() (lo, hi M) {
	var zero M
	one, two := M(1), M(2)
	switch {
	case one/two != 0: // floats
		return M(math.Inf(-1)), M(math.Inf(1))
	case zero-one > zero: // unsigned: wraps around
		return 0, zero - one
	}
	least, most := int64(math.MinInt64), int64(math.MaxInt64)
	if unsafe.Sizeof(zero) == 4 {
		least, most = math.MinInt32, math.MaxInt32
	}
	return M(least), M(most)
}

// combine returns what a and b are together.
func combine[M superstep.Number](op superstep.Op, a, b M) M {
	switch op {
	case superstep.Sum:
		return a + b
	case superstep.Min:
		return min(a, b)
	default:
		return max(a, b)
	}
}

// push combines out[v] of every row v into the accumulator of the block's
// destination, along all edges of the row, and returns the number of edges walked.
// Rows whose out is the identity send nothing. One loop an operator: called
// through a function or an interface it took 1.6 to 1.8 ns an edge, instead of 0.9.
func push[M superstep.Number](b *block, op superstep.Op, out, acc []M) (walked int64) {
	if len(b.rows) == 0 {
		return 0
	}
	none := identity[M](op)
	start := b.starts[0]
	ends := b.starts[1:]
	for r, v := range b.rows {
		end := ends[r]
		x := out[v]
		if x != none {
			targets := b.targets[start:end]
			walked += int64(len(targets))
			switch op {
			case superstep.Sum:
				for _, t := range targets {
					acc[t] += x
				}
			case superstep.Min:
				for _, t := range targets {
					acc[t] = min(acc[t], x)
				}
			default:
				for _, t := range targets {
					acc[t] = max(acc[t], x)
				}
			}
		}
		start = end
	}
	return walked
}

// fold combines a run of values into the inbox.
func fold[M superstep.Number](op superstep.Op, inbox, vs []M) {
	inbox = inbox[:len(vs)]
	switch op {
	case superstep.Sum:
		for i, v := range vs {
			inbox[i] += v
		}
	case superstep.Min:
		for i, v := range vs {
			inbox[i] = min(inbox[i], v)
		}
	default:
		for i, v := range vs {
			inbox[i] = max(inbox[i], v)
		}
	}
}
