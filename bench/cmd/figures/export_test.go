package main

import "os/exec"

// For the tests.
var (
	Hub       = hub
	Rewrite   = rewrite
	SameRanks = func(a, b string) (float64, error) { return sameRanks(a, b, rankTolerance) }
)

// Ask starts a command as a multiplier, asks it for one product of 2×3 by 3×4, and
// returns what it says.
func Ask(cmd *exec.Cmd) (library string, median, least float64, err error) {
	m := &multiplier{cmd: cmd}
	if err := m.start(); err != nil {
		return "", 0, 0, err
	}
	defer m.close()
	t, err := m.measure(size{2, 4, 3})
	return m.Library, t.Median, t.Least, err
}

// GemmMark returns the name of an n×n×n product, its speed when it takes a second, and
// what of OpenBLAS's it should have.
func GemmMark(n, cores int) (name string, gflops, mark float64) {
	s := size{n, n, n}
	return s.String(), s.gflops(1), s.openBLASMark(cores)
}
