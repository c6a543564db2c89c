package job

import "math"

// A Trace is what one task tells of the supersteps of an attempt, for a picture of
// them. Supersteps are put together to stretches of Width each, the last one may have
// fewer. Times are in nanoseconds of one clock, which began with the task.
type Trace struct {
	Task  int   `json:"task"`
	Peers Range `json:"peers"`
	First int   `json:"first"` // supersteps completed before the attempt
	Steps int   `json:"steps"` // recorded ones, of the peer that came furthest
	Width int   `json:"width"` // a power of two

	// By stretch. Sums are over the task's peers and the stretch's supersteps.
	Compute  []int64 `json:"compute"`  // sum: the program ran
	Exchange []int64 `json:"exchange"` // sum: from the last local peer's arrival at a barrier until it was over
	Wait     []int64 `json:"wait"`     // sum: the rest: for the last local peer, in collectives, for checkpoints
	Messages []int64 `json:"messages"` // sum: sent
	Active   []int64 `json:"active"`   // sum: what Peer.Active was told
	Longest  []int64 `json:"longest"`  // the longest superstep of any peer
	End      []int64 `json:"end"`      // when the last peer ended it

	TrackWidth int     `json:"track_width"` // Width times a power of two
	Tracks     []Track `json:"tracks"`      // of some peers, if not of all: evenly spaced by what they compute

	Curves []Curve `json:"curves,omitempty" msgpack:",omitempty"` // what Peer.Plot was told, by name
}

// A Track is one peer by stretches of Trace.TrackWidth supersteps, in nanoseconds.
type Track struct {
	Peer     int     `json:"peer"`
	Compute  []int64 `json:"compute"`
	Exchange []int64 `json:"exchange"`
	Wait     []int64 `json:"wait"`
}

// A Curve is what the peers of a task have plotted under one name, by stretches of Width
// supersteps: stretch k has the supersteps from k·Width on, counted from the job's first.
type Curve struct {
	Name  string    `json:"name"`
	Width int       `json:"width"` // a power of two, of the curve's own
	At    []int64   `json:"at"`    // the stretches with points, ascending
	Y     []float64 `json:"y"`     // the mean of the points there; finite
	N     []int64   `json:"n"`     // how many points it is the mean of; 0: all were NaN or infinite, a gap
}

// Limits of a Trace.
const (
	MaxStretches = 512       // of a task
	MaxTracks    = 64        // of a task
	maxCells     = 8192      // stretches of all tracks of a task
	MaxCurves    = 16        // of a task
	MaxPoints    = 512       // of a curve
	MaxCurveName = 64        // bytes
	maxTraced    = 1 << 53   // of any number: a float64 holds it
	MaxTrace     = 512 << 10 // bytes, as a message
	MaxTraceFile = 1 << 20   // bytes, as JSON
)

// TraceLimits returns how many stretches each of so many tasks may tell, and how many
// of all its tracks together: a job with very many tasks tells less of each.
func TraceLimits(tasks int) (stretches, cells int) {
	return max(MaxStretches*64/max(tasks, 64), 8), max(maxCells*16/max(tasks, 16), 64)
}

// Valid reports whether t can be what a task with these peers tells.
func (t *Trace) Valid(task int, peers Range) bool {
	if t.Task != task || t.Peers != peers || t.First < 0 || t.First > 1<<40 || t.Steps < 0 || t.Steps > 1<<40 || !powerOfTwo(t.Width) || !powerOfTwo(t.TrackWidth) || t.TrackWidth < t.Width {
		return false
	}
	n := stretches(t.Steps, t.Width)
	if n > MaxStretches || len(t.Tracks) > min(MaxTracks, peers.N()) {
		return false
	}
	for _, column := range [][]int64{t.Compute, t.Exchange, t.Wait, t.Messages, t.Active, t.Longest, t.End} {
		if !sound(column, n) {
			return false
		}
	}
	each := stretches(t.Steps, t.TrackWidth)
	last := peers.Lo - 1
	for _, l := range t.Tracks {
		if l.Peer <= last || l.Peer >= peers.Hi || !sound(l.Compute, each) || !sound(l.Exchange, each) || !sound(l.Wait, each) {
			return false
		}
		last = l.Peer
	}
	return each*len(t.Tracks) <= maxCells && t.validCurves()
}

// validCurves reports whether t's curves can be of its supersteps.
func (t *Trace) validCurves() bool {
	if len(t.Curves) > MaxCurves {
		return false
	}
	before := ""
	for _, c := range t.Curves {
		if c.Name <= before || c.Name != CurveName(c.Name) || !powerOfTwo(c.Width) {
			return false
		}
		before = c.Name
		if len(c.At) > MaxPoints || len(c.Y) != len(c.At) || !sound(c.N, len(c.At)) {
			return false
		}
		last := t.First/c.Width - 1
		for i, at := range c.At {
			if at <= int64(last) || at > int64((t.First+t.Steps)/c.Width) || math.IsNaN(c.Y[i]) || math.IsInf(c.Y[i], 0) {
				return false
			}
			last = int(at)
		}
	}
	return true
}

// CurveName makes a curve's name of any text: one line of at most MaxCurveName bytes, as
// CleanNote makes lines. Empty: there is no such curve.
func CurveName(text string) string { return clean(text, MaxCurveName) }

// stretches is how many of a width cover so many supersteps.
func stretches(steps, width int) int { return (steps + width - 1) / width }

func powerOfTwo(n int) bool { return n > 0 && n <= 1<<40 && n&(n-1) == 0 }

// sound reports whether a column has n numbers that can be.
func sound(column []int64, n int) bool {
	if len(column) != n {
		return false
	}
	for _, v := range column {
		if v < 0 || v > maxTraced {
			return false
		}
	}
	return true
}
