// Package reduce adds what shards have computed, with the same bits wherever they were.
//
//	shards of a peer ─ Arena.Sum ─▶ sums of whole subtrees ─ Scatter ─▶ its range of the root,
//	                                                                       which it updates
//	the arena, whole, at every peer ◀─────────────────────── Gather ◀──────────┘
//
// Peers that are all in one process have the arena's weights once ([Arena.Place]), and Gather only waits.
//
// A [Tree] over the shards [0, S) halves at (lo+hi)/2; a sum is the tree's, not that of
// whoever comes first, so that it depends on S alone. A peer has a range of
// consecutive shards, and adds what is whole subtrees of its own; the rest is added by the
// owner of each range of the arena, in the same tree. [Tree.Sums] does so for a few float64s,
// at every peer.
package reduce
