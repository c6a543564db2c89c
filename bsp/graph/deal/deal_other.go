//go:build !amd64

package deal

// hasFast says whether edges are dealt by assembly.
const hasFast = false

func pulled(_ [][]byte, _, _ []uint64, _ []float64, _ *Layout) int { return 0 }
func pushed(_ [][]byte, _, _ []uint64, _ []float64, _ *Layout) int { return 0 }

func renumbered(_ [][]byte, _ []byte, _ *Renumbering) int { return 0 }
