// Package deal deals edges out to chunks, one that is open for each range of rows and each pair
// of owners, as fast as it can: what loading a graph spends most on. Layout.Deal takes edges between ids as they are read;
// Renumbering.Deal takes those of a chunk, once their ends have the numbers that they have at their owners.
//
// On an amd64 with BMI2 it is assembly that fetches the line of a chunk before it is written: hundreds of
// chunks are written in turn, more than the processor foresees. Elsewhere it is plain Go, with the
// same results.
package deal
