// Package bsp is what a user of Scalar programs against: Bulk Synchronous
// Parallel computing. A Program is run by N peers; each computes on its own
// data, sends messages, and meets the others at a barrier (Sync). What was sent
// before the barrier is in the inboxes after it.
//
//	        Main | Run | RunLocal | TaskMain          who calls
//	                   │
//	                RunTask          one task: the peers of one process
//	Peer 0 ── Peer 1 ──┼── Peer 2    one goroutine each, running the Program
//	   └─────────┴─ superstep.Group ─┴──▶ links to the other tasks
//
// # Restart
//
// After a fault the program runs again from its top. Superstep() is s.
// State(&v) restores v as it was when the peer entered the Sync that ended
// superstep s-1. Messages() is the full inbox of s. Input position, output
// offset, counters, Values and AllHalted are restored too. So a restartable
// program is a loop over p.Superstep(), as in the example. State is called
// before the first Sync by all peers or by none; without it a fault restarts
// the job at superstep 0 and no checkpoint is written.
//
// A Columns or Lane exchange folds what came in into the program's own arrays:
// there the state is taken after the fold. Values that wait in a lane which was
// not exchanged are in no checkpoint: add to lanes in the superstep that their
// Exchange ends.
//
// A peer that has returned stays part of the barriers and checkpoints until all
// have; it is not run again after a restart, and what it wrote stands. So a program
// that begins with collectives, which need all peers, has all of them return in the
// same superstep.
//
// # Results repeat
//
// Messages are read by sender, then sending order; collectives fold in peer
// order. With a deterministic program two runs write equal bytes, whatever the
// placement, the transport and the timing.
//
// # Errors
//
// A program returns an error to end the attempt for all peers. The first real
// cause is what is reported; what other peers return afterwards is not. A panic
// counts as an error. p.Fail gives an error with a kind and exit code of its own.
//
// What bsp does not do: it places nothing: that is the master's.
package bsp
