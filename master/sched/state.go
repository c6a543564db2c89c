package sched

import (
	"cmp"
	"slices"
	"time"

	"scalar/bsp/job"
	"scalar/master/fsm"
)

// ReserveAfter is how long a job lets later ones pass before it reserves.
const ReserveAfter = 30 * time.Second

// HoldFor is how long after its fault a recovering job holds the slots that its
// last attempt had, and those that it needs instead of lost ones. Then it gives
// them back and waits at the head of the queue.
const HoldFor = 10 * time.Second

// DefaultPeers is how many peers a job gets at most that does not say.
const DefaultPeers = 8

// State is what the scheduler sees.
type State struct {
	Index  uint64 // of the replicated state it was made from; the plan carries it
	Now    time.Time
	Grooms []Groom
	Queue  []Job // in any order
	Limit  int   // placements wanted; 0: all
}

// Groom is a node with what is free on it.
type Groom struct {
	Name        string
	Host        string
	Incarnation uint64
	Capacity    fsm.Claim
	Free        fsm.Claim // may be negative after a groom came back smaller
	Ready       bool      // it reports to this master
	Draining    bool
	Holders     []job.ID // jobs with tasks on it
}

// Sees says whether a groom sees a job's input.
type Sees uint8

// What is known of a job's input on a groom.
const (
	Present Sees = iota // or the job has none
	Unknown             // being asked
	Missing
)

// Job waits in the queue.
type Job struct {
	ID         job.ID
	Number     uint64 // of submission
	Epoch      job.Epoch
	Priority   int
	Recovering bool
	Since      time.Time // when it was queued; of a recovering job: its fault
	NotBefore  time.Time // it pauses until then
	Peers      int       // 0: as many as are free, DefaultPeers at most
	Tasks      int       // 0: the fewest that fit
	MilliCores int64     // per peer; 0: the groom's share of a slot
	Memory     int64     // bytes per peer; 0: the groom's share of a slot
	GPUs       int       // per peer
	Input      string
	Last       []fsm.Assignment                    // of the attempt before
	Excluded   func(groom string, inc uint64) bool // nil: none
	Sees       func(groom string, inc uint64) Sees // nil: all Present
}

// Live is what the replicated state does not know of grooms.
type Live struct {
	Ready func(groom string, incarnation uint64) bool
	Sees  func(j *fsm.Job, groom string, incarnation uint64) Sees
}

// From makes the scheduler's picture of the replicated state.
func From(s *fsm.State, now time.Time, live Live) State {
	v := State{Index: s.Index, Now: now, Grooms: grooms(s, live)}
	at := map[string]int{}
	for i, g := range v.Grooms {
		at[g.Name] = i
	}
	for j := range s.Active() {
		switch j.State {
		case job.Queued:
			v.Queue = append(v.Queue, fromJob(j, live))
		case job.Running:
			for _, t := range j.Tasks {
				if i, ok := at[t.Groom]; ok && !slices.Contains(v.Grooms[i].Holders, j.ID) {
					v.Grooms[i].Holders = append(v.Grooms[i].Holders, j.ID)
				}
			}
		default: // holds nothing
		}
	}
	return v
}

func grooms(s *fsm.State, live Live) (list []Groom) {
	for g := range s.Grooms() {
		if g.Lost {
			continue
		}
		list = append(list, Groom{
			Name: g.Facts.Name, Host: g.Facts.Addr, Incarnation: g.Facts.Incarnation,
			Capacity: g.Facts.Capacity(), Free: g.Facts.Capacity().Minus(g.Used),
			Ready: live.Ready(g.Facts.Name, g.Facts.Incarnation), Draining: g.Draining,
		})
	}
	return list
}

// CanMove reports whether the running job j, were it queued, would fit now on grooms
// that do not drain.
func CanMove(s *fsm.State, now time.Time, j *fsm.Job, live Live) bool {
	r := newRoom(State{Now: now, Grooms: grooms(s, live)})
	for _, t := range j.Tasks {
		if i, ok := r.index[t.Groom]; ok && r.grooms[i].Incarnation == t.Incarnation {
			r.grooms[i].Free = r.grooms[i].Free.Plus(t.Claim)
		}
	}
	q := fromJob(j, live)
	return r.fit(&q) != nil
}

func fromJob(j *fsm.Job, live Live) Job {
	q := Job{
		ID: j.ID, Number: j.Number, Epoch: j.Epoch + 1, Priority: j.Spec.Priority, Recovering: j.Epoch > 0, Since: j.Queued, NotBefore: j.NotBefore,
		Peers: j.Peers, Tasks: j.Spec.Tasks, MilliCores: int64(j.Spec.Cores * 1000), Memory: j.Spec.Memory, GPUs: j.Spec.GPUs,
		Input: j.Spec.Input, Last: j.Tasks,
	}
	if len(j.Blamed) > 0 {
		q.Excluded = j.Excludes
	}
	if q.Input != "" {
		q.Sees = func(groom string, incarnation uint64) Sees { return live.Sees(j, groom, incarnation) }
	}
	return q
}

// Plan says which jobs start.
type Plan struct {
	Index      uint64
	Placements []Placement // in queue order
}

// Placement starts one job.
type Placement struct {
	Job   job.ID
	Epoch job.Epoch
	Tasks []fsm.Assignment // by task
}

// inOrder returns the queue as it is served.
func inOrder(queue []Job) []*Job {
	list := make([]*Job, len(queue))
	for i := range queue {
		list[i] = &queue[i]
	}
	slices.SortFunc(list, before)
	return list
}

func before(a, b *Job) int {
	return rank{a.Recovering, a.Priority, a.Number}.compare(rank{b.Recovering, b.Priority, b.Number})
}

// Order compares queued jobs by the queue's order.
func Order(a, b *fsm.Job) int {
	return rank{a.Epoch > 0, a.Spec.Priority, a.Number}.compare(rank{b.Epoch > 0, b.Spec.Priority, b.Number})
}

// rank is what a job's place in the queue depends on.
type rank struct {
	recovers bool
	priority int
	number   uint64
}

func (a rank) compare(b rank) int {
	switch {
	case a.recovers && !b.recovers:
		return -1
	case b.recovers && !a.recovers:
		return 1
	}
	return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(a.number, b.number))
}

// pauses reports whether j may not start yet, however much is free.
func (j *Job) pauses(now time.Time) bool { return now.Before(j.NotBefore) }

// holds reports whether j keeps its slots from all others.
func (j *Job) holds(now time.Time) bool { return j.Recovering && now.Sub(j.Since) < HoldFor }

// Next returns when the queue must be looked at again, though nothing else
// changes, because of this queued job; zero: never.
func Next(j *fsm.Job, now time.Time) time.Time {
	if j.Epoch == 0 {
		return time.Time{}
	}
	for _, t := range []time.Time{j.NotBefore, j.Queued.Add(HoldFor)} { // a pause is never longer
		if now.Before(t) {
			return t
		}
	}
	return time.Time{}
}
