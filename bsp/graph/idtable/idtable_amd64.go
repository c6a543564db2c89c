package idtable

import "golang.org/x/sys/cpu"

// hasFast says whether codes are found by assembly.
var hasFast = cpu.X86.HasAVX2 && cpu.X86.HasBMI2

// intern is Numbers.Intern of an even number of ids, of which those before at have their codes, with a table that is not
// empty and has homes of 64-shift bits. It stops before an id that has no code and for which the array is too short, or the
// table or its owner's ids have no room, and returns which.
//
//go:noescape
func intern(codes []uint32, ids []uint64, n *Numbers, at int, shift uint64) int
