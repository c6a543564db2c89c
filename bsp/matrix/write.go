package matrix

import (
	"math"
	"strconv"

	"scalar/bsp/job"
)

// appendLine appends a number and the end of its line.
func appendLine(dst []byte, x float64) []byte {
	return append(strconv.AppendFloat(dst, x, 'g', -1, 64), '\n')
}

// finite fails for a sum that no Matrix Market file can hold. Rows and columns count
// from 1 here.
func finite(x float64, row, column uint64) error {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return job.Fail(job.FaultInput, "row %d, column %d of the product is too large for 64 bits (1.8e308): scale the input down", row, column)
	}
	return nil
}
