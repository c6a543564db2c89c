package pairs

import "golang.org/x/sys/cpu"

// hasVector says whether lines are read by vectors.
var hasVector = cpu.X86.HasAVX2 && cpu.X86.HasBMI1

// fast reads lines from b[i] on, i at least before, while xs has room for two numbers and 64 bytes are left, and returns how
// many numbers it has read, and where the first line starts that it has not.
//
//go:noescape
func fast(xs []uint64, b []byte, i int) (n, end int)
