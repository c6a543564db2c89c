package model

// ExecutorBytes returns how much memory an [Executor] keeps for batches of some rows, at most.
func (p *Predictor) ExecutorBytes(rows int) int64 {
	if p.graph == nil {
		return 4 * int64(rows) * int64(p.centers.k)
	}
	row, fixed := p.graph.RowValues()
	return 4 * ((row+int64(p.graph.Outputs()))*int64(rows) + fixed)
}
