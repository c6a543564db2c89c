package opt

import (
	"fmt"
	"math"
	"slices"

	"scalar/bsp/job"
)

// LBFGSConfig says how [LBFGS] works.
type LBFGSConfig struct {
	History int // steps that the curvature is estimated from, 1 to 100; 0: 10

	// It has converged where no part of the gradient is larger than Gradient, from 0; 0: 1e-6.
	Gradient float64
	// It has converged, too, where a step lowers the loss by less than Decrease times the loss or
	// 1, whichever is larger, from 0; 0: 1e-9.
	Decrease float64

	// Noise is the error of the losses that are told, as a share of them, from 0, below 1: one that
	// is higher by no more counts as equal, and the slopes decide (after Hager and Zhang, SIAM
	// Journal on Optimization 16(1), 2005, section 2).
	Noise float64

	Trials int // points at most that a line search looks at, 2 to 1000; 0: 30
}

func (c LBFGSConfig) filled() (LBFGSConfig, error) {
	if c.History == 0 {
		c.History = 10
	}
	if c.Gradient == 0 {
		c.Gradient = 1e-6
	}
	if c.Decrease == 0 {
		c.Decrease = 1e-9
	}
	if c.Trials == 0 {
		c.Trials = 30
	}
	switch {
	case c.History < 1 || c.History > 100:
		return c, fail("history is %d: want 1 to 100", c.History)
	case !(c.Gradient > 0) || !(c.Decrease > 0):
		return c, fail("tolerances are %v of the gradient and %v of the decrease: want above 0", c.Gradient, c.Decrease)
	case !(c.Noise >= 0 && c.Noise < 1):
		return c, fail("noise is %v: want a share, from 0, below 1", c.Noise)
	case c.Trials < 2 || c.Trials > 1000:
		return c, fail("trials are %d: want 2 to 1000", c.Trials)
	}
	return c, nil
}

// An LBFGS minimises a function of many variables whose gradient is known (Nocedal and Wright,
// Numerical Optimization, 2nd edition, 2006: algorithm 7.4, directions; 7.5; 3.5 and 3.6, the
// search along them for the strong Wolfe conditions, with c1 = 10⁻⁴ and c2 = 0.9). It asks, and
// is told:
//
//	for status := opt.Ask; status == opt.Ask || status == opt.Moved; {
//		loss, gradient := f(l.Point())
//		status, err = l.Tell(loss, gradient)
//	}
//
// It computes in float64 and rounds each product and each sum by itself, so that all who are
// told the same have the same bits. It belongs to one goroutine at a time.
type LBFGS struct {
	c     LBFGSConfig
	s     LBFGSState
	alpha []float64 // of the recursion
}

// An LBFGSState is all that an LBFGS knows: what a checkpoint holds.
type LBFGSState struct {
	X, Gradient []float64 // where it is
	Loss        float64
	Steps       int // that have moved it
	Evaluations int

	S, Y [][]float64 // the last moves, and what they changed the gradient by; oldest first

	Direction []float64
	Slope     float64   // of the loss along it at X
	Trial     float64   // how far along it the point is that was asked for
	At        []float64 // that point
	Tried     int       // points of this search
	Zoom      bool      // whether Low and High have a good point between them
	Low, High Sample
	LowAt     []float64 // gradient at Low
}

// A Sample is what is known of a point along the direction.
type Sample struct{ Step, Loss, Slope float64 }

// A Status is what comes of an evaluation.
type Status int

const (
	// Ask wants the function at [LBFGS.Point].
	Ask Status = iota
	// Moved is Ask after a step: [LBFGS.X] has changed.
	Moved
	// Converged has found X.
	Converged
	// Stalled finds no better point than X: the loss is exact to so many digits only, or the
	// gradient is not its gradient.
	Stalled
)

// String names the status.
func (s Status) String() string { return [...]string{"ask", "moved", "converged", "stalled"}[s] }

// NewLBFGS begins at a point, which it keeps.
func NewLBFGS(c LBFGSConfig, start []float64) (*LBFGS, error) {
	n := len(start)
	return ResumeLBFGS(c, LBFGSState{X: start, At: slices.Clone(start), Gradient: make([]float64, n), Direction: make([]float64, n), LowAt: make([]float64, n)})
}

// ResumeLBFGS goes on from a state, which it keeps.
func ResumeLBFGS(c LBFGSConfig, s LBFGSState) (*LBFGS, error) {
	c, err := c.filled()
	if err != nil {
		return nil, err
	}
	n := len(s.X)
	if n == 0 || len(s.S) != len(s.Y) {
		return nil, fmt.Errorf("opt: l-bfgs over %d variables with %d and %d steps", n, len(s.S), len(s.Y))
	}
	for _, v := range append(append([][]float64{s.Gradient, s.Direction, s.At, s.LowAt}, s.S...), s.Y...) {
		if len(v) != n {
			return nil, fmt.Errorf("opt: l-bfgs over %d variables has a vector of %d", n, len(v))
		}
	}
	return &LBFGS{c: c, s: s, alpha: make([]float64, c.History)}, nil
}

