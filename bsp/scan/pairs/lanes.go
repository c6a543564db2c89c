package pairs

import (
	"slices"

	"scalar/bsp/scan"
)

// laneBytes is how much of a line lanes may look at: eight bytes at its start, and eight after a number that may have eight
// digits and a blank.
const laneBytes = 17

// lanes reads lines of numbers of up to seven digits, from b[i] on and from a line in the middle of the rest in turn: where
// a line ends is known late, and the next one of the other half need not wait for that.
func lanes(xs []uint64, b []byte, i int) ([]uint64, int) {
	mid := len(b)
	if mid-i >= 2*laneBytes {
		mid = scan.LineEnd(b, i+(mid-i)/2)
	}
	n, j, far := len(xs), mid, len(xs)+(mid-i)/2
	all := slices.Grow(xs, (len(b)-i)/2+2)
	all = all[:cap(all)]
	m := far
	for i+laneBytes <= mid && j+laneBytes <= len(b) {
		src, k, gap := scan.Short(b, i)
		dst, l, end := scan.Short(b, i+k+1)
		if k == 0 || l == 0 || gap != ' ' && gap != '\t' || end != '\n' {
			break
		}
		src2, k2, gap2 := scan.Short(b, j)
		dst2, l2, end2 := scan.Short(b, j+k2+1)
		if k2 == 0 || l2 == 0 || gap2 != ' ' && gap2 != '\t' || end2 != '\n' {
			break
		}
		all[n], all[n+1], all[m], all[m+1] = src, dst, src2, dst2
		i, j, n, m = i+k+l+2, j+k2+l2+2, n+2, m+2
	}
	second := all[far:m]
	if xs, i = words(all[:n:far], b, i, mid); i < mid {
		return xs, i
	}
	return words(append(xs, second...), b, j, len(b))
}
