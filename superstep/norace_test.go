//go:build !race

package superstep_test

const raced = false // the race detector is off
