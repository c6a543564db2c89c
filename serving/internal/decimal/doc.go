// Package decimal reads runs of decimals as float32s and writes float32s as decimals, fast where it can: a number that it does not
// read it leaves to strconv, which is its twin.
//
// Eight bytes are looked at in a word: how many of them are digits, and by two products which number those are
// (Lemire, "Number parsing at a gigabyte per second", 2021, section 4). With m the digits and 10^−e what they are
// to be scaled by, the product in float64 has three roundings (of m, of the power, of the product), so that it
// is less than 4 of its units off. It rounds to the right float32 unless one of the midpoints between two float32s is
// as near, which its bits tell; such decimals are left.
//
// Numbers of at most 15 bytes are read by vectors where the processor is an amd64 with AVX2. Of 64 bytes it is found by a bit for
// each where numbers begin and end, and what is wrong in them, by a few operations on words (as in Langdale and Lemire,
// "Parsing gigabytes of JSON per second", 2019), so that no number waits for the one before it. Its digits are moved
// to the right of 16 bytes by a table, and added up by products of pairs (as in Muła, "Parsing series of integers with
// SIMD"). No branch depends on how many digits a number has, which a processor could not foretell.
package decimal

// Window is how many bytes have to be there for some to be read.
const Window = 80
