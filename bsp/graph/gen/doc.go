// Package gen makes graphs for tests and measurements: R-MAT edge lists as bsp
// data gen writes them.
//
//	seed ──▶ chunks of edges ──▶ buckets by source ──▶ sort, drop duplicates ──▶ text
//	         (one PCG a chunk)   (shuffled ids)        (in parallel)             (in order)
//
// The same configuration gives the same bytes on every machine and with any
// number of cores.
package gen
