// Package kmeans finds clusters: Lloyd's iterations from a start by k-means‖ or a file, on
// the BSP runtime.
//
//	rows of a shard ── blocks in cache ─▶ x·c − ‖c‖²/2 ─▶ nearest centre ─▶ sums, counts
//	                                                                            │ one tree
//	centres ◀── means of members, empty clusters refilled ◀── totals ◀──────────┘
//
// An iteration is a superstep. The rows of a job are cut into shards by their number alone;
// sums of a shard are float64 in the order of its rows, and those of all shards are added
// along one tree ([scalar/ml/reduce]). So the centres depend on the number of shards and the
// seed, and on nothing else: not on the number of peers, tasks or cores.
//
// What is near is decided in float32. So that this is no worse far from the origin, rows
// are kept less a whole number of their columns' deviations, see shift. Of two centres
// that are equally near, the first counts.
package kmeans