// Point returns where the function is to be evaluated, valid until Tell.
func (l *LBFGS) Point() []float64 { return l.s.At }

// X returns the best point so far, and its loss. It is valid until Tell.
func (l *LBFGS) X() (x []float64, loss float64) { return l.s.X, l.s.Loss }

// State returns the state, shared with l until its next call.
func (l *LBFGS) State() LBFGSState { return l.s }

// Tell takes the function's value and gradient at the point that was asked for; the gradient is
// not kept. A start whose loss or gradient is not finite is a *job.Failure of kind FaultInput;
// further on, such points are only too far.
func (l *LBFGS) Tell(loss float64, gradient []float64) (Status, error) {
	s := &l.s
	if len(gradient) != len(s.X) {
		return Ask, fmt.Errorf("opt: a gradient of %d values for %d variables", len(gradient), len(s.X))
	}
	s.Evaluations++
	if s.Evaluations == 1 {
		if !finite(loss) || !finite(largest(gradient)) {
			return Ask, job.Fail(job.FaultInput, "the loss at the start is %v, and its gradient has %v: want finite numbers", loss, largest(gradient))
		}
		copy(s.Gradient, gradient)
		s.Loss = loss
		if largest(gradient) <= l.c.Gradient {
			return Converged, nil
		}
		l.aim()
		return Ask, nil
	}
	return l.search(loss, gradient), nil
}

// move makes the trial point, or another whose gradient is given, the point where it is.
func (l *LBFGS) move(to Sample, gradient []float64) Status {
	s := &l.s
	step, change := l.recycle()
	for i := range step {
		step[i] = float64(to.Step * s.Direction[i])
		change[i] = gradient[i] - s.Gradient[i]
		s.X[i] += step[i]
	}
	if dot(step, change) > 0 { // which the second Wolfe condition sees to
		s.S, s.Y = append(s.S, step), append(s.Y, change)
	}
	copy(s.Gradient, gradient)
	was := s.Loss
	s.Loss = to.Loss
	s.Steps++
	if largest(gradient) <= l.c.Gradient || was-s.Loss <= l.c.Decrease*max(1, math.Abs(was)) {
		return Converged
	}
	l.aim()
	return Moved
}

// recycle returns two vectors for a step: those of the oldest one, if there are enough.
func (l *LBFGS) recycle() (step, change []float64) {
	s := &l.s
	if len(s.S) < l.c.History {
		return make([]float64, len(s.X)), make([]float64, len(s.X))
	}
	step, change = s.S[0], s.Y[0]
	s.S, s.Y = slices.Delete(s.S, 0, 1), slices.Delete(s.Y, 0, 1)
	return step, change
}

// aim sets a new direction, and asks for the first point along it.
func (l *LBFGS) aim() {
	s := &l.s
	l.direct()
	if s.Slope = dot(s.Direction, s.Gradient); !(s.Slope < 0) { // rounding has spoilt it
		s.S, s.Y = nil, nil
		l.direct()
		s.Slope = dot(s.Direction, s.Gradient)
	}
	first := 1.0
	if len(s.S) == 0 {
		first = min(1, 1/length1(s.Gradient))
	}
	s.Tried, s.Zoom = 0, false
	s.Low, s.High = Sample{0, s.Loss, s.Slope}, Sample{}
	copy(s.LowAt, s.Gradient)
	l.try(first)
}

// try asks for a point along the direction.
func (l *LBFGS) try(step float64) {
	s := &l.s
	s.Trial = step
	for i, d := range s.Direction {
		s.At[i] = s.X[i] + float64(step*d)
	}
}

// direct sets the direction to -H·gradient by two loops over the history (algorithm 7.4), with
// H₀ by equation 7.20.
func (l *LBFGS) direct() {
	s := &l.s
	q := s.Direction
	for i, g := range s.Gradient {
		q[i] = -g
	}
	for i := len(s.S) - 1; i >= 0; i-- {
		l.alpha[i] = dot(s.S[i], q) / dot(s.S[i], s.Y[i])
		addScaled(q, -l.alpha[i], s.Y[i])
	}
	if last := len(s.S) - 1; last >= 0 {
		gamma := dot(s.S[last], s.Y[last]) / dot(s.Y[last], s.Y[last])
		for i := range q {
			q[i] *= gamma
		}
	}
	for i := range s.S {
		beta := dot(s.Y[i], q) / dot(s.S[i], s.Y[i])
		addScaled(q, l.alpha[i]-beta, s.S[i])
	}
}
