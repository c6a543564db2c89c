package pairs

import (
	"slices"

	"scalar/bsp/scan"
)

// before is how many bytes before the first line vectors may look at: a number's last 32.
const before = 32

// Append appends the numbers of the lines from b[i] on that are two numbers with one blank or tab between them, up to the
// first that is anything else, and returns where that one starts. Numbers are at most scan.MaxNumber; the last line needs
// its end.
func Append(xs []uint64, b []byte, i int) ([]uint64, int) {
	if !hasVector {
		return lanes(xs, b, i)
	}
	return vectors(xs, b, i, hasWide)
}

// longer is how many numbers are read two lines at a time where short has stopped, before short is tried again: twice as many where it has read nothing since.
const longer = 64

func vectors(xs []uint64, b []byte, i int, wide bool) ([]uint64, int) {
	xs, i = words(xs, b, i, min(before, len(b)))
	most := longer
	for more := i >= before; more; {
		xs = slices.Grow(xs, (len(b)-i)/8+4)
		room := xs[len(xs):cap(xs)]
		var n, end int
		if wide {
			if n, end = short(room, b, i); n > 0 {
				most = longer
			}
			xs, room = xs[:len(xs)+n], room[n:min(n+most, len(room))]
			most *= 2
			n, end = long(room, b, end)
		} else {
			n, end = fast(room, b, i)
		}
		xs, i = xs[:len(xs)+n], end
		full := n+4 > len(room)
		wide, more = wide && full, wide || full // the last lines are read one by one
	}
	return words(xs, b, i, len(b))
}

// words reads lines that begin before limit, number by number.
func words(xs []uint64, b []byte, i, limit int) ([]uint64, int) {
	for i < limit {
		first, j, ok := scan.Number(b, i)
		if !ok || j >= len(b) || b[j] != ' ' && b[j] != '\t' {
			break
		}
		second, k, ok := scan.Number(b, j+1)
		if !ok || k >= len(b) || b[k] != '\n' {
			break
		}
		xs = append(xs, first, second)
		i = k + 1
	}
	return xs, i
}
