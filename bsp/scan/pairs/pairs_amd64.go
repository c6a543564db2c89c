package pairs

import "golang.org/x/sys/cpu"

// hasVector says whether lines are read by vectors.
var hasVector = cpu.X86.HasAVX2 && cpu.X86.HasBMI1

// hasWide says whether lines are read two at a time, and those of short numbers four.
var hasWide = cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VBMI2 && cpu.X86.HasBMI2

// short reads lines of numbers of up to seven digits from b[i] on, four at a time, while xs has room for eight numbers and 64 bytes are left, and
// returns what fast does.
//
//go:noescape
func short(xs []uint64, b []byte, i int) (n, end int)

// marked is Ends of 64 bytes at least.
//
//go:noescape
func marked(masks *[Window / 64]uint64, b []byte)

// long reads lines from b[i] on, i at least before, two at a time, while xs has room for four numbers and 128 bytes are left, and returns what fast does.
//
//go:noescape
func long(xs []uint64, b []byte, i int) (n, end int)

// fast reads lines from b[i] on, i at least before, while xs has room for two numbers and 64 bytes are left, and returns how
// many numbers it has read, and where the first line starts that it has not.
//
//go:noescape
func fast(xs []uint64, b []byte, i int) (n, end int)
