package opt

import "math"

// The constants of the Wolfe conditions, as Nocedal and Wright recommend for quasi-Newton
// methods (section 3.1).
const (
	enough = 1e-4 // c1: the share of the decrease that the slope promises
	flat   = 0.9  // c2: the share of the slope that may be left
)

// search takes a trial point. Low is the best point so far that decreases the loss enough, from
// the start; in a zoom, good points lie between it and High.
func (l *LBFGS) search(loss float64, gradient []float64) Status {
	s := &l.s
	s.Tried++
	at := Sample{s.Trial, loss, dot(gradient, s.Direction)}
	known := finite(loss) && finite(at.Slope) && finite(largest(gradient))
	noise := float64(l.c.Noise * math.Abs(s.Loss))
	switch {
	case !known || loss > s.Loss+float64(enough*at.Step*s.Slope)+noise || loss >= s.Low.Loss+noise && (s.Zoom || s.Tried > 1):
		s.Zoom, s.High = true, at // too far
	case math.Abs(at.Slope) <= -flat*s.Slope:
		return l.move(at, gradient)
	default:
		if s.Zoom && at.Slope*(s.High.Step-s.Low.Step) >= 0 || !s.Zoom && at.Slope >= 0 {
			s.Zoom, s.High = true, s.Low // it lies on the other side
		}
		s.Low = at
		copy(s.LowAt, gradient)
	}
	if s.Tried >= l.c.Trials || s.Zoom && l.narrow() {
		return l.giveUp()
	}
	if s.Zoom {
		l.try(between(s.Low, s.High))
	} else {
		l.try(2 * s.Trial)
	}
	return Ask
}

// narrow reports whether no point lies between Low and High that would differ.
func (l *LBFGS) narrow() bool {
	return math.Abs(l.s.High.Step-l.s.Low.Step) <= 1e-14*max(l.s.High.Step, l.s.Low.Step)
}

// giveUp ends a search that has found no point with both conditions: with what is lower, with
// a search along the gradient, or for good.
func (l *LBFGS) giveUp() Status {
	s := &l.s
	switch {
	case s.Low.Step > 0:
		low := s.Low
		return l.move(low, s.LowAt)
	case len(s.S) > 0:
		s.S, s.Y = nil, nil
		l.aim()
		return Ask
	}
	return Stalled
}

// between returns the step to try between two: where the cubic through their losses and slopes
// is least (equation 3.59), but not in the outer tenths, and the middle where there is none.
func between(a, b Sample) float64 {
	middle := a.Step + (b.Step-a.Step)/2
	if !finite(b.Loss) || !finite(b.Slope) {
		return middle
	}
	d1 := a.Slope + b.Slope - float64(3*((a.Loss-b.Loss)/(a.Step-b.Step)))
	root := float64(d1*d1) - float64(a.Slope*b.Slope)
	if !(root >= 0) {
		return middle
	}
	d2 := math.Copysign(math.Sqrt(root), b.Step-a.Step)
	step := b.Step - float64((b.Step-a.Step)*((b.Slope+d2-d1)/(b.Slope-a.Slope+2*d2)))
	lo, hi := min(a.Step, b.Step), max(a.Step, b.Step)
	tenth := (hi - lo) / 10
	if !finite(step) {
		return middle
	}
	return min(max(step, lo+tenth), hi-tenth)
}

func finite(x float64) bool { return !math.IsInf(x, 0) && !math.IsNaN(x) }

// dot returns the sum of a·b in order.
func dot(a, b []float64) (sum float64) {
	for i, x := range a {
		sum += float64(x * b[i])
	}
	return sum
}

// addScaled computes to = to + s·x.
func addScaled(to []float64, s float64, x []float64) {
	for i, v := range x {
		to[i] += float64(s * v)
	}
}

// largest returns the largest absolute value, NaN where one is.
func largest(x []float64) (most float64) {
	for _, v := range x {
		most = max(most, math.Abs(v))
	}
	return most
}

// length1 returns the sum of absolute values.
func length1(x []float64) (sum float64) {
	for _, v := range x {
		sum += math.Abs(v)
	}
	return sum
}
