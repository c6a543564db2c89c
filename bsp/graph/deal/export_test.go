package deal

// OneByOne calls f as it is where edges are not taken eight at a time.
func OneByOne(f func()) {
	defer func(before bool) { hasEight = before }(hasEight)
	hasEight = false
	f()
}

// Plain is Deal as it is where there is no assembly.
func (l *Layout) Plain(chunks [][]byte, seen, ids []uint64, weights []float64) int {
	return l.plain(chunks, seen, ids[:len(ids)&^1], weights)
}

// Plain is Deal as it is where there is no assembly.
func (r *Renumbering) Plain(chunks [][]byte, edges []byte) int { return r.plain(chunks, edges, 0) }

// PlainCount is Count as it is where there is no assembly.
func (e *Ends) PlainCount(rows, others []uint32, edges []byte) int {
	return e.plainCount(rows, others, edges)
}

// PlainLook is Look as it is where there is no assembly.
func (e *Ends) PlainLook(to *Looked, rows, others []uint32, edges []byte) (near, far, n int) {
	return e.plainLook(to, rows, others, edges[:min(len(edges), Batch*int(e.Size))])
}

// PlainRank is Rank as it is where there is no assembly.
func (e *Ends) PlainRank(rows, others []uint64, less uint32, edges []byte) {
	e.plainRank(rows, others, less, edges, 0)
}

// PlainCodes is DealCodes as it is where there is no assembly.
func (l *Layout) PlainCodes(chunks [][]byte, codes []uint32, weights []float64) int {
	return l.plainCodes(chunks, codes[:len(codes)&^1], weights, 0)
}
