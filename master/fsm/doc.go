// Package fsm is the replicated state of a cluster: jobs, their attempts and
// checkpoints, grooms, tokens and the request ids seen. It is a pure function of
// the Raft log: [Apply] reads no clock, draws no randomness, does no I/O and
// depends on no map order, so every master that applies the same log has the
// same state, byte for byte.
//
//	log entry ──Decode──▶ Command ──Apply(State)──▶ State', Result
//
// A State is immutable. Apply returns a new one that shares what did not change,
// so a snapshot is the pointer itself and takes no time; [State.Encode] writes it
// out while later commands go on. Time is what the leader stamped on commands.
// A command that is refused (malformed, stale, about a job that has ended)
// returns the same State pointer and changes nothing.
//
// Who calls it: the Raft glue of package master applies and restores, the control
// loop reads the State and proposes commands, the API proposes submissions, stops,
// drains and tokens.
//
// Bounds: a finished job stays in the history until an [Archived] command says that
// its archive object is in the store. When that is due is the leader's to say
// (package control); at [MaxHistory] of them no further job is taken, so that a store
// that is gone does not make the state grow without end.
package fsm
