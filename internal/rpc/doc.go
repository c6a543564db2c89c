// Package rpc carries calls over one connection, in both directions at once. It
// moves bytes and knows no messages: a call has a method number and a body, and
// ends with a body or with an error line.
//
//	Call ──▶ out ──▶ writer ══ connection ══ reader ──▶ handler (a goroutine a call)
//	Call ◀── pending ◀── reader ═══════════ writer ◀── out ◀──────┘
//
// Each side numbers its calls. At most Config.MaxInFlight of them are unanswered
// in one direction: Call waits for a place, and a peer that sends more breaks the
// link. The reader never writes and never waits for a handler, so calls made by
// handlers over the same link cannot lock up.
//
// A context that ends takes its Call with it at once; the handler on the other
// side has its context cancelled by a cancel frame. A call whose link broke may
// or may not have been served: what is called must be safe to repeat.
//
// Frames, byte by byte: docs/formats.md. The package does no authentication and
// no encryption: give it a TLS connection.
package rpc
