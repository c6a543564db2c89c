// Package gather adds up values along the edges of a graph, as fast as it can: what ranking
// vertices spends most on.
//
// On an amd64 sums of float64 are assembly, of instructions that every such processor has: it
// takes fewer of them an edge, so that more edges are under way while the caches are waited for,
// and fetches edges ahead, which the processor itself does to the end of a page only. Elsewhere, and of
// other numbers, they are plain Go, with the same results.
package gather
