package report

import (
	"cmp"
	"errors"
	"slices"

	"scalar/bsp/job"
)

// run is one attempt, put together from what its tasks have told. Times are in
// nanoseconds from the beginning of the first recorded superstep.
type run struct {
	first, steps int
	tasks        int // that have told
	columns      columns
	tracks       []track
	whole        bool // the tracks are all of the job's peers
	curves       []curve
}

// columns are stretches of width supersteps, summed up over all peers.
type columns struct {
	width                   int
	compute, exchange, wait []int64
	messages, active        []int64
	longest, end            []int64
}

// track is one peer, by stretches of trackWidth supersteps.
type track struct {
	peer                    int
	width                   int
	compute, exchange, wait []int64
	computed                int64 // in all
}

var errNothing = errors.New("no task has told of its supersteps")

// join puts the traces of one attempt together.
func join(info job.Info, traces []*job.Trace) (*run, error) {
	if len(traces) == 0 {
		return nil, errNothing
	}
	r := &run{first: traces[0].First, tasks: len(traces), curves: plotted(traces)}
	width, trackWidth := 1, 1
	for _, t := range traces {
		r.steps, width, trackWidth = max(r.steps, t.Steps), max(width, t.Width), max(trackWidth, t.TrackWidth)
	}
	trackWidth = max(trackWidth, width)
	r.columns = newColumns(width, (r.steps+width-1)/width)
	begin := int64(0)
	for _, t := range traces {
		c := columnsOf(t).coarser(width)
		if len(c.end) > 0 { // the peer that had loaded first
			begin = max(begin, c.longest[0], (c.compute[0]+c.exchange[0]+c.wait[0])/int64(max(t.Peers.N(), 1)))
		}
		r.columns.add(c)
		for _, l := range t.Tracks {
			r.tracks = append(r.tracks, track{
				peer: l.Peer, width: trackWidth, compute: sums(l.Compute, trackWidth/t.TrackWidth),
				exchange: sums(l.Exchange, trackWidth/t.TrackWidth), wait: sums(l.Wait, trackWidth/t.TrackWidth),
			})
		}
	}
	r.whole = len(r.tracks) == info.Peers
	if len(traces) > 1 {
		r.late(traces, width, trackWidth)
	}
	for i := range r.tracks {
		for _, ns := range r.tracks[i].compute {
			r.tracks[i].computed += ns
		}
	}
	slices.SortFunc(r.tracks, func(a, b track) int { return cmp.Compare(a.peer, b.peer) })
	r.columns.fromZero(begin)
	return r, nil
}

// late takes from communication what is waiting for another task: at a barrier the task
// that comes last has nothing to wait for but messages, and its peers need as long as
// those of the others do for theirs. Of a stretch of several supersteps only the sums
// are known, so that waiting can be more than is told.
func (r *run) late(traces []*job.Trace, width, trackWidth int) {
	least := leastExchange(traces, width)
	c := &r.columns
	peers := int64(0)
	for _, t := range traces {
		peers += int64(t.Peers.N())
	}
	for i := range c.exchange {
		more := max(c.exchange[i]-least[i]*peers, 0)
		c.exchange[i], c.wait[i] = c.exchange[i]-more, c.wait[i]+more
	}
	least = leastExchange(traces, trackWidth)
	for _, l := range r.tracks {
		for i := range l.exchange {
			more := max(l.exchange[i]-least[i], 0)
			l.exchange[i], l.wait[i] = l.exchange[i]-more, l.wait[i]+more
		}
	}
}

// leastExchange returns for each stretch the exchange of a peer of the task that has
// the least, the peers of a task taken as equal.
func leastExchange(traces []*job.Trace, width int) []int64 {
	var least []int64
	for _, t := range traces {
		for i, ns := range sums(t.Exchange, width/t.Width) {
			ns /= int64(max(t.Peers.N(), 1))
			if i == len(least) {
				least = append(least, ns)
			}
			least[i] = min(least[i], ns)
		}
	}
	return least
}

func newColumns(width, n int) columns {
	of := func() []int64 { return make([]int64, n) }
	return columns{width: width, compute: of(), exchange: of(), wait: of(), messages: of(), active: of(), longest: of(), end: of()}
}

func columnsOf(t *job.Trace) columns {
	return columns{
		width: t.Width, compute: t.Compute, exchange: t.Exchange, wait: t.Wait, messages: t.Messages, active: t.Active,
		longest: t.Longest, end: t.End,
	}
}

// coarser returns a copy with another width, a multiple of the own one.
func (c columns) coarser(width int) columns {
	f := width / c.width
	return columns{
		width: width, compute: sums(c.compute, f), exchange: sums(c.exchange, f), wait: sums(c.wait, f), messages: sums(c.messages, f),
		active: sums(c.active, f), longest: most(c.longest, f), end: most(c.end, f),
	}
}

// add adds columns of the same width, of a task that may have ended sooner.
func (c columns) add(o columns) {
	for i := range o.end {
		c.compute[i] += o.compute[i]
		c.exchange[i] += o.exchange[i]
		c.wait[i] += o.wait[i]
		c.messages[i] += o.messages[i]
		c.active[i] += o.active[i]
		c.longest[i], c.end[i] = max(c.longest[i], o.longest[i]), max(c.end[i], o.end[i])
	}
}

// fromZero has the first stretch take so long and begin at 0, and none end before the
// one before it: tasks' clocks differ by what they needed to start.
func (c columns) fromZero(first int64) {
	if len(c.end) == 0 {
		return
	}
	zero := c.end[0] - first
	for i := range c.end {
		c.end[i] -= zero
		if i > 0 {
			c.end[i] = max(c.end[i], c.end[i-1])
		}
	}
}

// sums adds up every so many neighbours.
func sums(list []int64, factor int) []int64 {
	return fold(list, factor, func(a, b int64) int64 { return a + b })
}

// most takes the largest of every so many neighbours.
func most(list []int64, factor int) []int64 {
	return fold(list, factor, func(a, b int64) int64 { return max(a, b) })
}

func fold(list []int64, factor int, op func(a, b int64) int64) []int64 {
	out := make([]int64, 0, len(list)/max(factor, 1)+1)
	for i, v := range list {
		if i%factor == 0 {
			out = append(out, v)
		} else {
			out[len(out)-1] = op(out[len(out)-1], v)
		}
	}
	return out
}

// skew returns for each stretch of a width, a multiple of the tracks', what the slowest
// peer computes, divided by the median; 0 where half of them compute nothing.
func (r *run) skew(width int) []float64 {
	byStretch := make([][]int64, (r.steps+width-1)/width)
	for _, l := range r.tracks {
		for i, ns := range sums(l.compute, width/l.width) {
			byStretch[i] = append(byStretch[i], ns)
		}
	}
	out := make([]float64, len(byStretch))
	for i, all := range byStretch {
		if m := median(all); m > 0 {
			out[i] = float64(slices.Max(all)) / m
		}
	}
	return out
}

// median sorts all and returns the middle, or the mean of the two middles; 0 of nothing.
func median(all []int64) float64 {
	slices.Sort(all)
	switch half := len(all) / 2; {
	case len(all) == 0:
		return 0
	case len(all)%2 == 0:
		return float64(all[half-1]+all[half]) / 2
	default:
		return float64(all[half])
	}
}
