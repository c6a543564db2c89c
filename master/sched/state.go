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

// DefaultPeers is how many peers a job gets at most that does not say.
const DefaultPeers = 8

// State is what the scheduler sees.
type State struct {
	Index  uint64 // of the replicated state it was made from; the plan carries it
	Now    time.Time
	Grooms []Groom
	Queue  []Job // in any order
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
	Since      time.Time // when it was queued
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
	v := State{Index: s.Index, Now: now}
	at := map[string]int{}
	for g := range s.Grooms() {
		if g.Lost {
			continue
		}
		at[g.Facts.Name] = len(v.Grooms)
		v.Grooms = append(v.Grooms, Groom{
			Name: g.Facts.Name, Host: g.Facts.Addr, Incarnation: g.Facts.Incarnation,
			Capacity: g.Facts.Capacity(), Free: g.Facts.Capacity().Minus(g.Used),
			Ready: live.Ready(g.Facts.Name, g.Facts.Incarnation), Draining: g.Draining,
		})
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

func fromJob(j *fsm.Job, live Live) Job {
	q := Job{
		ID: j.ID, Number: j.Number, Epoch: j.Epoch + 1, Priority: j.Spec.Priority, Recovering: j.Epoch > 0, Since: j.Queued,
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
	switch {
	case a.Recovering != b.Recovering && a.Recovering:
		return -1
	case a.Recovering != b.Recovering:
		return 1
	case a.Priority != b.Priority:
		return cmp.Compare(b.Priority, a.Priority)
	}
	return cmp.Compare(a.Number, b.Number)
}
