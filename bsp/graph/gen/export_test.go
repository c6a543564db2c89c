package gen

// DrawChunk draws n edges as Write does, before it shuffles and sorts them.
func (g RMAT) DrawChunk(n int, edge func(src, dst uint32)) { g.drawChunk(0, n, edge) }
