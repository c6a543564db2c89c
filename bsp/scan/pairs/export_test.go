package pairs

// Lanes is Append as it is where there are no vectors.
func Lanes(xs []uint64, b []byte, i int) ([]uint64, int) { return lanes(xs, b, i) }
