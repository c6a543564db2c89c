package deal

import "golang.org/x/sys/cpu"

// hasFast says whether edges are dealt by assembly.
var hasFast = cpu.X86.HasBMI2

// pulled is Deal for rows of destinations, of one edge at least.
//
//go:noescape
func pulled(chunks [][]byte, seen, ids []uint64, weights []float64, l *Layout) int

// pushed is Deal for rows of sources, of one edge at least.
//
//go:noescape
func pushed(chunks [][]byte, seen, ids []uint64, weights []float64, l *Layout) int

// renumbered is Renumbering.Deal of one edge at least, without weights. It stops before an edge of which an end has no number,
// or that has no chunk, too.
//
//go:noescape
func renumbered(chunks [][]byte, edges []byte, r *Renumbering) int

// counted is Ends.Count of one edge at least.
//
//go:noescape
func counted(rows, others []uint32, edges []byte, e *Ends) int

// looked is Ends.Look of one edge at least, and returns how many of them are in Near. It stops before an edge with an end beyond rows or others.
//
//go:noescape
func looked(to *Looked, rows, others []uint32, edges []byte, e *Ends) (near, n int)

// ranked is Ends.Rank of one edge at least, and stops before an edge with an end beyond rows or others.
//
//go:noescape
func ranked(rows, others []uint64, less uint64, edges []byte, e *Ends) int

// pulledCodes is Layout.DealCodes for rows of destinations, of one edge at least and without weights. It stops before an edge that has no chunk, too.
//
//go:noescape
func pulledCodes(chunks [][]byte, codes []uint32, l *Layout) int

// pushedCodes is the same for rows of sources.
//
//go:noescape
func pushedCodes(chunks [][]byte, codes []uint32, l *Layout) int
