// Package matrix multiplies sparse matrices that lie in Matrix Market files.
//
//	text ─ mtx.Parser ─▶ entries ─ balance, HandOver ─▶ rows of a peer
//	                                                      │ which columns they have
//	owners of the vector, or of the rows of B ◀── orders ─┘
//	             └─ Send ─▶ inbox ─▶ a row after the other ─▶ Output
//
// [SpMV] is y = A·x and [MatMul] C = A·B. Each peer has a range of A's rows, so that
// entries and rows are shared out evenly, keeps no more of them than what is listed, and
// tells once which columns they have; only what belongs to these columns is sent.
//
// # Results repeat
//
// Every sum is made by one peer, from zero, in the order of A's columns; entries that
// repeat are added up first, in the order in which they are listed. So results are the
// same bit for bit with any number of peers and tasks. Products are rounded before they
// are added: there is no fused multiply-add.
//
// # Restart
//
// Loading uses collectives and is no superstep: after a restart a peer loads the
// matrices again, and restores the row that it was at, and its inbox.
package matrix
