package decimal

import "golang.org/x/sys/cpu"

// hasVector says whether the processor has AVX2 and what came with it, which all but those of before 2013 have.
var hasVector = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2

// tables are what runVector reads, at the places that it knows.
type tables struct {
	// pick says which of 16 bytes are the digits of a number, to be moved to the right: by where its point is
	// and where it ends. Bytes of 0x80 give zeros.
	pick  [16][16][16]uint8
	scale [16]float64 // by the digits behind the point, plus 1
	tens  [16]int8
	hunds [8]int16
	myrs  [8]int16
	bytes [6]uint8
}

var vector = func() (t tables) {
	for a := range 16 {
		for b := range 16 {
			to := &t.pick[a][b]
			k := 15
			for from := b - 1; from >= 0; from-- {
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
	t.scale[0] = 1
	copy(t.scale[1:], scale[:])
	for i := range 16 {
		t.tens[i] = int8(10 - 9*(i%2))
		t.hunds[i/2], t.myrs[i/2] = int16(100-99*(i/2%2)), int16(10000-9999*(i/2%2))
	}
	t.bytes = [...]uint8{'0', 9, '.', ',', ' ', '-'}
	return t
}()

// runVector reads numbers as runWords does, those of at most 15 bytes without a minus that a comma follows: where they begin and
// end is found in 64 bytes at a time, so that none waits for the one before, and no branch is one that numbers of the same form take
// differently.
//
//go:noescape
func runVector(x []float32, b []byte, i int, t *tables) (n, end int)

// most is how many numbers one call reads: the runtime cannot stop a goroutine in assembly, and this is some 15 µs of it.
const most = 4096

// fast reads numbers by vectors, at most so many.
func fast(x []float32, b []byte, i int) (n, end int) {
	if !hasVector || i >= len(b) || b[i] == ' ' { // a blank is skipped behind a comma
		return 0, i
	}
	if n, end = runVector(x[:min(len(x), most)], b, i, &vector); n == 0 {
		return 0, i
	}
	return n, end
}
