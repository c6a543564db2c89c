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
