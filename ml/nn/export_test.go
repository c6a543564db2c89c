package nn

// Kept returns what a layer has kept of the last batch for its gradient.
func (e *Executor) Kept(layer string) []float32 {
	for i := range e.cells {
		if c := &e.cells[i]; c.n.name == layer {
			return c.kept
		}
	}
	return nil
}
