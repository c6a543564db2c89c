// Package ring makes byte streams through memory that two processes of a machine share.
//
//	Write ─ copy ─▶ ring of bytes, mapped by both ─ copy ─▶ Read
//	   └──────────── Unix socket: "there is something", "there is room" ──────▶ bell
//
// A [Conn] is made of a Unix socket whose two ends agree, [Offer] and [Accept]: one makes the
// memory and passes it on as a descriptor, so that nobody else can have it. The socket carries
// no data any more. It wakes who sleeps, and its end is the end of the stream, so that the death
// of a process is known at once.
//
// What the other process does to the memory harms nobody: bytes are copied out before anybody looks at
// them, positions are checked, and the memory is sealed against getting smaller.
package ring
