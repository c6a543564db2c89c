package bsp

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"

	"scalar/bsp/job"
)

// curve is what has been plotted under one name, by stretches of supersteps as a
// recorder's: of those that have points only. When there are limit of them the width is
// doubled until some come together, so that memory is bounded and means stay those of
// all points.
type curve struct {
	limit int
	width int // supersteps in a stretch: a power of two
	list  []point
}

// point is one stretch of a curve: [at·width, (at+1)·width).
type point struct {
	at  int
	sum float64 // of the finite values
	n   int64   // of them; 0: there were only others
}

func (p point) and(o point) point { return point{p.at, p.sum + o.sum, p.n + o.n} }

// pointOf is a value as a point of a stretch.
func pointOf(at int, y float64) point {
	if math.IsNaN(y) || math.IsInf(y, 0) {
		return point{at: at}
	}
	return point{at, y, 1}
}

// add takes a value at a superstep that is not before the last one's.
func (c *curve) add(superstep int, y float64) {
	for {
		p, n := pointOf(superstep/c.width, y), len(c.list)
		switch {
		case n > 0 && c.list[n-1].at == p.at:
			c.list[n-1] = c.list[n-1].and(p)
			return
		case n < c.limit:
			c.list = append(c.list, p)
			return
		}
		c.list, c.width = wider(c.list, 2), 2*c.width
	}
}

// wider puts points together to stretches so many times as wide, in place. Points of
// the same stretch stand beside each other.
func wider(list []point, factor int) []point {
	out := list[:0]
	for _, p := range list {
		p.at /= factor
		if n := len(out); n > 0 && out[n-1].at == p.at {
			out[n-1] = out[n-1].and(p)
		} else {
			out = append(out, p)
		}
	}
	return out
}

// plotNames are the names of a task's curves.
type plotNames struct {
	mu    sync.Mutex // guards both
	known map[string]bool
	over  bool // somebody has been told that there are too many
}

// add makes room for a curve. first says that it is the first that there is none for.
func (n *plotNames) add(name string) (ok, first bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.known[name] && len(n.known) == job.MaxCurves {
		first, n.over = !n.over, true
		return false, first
	}
	if n.known == nil {
		n.known = map[string]bool{}
	}
	n.known[name] = true
	return true, false
}

// plot records a point; c has a recorder.
func (c *core) plot(name string, y float64) {
	r := c.recorder
	line, ok := r.curves[name]
	if !ok {
		if name = job.CurveName(name); name == "" {
			return
		}
		line, ok = r.curves[name]
	}
	if !ok {
		room, first := c.t.plots.add(name)
		if !room {
			if first {
				c.log.Warn("Plot: the report has no room for more curves: others are left out", "name", name, "room", job.MaxCurves)
			}
			return
		}
		if r.curves == nil {
			r.curves = map[string]*curve{}
		}
		line = &curve{limit: r.limit, width: 1}
		r.curves[name] = line
	}
	line.add(c.port.Superstep(), y)
}

// curves puts those of all peers together, by name, each of at most so many points.
// Sums are made peer by peer, so that they are the same each time.
func (t *task) curves(limit int) []job.Curve {
	list := make([]job.Curve, 0, len(t.plots.known))
	for _, name := range slices.Sorted(maps.Keys(t.plots.known)) {
		var lines []*curve
		width := 1
		for _, c := range t.peers {
			if line := c.recorder.curves[name]; line != nil {
				lines, width = append(lines, line), max(width, line.width)
			}
		}
		list = append(list, joinCurves(lines, width, limit).told(name))
	}
	return list
}

// joinCurves makes one of several peers' curves, with stretches of at least width.
func joinCurves(lines []*curve, width, limit int) *curve {
	all := &curve{limit: limit, width: width}
	for _, line := range lines {
		all.list = append(all.list, wider(slices.Clone(line.list), width/line.width)...)
	}
	slices.SortStableFunc(all.list, func(a, b point) int { return cmp.Compare(a.at, b.at) })
	all.list = wider(all.list, 1)
	for len(all.list) > limit {
		all.list, all.width = wider(all.list, 2), 2*all.width
	}
	return all
}

// told is the curve as a trace has it.
func (c *curve) told(name string) job.Curve {
	n := len(c.list)
	out := job.Curve{Name: name, Width: c.width, At: make([]int64, n), Y: make([]float64, n), N: make([]int64, n)}
	for i, p := range c.list {
		out.At[i] = int64(p.at)
		if mean := p.sum / float64(max(p.n, 1)); !math.IsInf(mean, 0) && !math.IsNaN(mean) { // a sum may overflow
			out.Y[i], out.N[i] = mean, p.n
		}
	}
	return out
}
