package pairs

// Lanes is Append as it is where there are no vectors.
func Lanes(xs []uint64, b []byte, i int) ([]uint64, int) { return lanes(xs, b, i) }

// Fast is Append where four lines are not read at a time.
func Fast(xs []uint64, b []byte, i int) ([]uint64, int) {
	if !hasVector {
		return lanes(xs, b, i)
	}
	return vectors(xs, b, i, false)
}
