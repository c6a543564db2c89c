// Package decimal reads runs of decimals as float32s, fast where it can: one that it does not take it leaves to strconv,
// which is its twin.
//
// Eight bytes are looked at in a word: how many of them are digits, and by two products which number those are
// (Lemire, "Number parsing at a gigabyte per second", 2021, section 4). With m the digits and 10^−e what they are
// to be scaled by, the product in float64 has three roundings (of m, of the power, of the product), so that it
// is less than 4 of its units off. It rounds to the right float32 unless one of the midpoints between two float32s is
// as near, which its bits tell; such decimals are left.
//
// Numbers of at most 15 bytes are read by vectors of 16 bytes where the processor is an amd64 with SSE4.1: their digits
// are moved to the right by a table, and added up by products of pairs (as in Muła, "Parsing series of integers with
// SIMD"). No branch depends on how many digits a number has, which a processor could not foretell.
package decimal

// Window is how many bytes have to be there from the first byte of a number on.
const Window = 48
