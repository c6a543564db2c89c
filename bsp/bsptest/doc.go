// Package bsptest helps to test programs: it runs them on any number of peers in
// one or several tasks of this process, over connections in memory, and ends an
// attempt at a chosen superstep to see whether the next one, from its checkpoint,
// writes the same bytes.
//
//	func TestRing(t *testing.T) {
//		r := bsp.NewRunner(ring)
//		bsptest.SameBits(t, bsptest.Config{Peers: 4, Tasks: 2, RestartAt: 10}, r)
//	}
package bsptest
