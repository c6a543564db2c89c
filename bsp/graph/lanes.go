package graph

import "scalar/bsp/scan"

// laneBytes is how much of a line lanes may look at: eight bytes at its start, and eight
// after a number that may have eight digits and a blank.
const laneBytes = 17

// A lane is what was found in half a block, and where its next line starts.
type lane struct {
	ids  []uint64
	next int
}

// lanes parses lines as plain does, of numbers of up to seven digits, from the start of a
// block and from a line in its middle in turn: where a line ends is known late, and the
// next one of the other half need not wait for that. It returns what it has found in both
// halves, and where the second one starts.
func lanes(b []byte, ids, spare []uint64) (first, second lane, mid int) {
	mid = len(b)
	if mid >= 2*laneBytes {
		mid = scan.LineEnd(b, mid/2)
	}
	i, j := 0, mid
	for i+laneBytes <= mid && j+laneBytes <= len(b) {
		src, n, gap := scan.Short(b, i)
		dst, m, end := scan.Short(b, i+n+1)
		if n == 0 || m == 0 || gap != ' ' && gap != '\t' || end != '\n' {
			break
		}
		src2, n2, gap2 := scan.Short(b, j)
		dst2, m2, end2 := scan.Short(b, j+n2+1)
		if n2 == 0 || m2 == 0 || gap2 != ' ' && gap2 != '\t' || end2 != '\n' {
			break
		}
		ids, spare = append(ids, src, dst), append(spare, src2, dst2)
		i, j = i+n+m+2, j+n2+m2+2
	}
	return lane{ids, i}, lane{spare, j}, mid
}
