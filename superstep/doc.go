// Package superstep moves messages between the peers of a job and ends supersteps.
// It knows peers and tasks, not jobs, grooms or masters.
//
//	peer goroutine            task process                      another task
//	 Box.Send ─ chunk ─┬─ local peer's inbox (the chunk changes owner)
//	 Lane.Add ─ acc. ──┤
//	 Mirror.Next ──────┤
//	 Area.Put ─ places │ of a local peer
//	         └─────────┴─ link queue ─ writer ═══ frames ═══ reader ─ inbox
//	 Port.Sync ── barrier ─ votes ── marks, ballots ════════ barrier ─ verdict
//
// A Group is one task's part of a job: its local peers, one link to every other task,
// made by Mesh, and the barrier. A Port is one local peer's endpoint. On a port a
// program opens Boxes (free messages), Lanes (keyed values, combined on the way), Mirrors
// (values that others copy) and Areas (values put into the memory of others), and ends
// supersteps by Sync or the Exchange of one of these. Collectives (AllToAll, AllGather) are
// apart from supersteps. Package bsp puts the user's API on top.
//
// # Promises
//
//   - An inbox is ordered by sender, then by sending order. Nothing that a peer sees
//     depends on placement, transport, threads or timing.
//   - A superstep ends for a peer when all peers have ended it, or have left, and all
//     their messages are in. A mark ends a superstep on a link, behind its messages, with
//     their counts. Votes, values and control bits are on the marks too, one on every
//     link, or where that is fewer frames on ballots, up a tree of tasks, and on verdicts
//     that come down.
//   - Readers always drain their links, into memory up to a budget and then to disk, so
//     that Send may wait for the local disk but never for another peer.
//   - Every blocked call ends when its context ends, on Abort, and when a link is lost.
//     The other tasks are told why; a task that just disappears is a *LinkError.
//   - Frames are checked before use: version, job, epoch, superstep, peers, sizes and two
//     CRC-32C, one of the header and one of the payload, which shared memory and TLS need not.
//   - Steady state allocates nothing per message: chunks are pooled, and an inbox's
//     chunks go back at the next Sync.
//
// # Leaving early, and Clear
//
// A chunk that is full leaves while its peer still computes. Box.Clear takes back what
// has left: locally by dropping it from the inbox that nobody reads yet, remotely by a
// clear frame, which comes in order behind the data and before the mark.
//
// # Wire format
//
// docs/formats.md has it byte by byte; TestGoldenFrames holds it fast.
package superstep
