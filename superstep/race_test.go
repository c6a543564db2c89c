//go:build race

package superstep_test

const raced = true // the race detector is on
