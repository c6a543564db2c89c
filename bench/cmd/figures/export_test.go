package main

// For the tests.
var (
	Hub       = hub
	Rewrite   = rewrite
	SameRanks = func(a, b string) (float64, error) { return sameRanks(a, b, rankTolerance) }
)
