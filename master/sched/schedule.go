package sched

import (
	"cmp"
	"slices"
	"time"

	"scalar/bsp/job"
	"scalar/master/fsm"
)

// maxPassed is how many jobs that do not fit now, but would on idle grooms, are
// passed in one call; jobs behind them wait. It bounds a call on a queue of
// 100,000.
const maxPassed = 1000

// maxReserving is how many jobs reserve slots at once: the first of the queue,
// so that each gets its turn.
const maxReserving = 16

// Schedule returns the jobs that can start now, s.Limit at most.
func Schedule(s State) Plan {
	return newRoom(s).plan(s)
}

func (r *room) plan(s State) Plan {
	plan := Plan{Index: s.Index}
	for _, j := range inOrder(s.Queue) {
		if r.passed >= maxPassed || !r.any() || s.Limit > 0 && len(plan.Placements) >= s.Limit {
			break
		}
		if tasks := r.serve(j); tasks != nil {
			plan.Placements = append(plan.Placements, Placement{Job: j.ID, Epoch: j.Epoch, Tasks: tasks})
		}
	}
	return plan
}

// room is what is left of the grooms while a plan is made.
type room struct {
	now       time.Time
	grooms    []Groom
	index     map[string]int
	reserved  [][]reservation // by groom
	reserving int             // jobs with reservations
	holding   []job.ID        // recovering jobs that have taken what they hold
	passed    int             // jobs that do not fit now
	hopeless  map[demand]bool // what exceeds all grooms, as far as it was asked
	rankings  map[shape]*ranking
	full      int  // grooms at the beginning of the list on which nothing can start
	plain     bool // do without rankings; for tests
}

// reservation keeps jobs of its priority and below away from a claim.
type reservation struct {
	job      job.ID
	priority int
	claim    fsm.Claim
}

// demand is what a job asks for that any groom may host.
type demand struct {
	peers, tasks, gpus int
	milliCores, memory int64
}

func newRoom(s State) *room {
	r := &room{now: s.Now, grooms: slices.Clone(s.Grooms), index: make(map[string]int, len(s.Grooms)), hopeless: map[demand]bool{}, rankings: map[shape]*ranking{}}
	slices.SortFunc(r.grooms, func(a, b Groom) int { return cmp.Compare(a.Name, b.Name) })
	r.reserved = make([][]reservation, len(r.grooms))
	for i, g := range r.grooms {
		r.index[g.Name] = i
	}
	return r
}

// serve lets j, the next of the queue, take what it needs and returns its tasks,
// or nil when it does not start now: then it keeps what it may from those behind.
func (r *room) serve(j *Job) []fsm.Assignment {
	never := r.never(j)
	if !never && !j.pauses(r.now) {
		if tasks := r.fit(j); tasks != nil {
			r.take(tasks)
			return tasks
		}
	}
	switch {
	case j.holds(r.now):
		r.hold(j)
	case never:
	case r.now.Sub(j.Since) >= ReserveAfter:
		r.reserve(j)
	}
	if !never {
		r.passed++
	}
	return nil
}

// never reports whether j would not fit if nothing else ran: it asks for more
// than the grooms have, or none of them is known to have its input. However many
// such jobs wait, they are in nobody's way.
func (r *room) never(j *Job) bool {
	if j.Sees != nil && !slices.ContainsFunc(r.grooms, func(g Groom) bool { return usable(g, *j) }) {
		return true // spares a long queue of them what follows
	}
	if j.Excluded != nil || j.Sees != nil || len(j.Last) > 0 {
		return r.look(j, true, r.capacity) == nil
	}
	d := demand{j.Peers, j.Tasks, j.GPUs, j.MilliCores, j.Memory}
	is, known := r.hopeless[d]
	if !known {
		is = r.look(j, true, r.capacity) == nil
		r.hopeless[d] = is
	}
	return is
}

func (r *room) capacity(groom int) fsm.Claim { return r.grooms[groom].Capacity }

// any reports whether a further job could start at all.
func (r *room) any() bool {
	for ; r.full < len(r.grooms); r.full++ { // what is free only shrinks
		if g := &r.grooms[r.full]; g.Ready && !g.Draining && g.Free.Slots > 0 {
			return true
		}
	}
	return false
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
	return r.look(j, false, func(i int) fsm.Claim {
		free := r.grooms[i].Free
		for _, v := range r.reserved[i] {
			if v.priority >= j.Priority {
				free = free.Minus(v.claim)
			}
		}
		return free
	})
}

// look is assign for one of the two ways of looking that most jobs need: at what is
// free for j, or at the whole of each groom.
func (r *room) look(j *Job, whole bool, avail func(groom int) fsm.Claim) []fsm.Assignment {
	if r.plain || j.Excluded != nil || len(j.Last) > 0 { // they prefer and avoid grooms by name
		return r.assign(*j, avail)
	}
	sh := shape{milliCores: j.MilliCores, memory: j.Memory, gpus: j.GPUs, whole: whole}
	if !whole {
		sh.priority = j.Priority
	}
	return r.place(*j, r.ranking(sh, j, avail).best(r, j, avail))
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

// hold takes what the recovering job j needs, so that nobody else does: the slots
// of its last attempt first, and others for those that were lost. Where the
// cluster is too small without a lost groom, it is the slots that are left.
func (r *room) hold(j *Job) {
	tasks := r.assign(*j, r.capacity)
	if tasks == nil {
		for _, last := range j.Last {
			i, known := r.index[last.Groom]
			if known && usable(r.grooms[i], *j) {
				tasks = append(tasks, fsm.Assignment{Groom: last.Groom, Claim: times(perPeer(r.grooms[i], *j), last.Peers.N())})
			}
		}
	}
	if len(tasks) > 0 {
		r.take(tasks)
		r.holding = append(r.holding, j.ID)
	}
}

// assign places j where avail says that there is room, or returns nil.
func (r *room) assign(j Job, avail func(groom int) fsm.Claim) []fsm.Assignment {
	return r.place(j, r.bins(j, avail))
}

// place puts j into bins, or returns nil.
func (r *room) place(j Job, bins []bin) []fsm.Assignment {
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
	return r.assign(without, r.capacity) != nil
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
