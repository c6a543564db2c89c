// Package deal goes over the edges of chunks as fast as it can, which is what loading a graph spends most on. Layout.Deal takes edges between ids as they are
// read and deals them out to chunks, one that is open for each range of rows and each pair of owners; Renumbering.Deal takes those of a chunk, once their ends have
// the numbers that they have at their owners; an Ends ranks, counts and looks up the ends of a chunk's edges.
//
// On an amd64 with BMI2 these are assembly: a chunk's next line is fetched before it is written, since hundreds of chunks are written in turn, more than
// the processor foresees, and loops have nothing but what an edge needs, so that many edges' looks into memory are under way at once. Elsewhere it is plain Go,
// with the same results. With AVX-512, VBMI2 and VPOPCNTDQ edges without weights are dealt, ranked and looked up eight at a time.
package deal
