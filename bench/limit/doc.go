// Package limit holds single-purpose programs that do one thing the runtime does,
// and nothing else: no frames, checks, recovery or second use. Their figures are
// the floors that the runtime's stand beside.
//
//	AllToAll, Star   a barrier of one byte a message over bare connections
//	Stream           bytes both ways over one connection
//	Columns          16-byte messages both ways as columns of ids and values
//	PageRank         ranks of a graph, pulled along one grid
//	BFS              steps from a vertex, direction-optimising
//	Components       weak components by Afforest
//	SSSP             shortest paths by delta-stepping
//
// The graphs' programs take text in and give text out, in one process, with shared
// memory and atomics, on all cores.
package limit
