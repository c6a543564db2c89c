//go:build amd64 || arm64

package decimal

// Words reads by words alone, and Vectors by vectors.
var (
	Words   = runWords
	Vectors = fast
)
