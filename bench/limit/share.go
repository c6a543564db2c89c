package limit

import (
	"strconv"
	"sync/atomic"
)

// How many vertices a worker takes at once.
const (
	chunk      = 1024 // of all; whole words of a bitmap
	rowChunk   = 4096 // of rows, the longest first
	frontChunk = 64   // of a frontier, where one may have many edges
)

// inChunks has the workers share the range from 0 to n.
func inChunks(workers, n, chunk int, f func(w, lo, hi int)) {
	var next atomic.Int64
	parallel(workers, func(w int) {
		for hi := int(next.Add(int64(chunk))); hi-chunk < n; hi = int(next.Add(int64(chunk))) {
			f(w, hi-chunk, min(hi, n))
		}
	})
}

// A bitmap is a set of vertices.
type bitmap []uint64

func newBitmap(n int) bitmap { return make(bitmap, (n+63)/64) }

func (b bitmap) has(v uint32) bool { return b[v/64]>>(v%64)&1 != 0 }

func (b bitmap) set(v uint32) { b[v/64] |= 1 << (v % 64) }

func appendUint(dst []byte, x uint32) []byte { return strconv.AppendUint(dst, uint64(x), 10) }

func total(of []int) (sum int) {
	for _, x := range of {
		sum += x
	}
	return sum
}
