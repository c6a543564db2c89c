// Package deal deals edges out to chunks, one that is open for each range of rows and each pair
// of owners, as fast as it can: what loading a graph spends most on.
//
// On an amd64 with BMI2 it is assembly that fetches the line of a chunk before it is written: hundreds of
// chunks are written in turn, more than the processor foresees. Elsewhere it is plain Go, with the
// same results.
package deal
