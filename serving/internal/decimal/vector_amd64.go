package decimal

import "golang.org/x/sys/cpu"

// hasVector says whether the processor has SSE4.1, which all but those of before 2008 have.
var hasVector = cpu.X86.HasSSSE3 && cpu.X86.HasSSE41

// tables are what runVector reads, at the places that it knows.
type tables struct {
	// pick says which of 16 bytes are the digits of a number, to be moved to the right: by its sign, where its point is
	// and where it ends. Bytes of 0x80 give zeros.
	pick  [2][16][16][16]uint8
	scale [16]float64 // by the digits behind the point, plus 1
	zero  [16]uint8
	nine  [16]uint8
	point [16]uint8
	tens  [16]int8
	hunds [8]int16
	myrs  [8]int16
}

var vector = func() (t tables) {
	for sign := range 2 {
		for a := range 16 {
			for b := range 16 {
				to := &t.pick[sign][a][b]
				k := 15
				for from := b - 1; from >= sign; from-- {
					if from != a {
						to[k] = uint8(from)
						k--
					}
				}
				for ; k >= 0; k-- {
					to[k] = 0x80
				}
			}
		}
	}
	t.scale[0] = 1
	copy(t.scale[1:], scale[:])
	for i := range 16 {
		t.zero[i], t.nine[i], t.point[i], t.tens[i] = '0', 9, '.', int8(10-9*(i%2))
		t.hunds[i/2], t.myrs[i/2] = int16(100-99*(i/2%2)), int16(10000-9999*(i/2%2))
	}
	return t
}()

// runVector reads numbers as runWords does, of at most 15 bytes each, 16 bytes at a time and without a branch that numbers of the
// same form take differently.
//
//go:noescape
func runVector(x []float32, b []byte, i int, t *tables) (n, end int)

// most is how many numbers one call reads: the runtime cannot stop a goroutine in assembly, and this is some 25 µs of it.
const most = 4096

// fast reads numbers by vectors, at most so many.
func fast(x []float32, b []byte, i int) (n, end int) {
	if !hasVector {
		return 0, i
	}
	return runVector(x[:min(len(x), most)], b, i, &vector)
}
