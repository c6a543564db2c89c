package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// maxTracks and maxCells bound what is drawn of single peers: 16 tracks of three paths of
// 256 steps of some 14 bytes are 170 KiB.
const (
	maxTracks = 16
	maxCells  = 256
)

// tracks is the picture of the peers' time.
type tracks struct {
	Height float64
	Base   float64 // of the axis
	X      []tick
	Rows   []row
}

// row is one peer in it.
type row struct {
	Label, Title            string
	Y, Text                 float64
	Compute, Exchange, Wait string // paths, each below the one before
	Sum                     [3]string
}

const (
	trackHeight = 20.0
	trackGap    = 6.0
)

// picture draws the tracks: each stretch as wide as it took, and as high as the share of
// each phase in what the peer did then.
func (r *run) picture() tracks {
	var p tracks
	total := float64(0)
	if n := len(r.columns.end); n > 0 {
		total = float64(r.columns.end[n-1])
	}
	y := 4.0
	for _, l := range r.chosen() {
		p.Rows = append(p.Rows, r.draw(l, y, total))
		y += trackHeight + trackGap
	}
	p.Base, p.Height = y, y+38
	p.X = ticks(0, total, plotWidth, 8, seconds)
	return p
}

// chosen returns the tracks that are drawn: evenly spaced by what they compute, the
// least and the most among them.
func (r *run) chosen() []track {
	if len(r.tracks) <= maxTracks {
		return r.tracks
	}
	all := slices.Clone(r.tracks)
	slices.SortStableFunc(all, func(a, b track) int { return cmp.Compare(a.computed, b.computed) })
	some := make([]track, maxTracks)
	for i := range some {
		some[i] = all[i*(len(all)-1)/(maxTracks-1)]
	}
	slices.SortFunc(some, func(a, b track) int { return cmp.Compare(a.peer, b.peer) })
	return some
}

func (r *run) draw(l track, y, total float64) row {
	f := 1
	for (len(l.compute)+f-1)/f > maxCells {
		f *= 2
	}
	compute, exchange, wait := sums(l.compute, f), sums(l.exchange, f), sums(l.wait, f)
	each := l.width * f / r.columns.width // of the columns in one cell
	xs := append(make([]float64, 0, len(compute)+1), left)
	var heights [3][]float64
	var sum [3]float64
	for i := range compute {
		end := r.columns.end[min((i+1)*each, len(r.columns.end))-1]
		xs = append(xs, left+plotWidth*float64(end)/max(total, 1))
		high, whole := 0.0, float64(compute[i]+exchange[i]+wait[i])
		if i == 0 { // in which some peers may still load
			whole = max(whole, float64(end))
		}
		for phase, ns := range [3]int64{compute[i], exchange[i], wait[i]} {
			sum[phase] += float64(ns)
			high += float64(ns) / max(whole, 1)
			heights[phase] = append(heights[phase], high)
		}
	}
	base := y + trackHeight
	out := row{
		Label: fmt.Sprintf("peer %d", l.peer), Y: y, Text: base - 6,
		Compute: area(xs, heights[0], base, trackHeight), Exchange: area(xs, heights[1], base, trackHeight), Wait: area(xs, heights[2], base, trackHeight),
	}
	for phase := range sum {
		out.Sum[phase] = seconds(sum[phase])
	}
	out.Title = fmt.Sprintf("peer %d: computes %s, communicates %s, waits %s", l.peer, out.Sum[0], out.Sum[1], out.Sum[2])
	return out
}

// chart is a step function over supersteps.
type chart struct {
	Name, Label string // what a reader of the screen hears
	Height      float64
	Base        float64
	X, Y        []tick // Y from the top
	Path        string
}

const chartHeight = 150.0

// chart draws values of stretches of so many supersteps, from lo on.
func (r *run) chart(name, label string, width int, values []float64, lo float64) chart {
	c := chart{Name: name, Label: label, Base: chartHeight + 8, Height: chartHeight + 46}
	hi := lo
	for _, v := range values {
		hi = max(hi, v)
	}
	if hi == lo {
		hi = lo + 1
	}
	xs, heights := append(make([]float64, 0, len(values)+1), left), make([]float64, 0, len(values))
	for i, v := range values {
		heights = append(heights, max(v-lo, 0)/(hi-lo))
		xs = append(xs, left+plotWidth*float64(min((i+1)*width, r.steps))/float64(max(r.steps, 1)))
	}
	c.Path = area(xs, heights, c.Base, chartHeight)
	c.X = ticks(float64(r.first), float64(r.first+r.steps), plotWidth, 8, whole)
	c.Y = ticks(lo, hi, chartHeight, 4, short)
	for i := range c.Y {
		c.Y[i].At = c.Base - c.Y[i].At
	}
	return c
}

// whole writes a superstep's number.
func whole(x float64) string {
	if x != float64(int64(x)) {
		return ""
	}
	return strconv.FormatInt(int64(x), 10)
}

// each divides sums over stretches by the supersteps of a stretch.
func (r *run) each(sums []int64) []float64 {
	out := make([]float64, len(sums))
	for i, s := range sums {
		out[i] = float64(s) / float64(r.stepsIn(i, r.columns.width))
	}
	return out
}

// stepsIn is how many supersteps stretch i has.
func (r *run) stepsIn(i, width int) int { return max(min(width, r.steps-i*width), 1) }
