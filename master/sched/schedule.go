package sched

import (
	"cmp"
	"slices"

	"scalar/bsp/job"
	"scalar/master/fsm"
)

// maxPassed is how many jobs that do not fit are passed in one call; jobs
// behind them wait. It bounds a call on a queue of 100,000.
const maxPassed = 1000

// maxReserving is how many jobs reserve slots at once: the first of the queue,
// so that each gets its turn.
const maxReserving = 16

// Schedule returns the jobs that can start now.
func Schedule(s State) Plan {
	plan := Plan{Index: s.Index}
	r := newRoom(s)
	passed := 0
	for _, j := range inOrder(s.Queue) {
		if passed >= maxPassed || !r.any() {
			break
		}
		if tasks := r.fit(j); tasks != nil {
			plan.Placements = append(plan.Placements, Placement{Job: j.ID, Epoch: j.Epoch, Tasks: tasks})
			r.take(tasks)
			continue
		}
		passed++
		if s.Now.Sub(j.Since) >= ReserveAfter {
			r.reserve(j)
		}
	}
	return plan
}

// room is what is left of the grooms while a plan is made.
type room struct {
	grooms    []Groom
	index     map[string]int
	reserved  [][]reservation // by groom
	reserving int             // jobs with reservations
}

// reservation keeps jobs of its priority and below away from a claim.
type reservation struct {
	job      job.ID
	priority int
	claim    fsm.Claim
}

func newRoom(s State) *room {
	r := &room{grooms: slices.Clone(s.Grooms), index: make(map[string]int, len(s.Grooms))}
	slices.SortFunc(r.grooms, func(a, b Groom) int { return cmp.Compare(a.Name, b.Name) })
	r.reserved = make([][]reservation, len(r.grooms))
	for i, g := range r.grooms {
		r.index[g.Name] = i
	}
	return r
}

// any reports whether a further job could start at all.
func (r *room) any() bool {
	return slices.ContainsFunc(r.grooms, func(g Groom) bool { return g.Ready && !g.Draining && g.Free.Slots > 0 })
}

func (r *room) take(tasks []fsm.Assignment) {
	for _, t := range tasks {
		g := &r.grooms[r.index[t.Groom]]
		g.Free = g.Free.Minus(t.Claim)
	}
}

// bin is a groom as one job sees it.
type bin struct {
	groom int   // index into room.grooms
	room  int   // peers of the job that fit
	tasks []int // sizes of the tasks put here
	per   fsm.Claim
}

func (b *bin) put(n int) {
	b.room -= n
	b.tasks = append(b.tasks, n)
}

// fit returns the tasks of j on what is free now, or nil.
func (r *room) fit(j *Job) []fsm.Assignment {
	return r.assign(*j, func(i int) fsm.Claim {
		free := r.grooms[i].Free
		for _, v := range r.reserved[i] {
			if v.priority >= j.Priority {
				free = free.Minus(v.claim)
			}
		}
		return free
	})
}

// reserve keeps the slots that j needs from jobs behind it. It chooses where
// most is free already; since nothing of equal or lower priority starts there,
// that only grows until j fits.
func (r *room) reserve(waiting *Job) {
	if r.reserving >= maxReserving {
		return
	}
	j := *waiting
	if j.Peers == 0 {
		j.Peers = max(1, j.Tasks)
	}
	tasks := r.assign(j, func(i int) fsm.Claim {
		all := r.grooms[i].Capacity
		for _, v := range r.reserved[i] {
			all = all.Minus(v.claim)
		}
		return all
	})
	for _, t := range tasks {
		i := r.index[t.Groom]
		r.reserved[i] = append(r.reserved[i], reservation{j.ID, j.Priority, t.Claim})
	}
	if tasks != nil {
		r.reserving++
	}
}

// assign places j where avail says that there is room, or returns nil.
func (r *room) assign(j Job, avail func(groom int) fsm.Claim) []fsm.Assignment {
	bins := r.bins(j, avail)
	total := 0
	for _, b := range bins {
		total += b.room
	}
	peers := j.Peers
	if peers == 0 {
		peers = max(1, j.Tasks, min(total, DefaultPeers))
	}
	if total < peers {
		return nil
	}
	if tasks := r.keep(j, peers, bins); tasks != nil {
		return tasks
	}
	if j.Tasks > 0 {
		return r.spread(j, peers, bins)
	}
	return r.fewest(peers, bins)
}

// bins returns the grooms that may host j, most free first.
func (r *room) bins(j Job, avail func(groom int) fsm.Claim) []bin {
	bins := make([]bin, 0, len(r.grooms))
	excluding := j.Excluded != nil && r.canExclude(j)
	for i, g := range r.grooms {
		if !usable(g, j) || excluding && j.Excluded(g.Name, g.Incarnation) {
			continue
		}
		per := perPeer(g, j)
		if n := peersIn(avail(i), per); n > 0 {
			bins = append(bins, bin{groom: i, room: n, per: per})
		}
	}
	slices.SortStableFunc(bins, func(a, b bin) int {
		return cmp.Or(cmp.Compare(b.room, a.room),
			cmp.Compare(r.grooms[b.groom].Free.Slots, r.grooms[a.groom].Free.Slots))
	})
	return bins
}

func usable(g Groom, j Job) bool {
	return g.Ready && !g.Draining && (j.Sees == nil || j.Sees(g.Name, g.Incarnation) == Present)
}

// canExclude reports whether the cluster without the grooms that j should avoid
// is large enough for j; on a cluster that is not, avoiding them would end it.
func (r *room) canExclude(j Job) bool {
	without := j
	excluded := j.Excluded
	without.Excluded = nil
	without.Last = nil
	inner := j.Sees
	without.Sees = func(groom string, inc uint64) Sees {
		if excluded(groom, inc) {
			return Missing
		}
		if inner == nil {
			return Present
		}
		return inner(groom, inc)
	}
	return r.assign(without, func(i int) fsm.Claim { return r.grooms[i].Capacity }) != nil
}

// perPeer returns what one peer of j claims of g.
func perPeer(g Groom, j Job) fsm.Claim {
	slots := max(1, g.Capacity.Slots)
	c := fsm.Claim{Slots: 1, MilliCores: j.MilliCores, Memory: j.Memory, GPUs: j.GPUs}
	if c.MilliCores == 0 {
		c.MilliCores = g.Capacity.MilliCores / int64(slots)
	}
	if c.Memory == 0 {
		c.Memory = g.Capacity.Memory / int64(slots)
	}
	return c
}

// peersIn returns how many peers of a claim each fit into avail.
func peersIn(avail, per fsm.Claim) int {
	n := avail.Slots
	if per.MilliCores > 0 {
		n = int(min(int64(n), avail.MilliCores/per.MilliCores))
	}
	if per.Memory > 0 {
		n = int(min(int64(n), avail.Memory/per.Memory))
	}
	if per.GPUs > 0 {
		n = min(n, avail.GPUs/per.GPUs)
	}
	return max(0, n)
}

func times(c fsm.Claim, n int) fsm.Claim {
	return fsm.Claim{Slots: c.Slots * n, MilliCores: c.MilliCores * int64(n), Memory: c.Memory * int64(n), GPUs: c.GPUs * n}
}

// task returns the assignment of peers to the bin's groom.
func (r *room) task(b *bin, peers job.Range) fsm.Assignment {
	g := r.grooms[b.groom]
	return fsm.Assignment{Peers: peers, Groom: g.Name, Incarnation: g.Incarnation, Host: g.Host, Claim: times(b.per, peers.N())}
}
