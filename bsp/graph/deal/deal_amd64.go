package deal

import "golang.org/x/sys/cpu"

// hasFast says whether edges are dealt by assembly.
var hasFast = cpu.X86.HasBMI2

// hasEight says whether edges without weights are taken eight at a time.
var hasEight = hasFast && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VBMI2 && cpu.X86.HasAVX512VPOPCNTDQ

// pulled is Deal for rows of destinations, of one edge at least.
//
//go:noescape
func pulled(chunks [][]byte, seen, ids []uint64, weights []float64, l *Layout) int

// pushed is Deal for rows of sources, of one edge at least.
//
//go:noescape
func pushed(chunks [][]byte, seen, ids []uint64, weights []float64, l *Layout) int

// dealtEight is Deal without weights, eight edges at a time: it stops before eight of which one has an id beyond seen, and leaves fewer. Where it stops at a full
// chunk, ids of up to 32 edges from there on are noted.
//
//go:noescape
func dealtEight(chunks [][]byte, seen, ids []uint64, l *Layout) int

// renumbered is Renumbering.Deal of one edge at least, without weights. It stops before an edge of which an end has no number,
// or that has no chunk, too.
//
//go:noescape
func renumbered(chunks [][]byte, edges []byte, r *Renumbering) int

// renumberedEight does what renumbered does, eight at a time: it stops before eight of which one has an end without a number or no chunk, and leaves fewer.
//
//go:noescape
func renumberedEight(chunks [][]byte, edges []byte, r *Renumbering) int

// counted is Ends.Count of one edge at least.
//
//go:noescape
func counted(rows, others []uint32, edges []byte, e *Ends) int

// looked is Ends.Look of one edge at least, and returns how many of them are in Near. It stops before an edge with an end beyond rows or others.
//
//go:noescape
func looked(to *Looked, rows, others []uint32, edges []byte, e *Ends) (near, n int)

// lookedEight does what looked does for edges without weights, eight at a time: it stops before eight of which one is beyond, and leaves fewer.
//
//go:noescape
func lookedEight(to *Looked, rows, others []uint32, edges []byte, e *Ends) (near, n int)

// rankedEight does so what ranked does.
//
//go:noescape
func rankedEight(rows, others []uint64, less uint64, edges []byte, e *Ends) int

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

// codedEight is both, eight at a time: it stops before eight of which one has no chunk, and leaves fewer.
//
//go:noescape
func codedEight(chunks [][]byte, codes []uint32, l *Layout) int
