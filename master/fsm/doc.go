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
// Bounds: finished jobs are kept up to [HistoryJobs] or [HistoryAge]; writing
// each into an archive object of the store before it is forgotten comes with the
// next issue ("runtime, second half: archive objects").
package fsm
