// Package pairs reads lines of two whole numbers, which most files of edges are, as fast as it can: a line of any other
// form it leaves to its caller.
//
// On an amd64 with AVX2 64 bytes at a time are turned into a mask of those that are no digits. Where numbers end follows
// from it alone, so that no line waits for the one before. The digits of both numbers of a line are added up together by
// products of pairs (as in Muła, "Parsing series of integers with SIMD"). With AVX-512 and VBMI2 lines of numbers of up to
// seven digits are read four at a time, eight numbers being expanded to eight bytes each at once, and others two at a time.
// Elsewhere numbers are read one by one, by package scan, with the same results. For lines of names it tells where fields end.
package pairs
