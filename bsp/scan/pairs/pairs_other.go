//go:build !amd64

package pairs

// hasVector and hasWide say whether lines are read by vectors.
const hasVector, hasWide = false, false

// short leaves all lines.
func short(_ []uint64, _ []byte, i int) (n, end int) { return 0, i }

func marked(_ *[Window / 64]uint64, _ []byte) {}

// long leaves all lines.
func long(_ []uint64, _ []byte, i int) (n, end int) { return 0, i }

// fast leaves all lines.
func fast(_ []uint64, _ []byte, i int) (n, end int) { return 0, i }
