//go:build !amd64

package deal

// hasFast says whether edges are dealt by assembly.
const hasFast = false

// hasEight says whether edges are taken eight at a time.
var hasEight = false

func pulled(_ [][]byte, _, _ []uint64, _ []float64, _ *Layout) int { return 0 }
func pushed(_ [][]byte, _, _ []uint64, _ []float64, _ *Layout) int { return 0 }

func dealtEight(_ [][]byte, _, _ []uint64, _ *Layout) int { return 0 }

func renumbered(_ [][]byte, _ []byte, _ *Renumbering) int { return 0 }

func renumberedEight(_ [][]byte, _ []byte, _ *Renumbering) int { return 0 }

func counted(_, _ []uint32, _ []byte, _ *Ends) int { return 0 }

func looked(_ *Looked, _, _ []uint32, _ []byte, _ *Ends) (near, n int) { return 0, 0 }

func lookedEight(_ *Looked, _, _ []uint32, _ []byte, _ *Ends) (near, n int) { return 0, 0 }

func rankedEight(_, _ []uint64, _ uint64, _ []byte, _ *Ends) int { return 0 }

func ranked(_, _ []uint64, _ uint64, _ []byte, _ *Ends) int { return 0 }

func pulledCodes(_ [][]byte, _ []uint32, _ *Layout) int { return 0 }
func pushedCodes(_ [][]byte, _ []uint32, _ *Layout) int { return 0 }
func codedEight(_ [][]byte, _ []uint32, _ *Layout) int  { return 0 }
