//go:build !amd64

package gather

func addRows(rows []uint32, sources []uint16, edges int, values *[Reach]float64, sums []float64) {
	PlainRows(rows, sources, edges, values, sums)
}

func addCell(edges []uint32, values, sums *[Reach]float64, ahead []float64) {
	PlainCell(edges, values, sums, ahead)
}

func addStrips(strips []uint32, edges int, values, sums *[Reach]float64) {
	PlainStrips(strips, edges, values, sums)
}
