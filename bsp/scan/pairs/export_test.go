package pairs

// Lanes is Append as it is where there are no vectors.
func Lanes(xs []uint64, b []byte, i int) ([]uint64, int) { return lanes(xs, b, i) }

// PlainEnds is Ends as it is where there are no vectors.
func PlainEnds(masks *[Window / 64]uint64, b []byte) int {
	b = b[:min(len(b), Window)&^63]
	plainEnds(masks, b)
	return len(b)
}

// Fast is Append where four lines are not read at a time.
func Fast(xs []uint64, b []byte, i int) ([]uint64, int) {
	if !hasVector {
		return lanes(xs, b, i)
	}
	return vectors(xs, b, i, false)
}
