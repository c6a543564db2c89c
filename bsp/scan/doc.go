// Package scan reads lines of text that hold numbers, at the speed of memory, and says
// what is wrong with them and where. Packages graph and mtx parse with it.
//
//	storage.Records ─ Block ─▶ parser ─ Field, Number, Float ─▶ numbers
//	       ▲                      │ FaultAt(offset, …)
//	       └────── Malformed ◀────┘   FILE:LINE (byte N): what is wrong
//
// A block is whole lines; offsets count from its first byte. Nothing here keeps or
// changes the bytes that it is given.
package scan
