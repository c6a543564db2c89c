package idtable

import "golang.org/x/sys/cpu"

// hasFast says whether codes are found by assembly.
var hasFast = cpu.X86.HasAVX2 && cpu.X86.HasBMI2

// find is Table.Codes of one id at least, in a table that is not empty.
//
//go:noescape
func find(codes []uint32, ids []uint64, lines []line, shift uint64)
