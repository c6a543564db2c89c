package algo

import "math"

// Stepper is a peer's part of delta-stepping.
type Stepper = stepper

// NewStepper returns one of two own vertices and one place of another peer's.
func NewStepper() *Stepper {
	s := &stepper{own: 2, scale: 1, reach: 3, best: make([]float64, 3), waits: make([]bool, 3)}
	for i := range s.best {
		s.best[i] = math.Inf(1)
	}
	return s
}

// What tests see of a stepper.
func (s *stepper) Shorten(v uint32, d float64) { s.shorten(v, d) }
func (s *stepper) Nearest() int                { return s.nearest() }
func (s *stepper) Best() []float64             { return s.best }

// BucketOf returns the bucket of a distance, of buckets so wide.
func BucketOf(d, width float64) int { return (&stepper{scale: 1 / width}).bucketOf(d) }

// How the width of buckets is chosen.
var (
	Typical = typical
	WidthOf = widthOf
)

// IDs is the state of components.
type IDs = ids
