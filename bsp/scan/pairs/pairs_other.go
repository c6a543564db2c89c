//go:build !amd64

package pairs

// hasVector and hasShort say whether lines are read by vectors.
const hasVector, hasShort = false, false

// short leaves all lines.
func short(_ []uint64, _ []byte, i int) (n, end int) { return 0, i }

// fast leaves all lines.
func fast(_ []uint64, _ []byte, i int) (n, end int) { return 0, i }
