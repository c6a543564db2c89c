package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"scalar/bsp/job"
)

// A page shows maxCurves curves. Those with at most maxDots points have them marked.
const (
	maxCurves  = 16
	maxDots    = 64
	plotHeight = 200.0
	plotTicks  = 8 // some so many
)

// curve is what was plotted under one name, by all tasks.
type curve struct {
	name  string
	width int // supersteps of a point
	list  []sum
}

// sum is a stretch of a curve: its number, and what was plotted there.
type sum struct {
	at int64
	y  float64
	n  float64 // 0: a gap
}

// Values that are drawn: what is beyond is drawn at the end, so that no number of a task
// makes sums overflow, and what is next to 0 as that.
const (
	mostValue  = 1e280
	leastValue = 1e-280
)

// mean returns where a point is drawn.
func (s sum) mean() float64 {
	if y := s.y / s.n; math.Abs(y) > leastValue {
		return y
	}
	return 0
}

// plotted puts the tasks' curves together: by name, where several tasks have one the mean
// of all their points.
func plotted(traces []*job.Trace) []curve {
	widths := map[string]int{}
	for _, t := range traces {
		for _, c := range t.Curves {
			widths[c.Name] = max(widths[c.Name], c.Width)
		}
	}
	list := make([]curve, 0, len(widths))
	for _, name := range slices.Sorted(maps.Keys(widths)) {
		all, width := map[int64]sum{}, widths[name]
		for _, t := range traces {
			for _, c := range t.Curves {
				if c.Name == name {
					gather(all, c, int64(width/c.Width))
				}
			}
		}
		one := curve{name: name, width: width}
		for _, at := range slices.Sorted(maps.Keys(all)) {
			one.list = append(one.list, all[at])
		}
		list = append(list, one)
	}
	return list
}

// gather adds a task's curve to stretches that are factor times as wide.
func gather(all map[int64]sum, c job.Curve, factor int64) {
	for i, at := range c.At {
		at /= factor
		s, n := all[at], float64(c.N[i])
		all[at] = sum{at, s.y + n*min(max(c.Y[i], -mostValue), mostValue), s.n + n}
	}
}

// plot is a chart of the curves of a group.
type plot struct {
	chart
	Lines []line // by name
	Drawn []line // those with most points below the others
}

// line is one curve in it.
type line struct {
	Name, Title string
	Class       string
	Path, Dots  string
	points      int
}

// group is the part of a curve's name that says which chart it is in, and rest is what
// it is called there.
func group(name string) (group, rest string) {
	if group, rest, ok := strings.Cut(name, "/"); ok && group != "" && rest != "" {
		return group, rest
	}
	return name, name
}

// plots are the charts of all curves.
func (r *run) plots() []plot {
	byGroup := map[string][]curve{}
	var groups []string
	for _, c := range r.curves[:min(len(r.curves), maxCurves)] {
		g, _ := group(c.name)
		if byGroup[g] == nil {
			groups = append(groups, g)
		}
		byGroup[g] = append(byGroup[g], c)
	}
	list := make([]plot, 0, len(groups))
	for _, g := range groups {
		list = append(list, r.plot(g, byGroup[g]))
	}
	return list
}

// plot draws the curves of a group on the same axes.
func (r *run) plot(name string, curves []curve) plot {
	p := plot{chart: chart{Name: name, Label: "as the program has plotted it", Base: plotHeight + 8, Height: plotHeight + 46}}
	width := 1
	for _, c := range curves {
		width = max(width, c.width)
	}
	if width > 1 {
		p.Label += fmt.Sprintf("; a point is the mean of up to %d supersteps", width)
	}
	lo, hi := span(curves)
	p.X = ticks(float64(r.first), float64(r.first+r.steps), plotWidth, 8, whole)
	p.Y = ticks(lo, hi, plotHeight, plotTicks, exact(lo, hi))
	for i := range p.Y {
		p.Y[i].At = p.Base - p.Y[i].At
	}
	for i, c := range curves {
		l := line{Class: fmt.Sprintf("c%d d%d", i%6, i/6), points: len(c.list)}
		_, l.Name = group(c.name)
		l.Title = l.Name
		if row := c.row(r); row.Last != "" {
			l.Title += ": at last " + row.Last
		}
		l.Path, l.Dots = r.trail(c, func(y float64) float64 { return p.Base - plotHeight*share(y, lo, hi) })
		p.Lines = append(p.Lines, l)
	}
	p.Drawn = slices.Clone(p.Lines)
	slices.SortStableFunc(p.Drawn, func(a, b line) int { return cmp.Compare(b.points, a.points) })
	return p
}

