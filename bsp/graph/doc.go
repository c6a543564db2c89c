// Package graph runs vertex programs (Pregel: Malewicz et al., SIGMOD 2010) on the
// superstep engine.
//
//	text ─ parse ─▶ ids ─ owners ─┬▶ rows by source ──▶ Compute ─ push ─▶ Lane ─┐
//	                    (HandOver) │                        ▲                    │
//	                               │                        └── inbox ◀─ fold ───┘
//	                               └▶ rows by destination ─▶ Sweep ─▶ Area ─┐
//	                                                          ▲             │
//	                                                          └─ gather ◀───┘
//
// [Program] makes a bsp program from an [Algorithm]. Package algo holds those that
// ship with bsp; bsp/builtin gives them their command lines.
//
// # Loading
//
// Each peer parses its split and numbers the distinct ids in it (a census), those of
// each owner apart; while whole numbers are small for the size of the split, it notes them
// in a bitmap instead, and edges carry ids. Every id belongs to the peer that its hash names
// (ids that are close together, and the hubs among them, spread over all peers); that peer
// numbers its vertices in the order of their ids, or large ones as they come, where the
// algorithm does not care (Input.AsRead): then the hubs have low numbers. Edges wait in chunks for the owner of
// their source, in which the numbers that the owners tell replace the peer's own before it
// gets them: ids cross the network once a peer and distinct id, not once an edge. Chunks are
// by range of rows where that follows from ids, so that the owner makes its rows range by
// range, in memory that stays in the second-level cache. At the
// owner the edges of a program with Compute lie in one block per destination peer, as
// compressed rows, so that the push loop adds into one dense accumulator after the
// other and never asks who owns a vertex. Those of a program with Sweep go to the owner
// of their destination. Only values travel then, in an order agreed at load. Where all that
// comes to a vertex is combined, the edges lie in a grid, hubs first, and each peer puts its
// values into the places that the grid reads, in a [superstep.Area]: of a peer of the same
// process at once, while it computes them. Else they are rows of places in a [superstep.Mirror]:
// the own vertices, then copies of those of other peers that have edges to them. The order of
// vertices and edges depends on the input and the number of peers alone.
//
// A binary graph, which [Convert] makes, has its ids sorted: every peer reads them all
// and knows the place of each without a word from the others.
//
// Loading uses collectives and is no superstep: after a restart a peer loads the
// graph again and restores only its [Algorithm]'s values, halts and messages.
//
// # Messages
//
// Messages are numbers, and messages to one vertex are combined on their way by
// the algorithm's operator. A message that equals the operator's identity (0 for
// [superstep.Sum], the largest number for [superstep.Min], the smallest for
// [superstep.Max]) changes nothing and is not delivered. What one peer sends is
// combined in a fixed order, and sums fold peer by peer: results do not depend on
// placement, cores or timing. Sums of floats do depend on the number of peers, in
// their last bits.
//
// While few vertices have messages, a superstep with Compute costs what those compute
// and send; with Sweep it always costs all vertices and edges.
//
// With [Algorithm.Pull] a program with Compute pulls as one with Sweep does. Its vertices are
// computed some at a time, in the order of their numbers, but for those without edges, which
// come after the others of their time.
//
// With [Algorithm.Once] a program with Compute has its edges at both ends, and pulls when
// a large part of them leaves vertices that send: the frontier travels as a bit a vertex,
// in a [superstep.Mirror] of the words of a bitset, and rows of vertices that have got
// nothing yet are searched for a member of it. All peers agree by a collective on what
// they count, only where many messages were sent in the superstep before.
//
// # Graphs that change
//
// A [FreeProgram] keeps rows of single edges instead of blocks, sends free messages
// ([bsp.Peer.Send]), and makes changes between supersteps. What vertices ask for waits
// at their peer, goes to the owners by a collective at the start of the next superstep,
// and is a part of checkpoints until then; so is the graph, once it has changed.
//
// [Load] gives programs that send other things than numbers, or not along edges, a
// [Part] of the graph to work on, with the edges to its vertices; [LoadOut] with those
// from them.
package graph
