package bsp

import (
	"cmp"
	"math/bits"
	"slices"
	"sync/atomic"

	"scalar/bsp/job"
)

// recorder puts what one peer does in each superstep into stretches of as many
// supersteps each. When there are limit of them, they are merged in pairs: memory is
// bounded, and sums stay what they are. All peers of a job begin at the same superstep
// and have widths that are powers of two, so that their stretches can be compared.
type recorder struct {
	limit int // even
	width int // supersteps in a stretch
	fill  int // supersteps in the last stretch; 0: it is full, or there is none
	steps int
	list  []stretch

	curves map[string]*curve // what Peer.Plot was told, by name; nil: nothing

	began  int64 // when the superstep did, as task.now gives it
	spent  int64 // the clock's then
	sent   int64 // messages before it
	active int64 // what Peer.Active was told in it
}

// stretch is a run of supersteps of one peer: sums, but for the last two. Times are in
// nanoseconds.
type stretch struct {
	compute, exchange, wait int64
	messages, active        int64
	longest                 int64 // superstep
	end                     int64 // of the last superstep
}

// and puts two neighbours together.
func (s stretch) and(o stretch) stretch {
	return stretch{
		s.compute + o.compute, s.exchange + o.exchange, s.wait + o.wait, s.messages + o.messages, s.active + o.active,
		max(s.longest, o.longest), max(s.end, o.end),
	}
}

// Memory of all recorders of a task, in stretches of 56 bytes; each peer has 16 at least.
const allStretches = 1 << 20

// newRecorder makes the recorder of one of so many peers in a task.
func newRecorder(peers int) *recorder {
	limit := min(max(allStretches/peers, 16), job.MaxStretches)
	return &recorder{limit: 1 << (bits.Len(uint(limit)) - 1), width: 1}
}

// add takes one superstep.
func (r *recorder) add(s stretch) {
	switch {
	case r.fill > 0:
		last := &r.list[len(r.list)-1]
		*last = last.and(s)
	default:
		if len(r.list) == r.limit {
			r.list, r.width = coarser(r.list, 2), 2*r.width
		}
		r.list = append(r.list, s)
	}
	r.steps++
	if r.fill++; r.fill == r.width {
		r.fill = 0
	}
}

// coarser puts every so many neighbours together, in place.
func coarser(list []stretch, factor int) []stretch {
	n := 0
	for i := 0; i < len(list); i += factor {
		s := list[i]
		for _, next := range list[i+1 : min(i+factor, len(list))] {
			s = s.and(next)
		}
		list[n] = s
		n++
	}
	return list[:n]
}

// at returns a copy of the stretches with a width that is a multiple of the own one.
func (r *recorder) at(width int) []stretch { return coarser(slices.Clone(r.list), width/r.width) }

// record takes the superstep that a barrier has ended now. It asks no clock: the peer's
// own has been read when it came to the barrier, and when that was over.
func (c *core) record(now int64) {
	r := c.recorder
	spent := c.clock.spent.Load()
	messages, _ := c.port.Sent()
	s := stretch{compute: max(spent-r.spent, 0), messages: messages - r.sent, active: r.active, longest: now - r.began, end: now}
	rest := max(now-r.began-s.compute, 0)
	s.exchange = min(max(now-c.t.latest[c.barriers&1].Load(), 0), rest)
	s.wait = rest - s.exchange
	r.add(s)
	r.began, r.spent, r.sent, r.active = now, spent, messages, 0
}

// arrive notes when a peer came to a barrier: of the task's peers the last one counts.
// A number is of use until the barrier after the next one, whose peers come later.
func (c *core) arrive(now int64) {
	latest := &c.t.latest[c.barriers&1]
	for old := latest.Load(); now > old && !latest.CompareAndSwap(old, now); old = latest.Load() {
	}
}

// latest holds when the last peer of a task came to a barrier, for barriers with even
// and with odd numbers.
type latest [2]atomic.Int64

// trace tells of all supersteps; the peers have ended.
func (t *task) trace() *job.Trace {
	tr := &job.Trace{Task: t.start.Key.Task, Peers: t.own, Width: 1}
	if t.start.Restore != nil {
		tr.First = t.start.Restore.Superstep
	}
	for _, c := range t.peers {
		tr.Width, tr.Steps = max(tr.Width, c.recorder.width), max(tr.Steps, c.recorder.steps)
	}
	stretches, cells := job.TraceLimits(len(t.start.Ranges))
	for (tr.Steps+tr.Width-1)/tr.Width > stretches {
		tr.Width *= 2
	}
	n := (tr.Steps + tr.Width - 1) / tr.Width
	for _, column := range []*[]int64{&tr.Compute, &tr.Exchange, &tr.Wait, &tr.Messages, &tr.Active, &tr.Longest, &tr.End} {
		*column = make([]int64, n)
	}
	for _, c := range t.peers {
		for i, s := range c.recorder.at(tr.Width) {
			tr.Compute[i] += s.compute
			tr.Exchange[i] += s.exchange
			tr.Wait[i] += s.wait
			tr.Messages[i] += s.messages
			tr.Active[i] += s.active
			tr.Longest[i], tr.End[i] = max(tr.Longest[i], s.longest), max(tr.End[i], s.end)
		}
	}
	t.tracks(tr, cells)
	tr.Curves = t.curves(min(stretches, job.MaxPoints))
	return tr
}

// tracks tells of single peers.
func (t *task) tracks(tr *job.Trace, cells int) {
	chosen := t.spaced(min(job.MaxTracks, cells))
	tr.TrackWidth = tr.Width
	for len(chosen)*((tr.Steps+tr.TrackWidth-1)/tr.TrackWidth) > cells {
		tr.TrackWidth *= 2
	}
	n := (tr.Steps + tr.TrackWidth - 1) / tr.TrackWidth
	for _, c := range chosen {
		l := job.Track{Peer: c.index, Compute: make([]int64, n), Exchange: make([]int64, n), Wait: make([]int64, n)}
		for i, s := range c.recorder.at(tr.TrackWidth) {
			l.Compute[i], l.Exchange[i], l.Wait[i] = s.compute, s.exchange, s.wait
		}
		tr.Tracks = append(tr.Tracks, l)
	}
}

// spaced returns at most n peers in the order of their numbers: evenly spaced by what
// they have computed, the least and the most among them.
func (t *task) spaced(n int) []*core {
	all := slices.Clone(t.peers)
	if len(all) <= n {
		return all
	}
	slices.SortStableFunc(all, func(a, b *core) int { return cmp.Compare(a.clock.spent.Load(), b.clock.spent.Load()) })
	some := make([]*core, n)
	for i := range some {
		some[i] = all[i*(len(all)-1)/max(n-1, 1)]
	}
	slices.SortFunc(some, func(a, b *core) int { return cmp.Compare(a.index, b.index) })
	return some
}