// at is the superstep that a stretch is drawn at: its middle, in the attempt.
func (c curve) at(s sum, r *run) float64 {
	x := (float64(s.at)+0.5)*float64(c.width) - float64(r.first)
	return min(max(x, 0), float64(r.steps))
}

// trail is the path of a curve, with gaps where there was no number, and of its dots:
// those without a neighbour are seen in no other way.
func (r *run) trail(c curve, height func(float64) float64) (path, dots string) {
	var p, d strings.Builder
	alone := func(i int) bool { // beside nothing
		return (i == 0 || c.list[i-1].n == 0) && (i+1 == len(c.list) || c.list[i+1].n == 0)
	}
	down := false
	for i, s := range c.list {
		if s.n == 0 {
			down = false
			continue
		}
		at := coord(left+plotWidth*c.at(s, r)/float64(max(r.steps, 1))) + " " + coord(height(s.mean()))
		if down {
			p.WriteString("L" + at)
		} else {
			p.WriteString("M" + at)
		}
		down = true
		if len(c.list) <= maxDots || alone(i) {
			d.WriteString("M" + at + "h0")
		}
	}
	return p.String(), d.String()
}

// span is what the axis of some curves shows: from 0 if they are not far above it.
func span(curves []curve) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, c := range curves {
		for _, s := range c.list {
			if s.n > 0 {
				lo, hi = min(lo, s.mean()), max(hi, s.mean())
			}
		}
	}
	most := max(math.Abs(lo), math.Abs(hi))
	switch {
	case lo > hi, most == 0: // there is nothing
		return 0, 1
	case lo > 0 && lo < hi/2:
		return 0, hi
	case hi-lo < 1e-9*most: // one value, as far as can be drawn
		return lo - most/10, hi + most/10
	}
	return lo, hi
}

// share is where y is between lo and hi.
func share(y, lo, hi float64) float64 { return min(max((y-lo)/(hi-lo), 0), 1) }

// exact writes numbers of an axis so that its marks can be told apart.
func exact(lo, hi float64) func(float64) string {
	step, most := round((hi-lo)/plotTicks), max(math.Abs(lo), math.Abs(hi))
	if most >= 1e6 || step < 1e-6 {
		digits := 1 + max(0, int(math.Ceil(math.Log10(most/step))))
		return func(x float64) string { return strconv.FormatFloat(near(x, step), 'g', min(digits, 10), 64) }
	}
	decimals := max(0, int(-math.Floor(math.Log10(step)+1e-9)))
	return func(x float64) string { return strconv.FormatFloat(near(x, step), 'f', decimals, 64) }
}

// near is x, or 0 where x is that but for rounding.
func near(x, step float64) float64 {
	if math.Abs(x) < step/1e6 {
		return 0
	}
	return x
}

// curveRow is a curve in the table.
type curveRow struct{ Name, First, Last, Least, Most string }

// row has the numbers of a curve.
func (c curve) row(r *run) curveRow {
	row := curveRow{Name: c.name}
	least, most := -1, -1
	for i, s := range c.list {
		if s.n == 0 {
			continue
		}
		if least < 0 {
			row.First, least, most = number(s), i, i
		}
		row.Last = number(s)
		if s.mean() < c.list[least].mean() {
			least = i
		}
		if s.mean() > c.list[most].mean() {
			most = i
		}
	}
	if least >= 0 {
		row.Least, row.Most = c.where(least, r), c.where(most, r)
	}
	return row
}

// where writes a point with its superstep.
func (c curve) where(i int, r *run) string {
	s := c.list[i]
	lo := max(s.at*int64(c.width), int64(r.first))
	if c.width == 1 {
		return fmt.Sprintf("%s in %d", number(s), lo)
	}
	return fmt.Sprintf("%s in %d to %d", number(s), lo, min((s.at+1)*int64(c.width)-1, int64(r.first+r.steps)))
}

func number(s sum) string { return strconv.FormatFloat(s.mean(), 'g', 5, 64) }

// curveTable has what the charts of curves show as text.
func (r *run) curveTable() []curveRow {
	drawn := r.curves[:min(len(r.curves), maxCurves)]
	rows := make([]curveRow, 0, len(drawn))
	for _, c := range drawn {
		rows = append(rows, c.row(r))
	}
	return rows
}
