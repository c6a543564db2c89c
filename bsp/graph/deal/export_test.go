package deal

// Plain is Deal as it is where there is no assembly.
func (l *Layout) Plain(chunks [][]byte, seen, ids []uint64, weights []float64) int {
	return l.plain(chunks, seen, ids[:len(ids)&^1], weights)
}

// Plain is Deal as it is where there is no assembly.
func (r *Renumbering) Plain(chunks [][]byte, edges []byte) int { return r.plain(chunks, edges, 0) }
