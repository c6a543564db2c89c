package gather

// addRows is Rows of one row at least.
//
//go:noescape
func addRows(rows []uint32, sources []uint16, edges int, values *[Reach]float64, sums []float64)

// addCell is Cell.
//
//go:noescape
func addCell(edges []uint32, values, sums *[Reach]float64, ahead []float64)

// addStrips is Strips of one strip at least.
//
//go:noescape
func addStrips(strips []uint32, edges int, values, sums *[Reach]float64)
