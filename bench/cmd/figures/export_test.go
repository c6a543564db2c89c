package main

// For the tests.
var (
	Hub       = hub
	Rewrite   = rewrite
	SameRanks = sameRanks
)
