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
	return vectors(xs, b, i, hasShort)
}

// longer is how many lines are read by fast where short has stopped, before short is tried again.
const longer = 32

func vectors(xs []uint64, b []byte, i int, shorts bool) ([]uint64, int) {
	xs, i = words(xs, b, i, min(before, len(b)))
	for more := i >= before; more; {
		xs = slices.Grow(xs, (len(b)-i)/8+2)
		most := cap(xs) - len(xs)
		if shorts {
			n, end := short(xs[len(xs):cap(xs)], b, i)
			xs, i = xs[:len(xs)+n], end
			most = min(most-n, 2*longer)
		}
		n, end := fast(xs[len(xs):len(xs)+most], b, i)
		more = n+2 > most // it has stopped for want of room
		xs, i = xs[:len(xs)+n], end
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
