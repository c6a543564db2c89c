// Package splitmix mixes the bits of 64-bit numbers as the generator SplitMix64 does
// (Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014):
// hashes and reproducible choices, but nothing secret. Results are part of what programs
// write and of which peer owns what: they never change.
package splitmix

// Gamma is 2^64 by the golden ratio, made odd: what the generator adds before it mixes.
const Gamma = 0x9e3779b97f4a7c15

// Mix returns a permutation of all numbers in which every bit of x counts for every bit of
// the result. Mix(0) is 0. The constants are David Stafford's, variant 13.
func Mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Next returns what the generator gives in state x: Mix(x + Gamma). Its next state is
// x + Gamma.
func Next(x uint64) uint64 { return Mix(x + Gamma) }
