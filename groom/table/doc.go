// Package table compares what a groom's leader orders with what runs on the groom.
// It decides which tasks and which work on storage begin, which end, and what the
// groom's reports say; it starts, kills and reports nothing itself:
//
//	orders ──Apply──▶ Table ──Take──▶ tasks and work to begin (groom: processes)
//	reports ◀──Fill── Table ◀──Update, End, EndStorage── what became of them
//
// A groom and the simulated grooms of testcluster/sim are built on the same table.
// The promises: orders overtaken by others are refused; a task that the newest orders
// do not list is ended; a task that has ended is never begun again; the same work on
// storage ordered twice is done once.
package table
