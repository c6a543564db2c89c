package nn

// RowValues returns how many float32s an [Executor] keeps a row in inference, at most, and how
// many more it needs whatever the rows: what a convolution gathers of an image.
func (g *Graph) RowValues() (row, fixed int64) {
	for i := range g.nodes {
		n := &g.nodes[i]
		row += int64(n.size)
		if _, ok := n.op.(*conv); ok {
			taps := int64(1)
			for _, d := range g.params[n.params[0]].Shape[1:] {
				taps *= int64(d)
			}
			fixed = max(fixed, taps*int64(n.shape[1]*n.shape[2]))
		}
	}
	return row, fixed
}
