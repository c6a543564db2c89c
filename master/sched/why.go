package sched

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"scalar/bsp/job"
	"scalar/master/fsm"

	"github.com/dustin/go-humanize"
)

// Why explains why a job of the queue has not started: every constraint that is
// not met, with what is needed, what is free and who holds it. ok is false when
// the job is not in the queue.
func Why(s State, id job.ID) (job.Why, bool) {
	queue := inOrder(s.Queue)
	at := slices.IndexFunc(queue, func(j *Job) bool { return j.ID == id })
	if at < 0 {
		return job.Why{}, false
	}
	j := queue[at]
	// What the jobs ahead take or reserve is not free for this one.
	r := newRoom(s)
	before := newRoom(s)
	for _, other := range queue[:at] {
		if r.passed >= maxPassed {
			break
		}
		r.serve(other)
	}
	e := explain{job: *j, peers: cmp.Or(j.Peers, max(1, j.Tasks)), now: r, why: job.Why{ID: id, State: job.Queued}}
	switch {
	case j.pauses(s.Now):
		e.add(job.Reason{
			Constraint: "pause", Needed: seconds(j.NotBefore.Sub(j.Since)) + " after the last of several faults in a row",
			Free: seconds(s.Now.Sub(j.Since)),
		})
	case r.passed >= maxPassed:
		e.add(job.Reason{Constraint: "queue", Needed: fmt.Sprintf("to be behind less than %d jobs that wait for slots", maxPassed), Free: ahead(at)})
	case r.fit(j) != nil:
		e.why.Summary = "fits and starts now"
		return e.why, true
	case before.fit(j) != nil:
		e.behind(queue[:at], before)
	default:
		e.shortages()
	}
	e.nodes()
	e.summarise(at)
	return e.why, true
}

type explain struct {
	job   Job
	peers int
	now   *room // less what goes to the jobs ahead
	why   job.Why
}

func (e *explain) add(r job.Reason) { e.why.Reasons = append(e.why.Reasons, r) }

// behind says which jobs ahead get the slots.
func (e *explain) behind(queue []*Job, all *room) {
	var takers []job.ID
	keepers := slices.Clone(e.now.holding)
	for _, v := range slices.Concat(e.now.reserved...) {
		if v.priority >= e.job.Priority && !slices.Contains(keepers, v.job) {
			keepers = append(keepers, v.job)
		}
	}
	for _, other := range queue {
		if len(takers) < 10 && all.fit(other) != nil {
			takers = append(takers, other.ID)
		}
	}
	free := e.free(func(c fsm.Claim) int64 { return int64(c.Slots) })
	if len(keepers) > 0 {
		e.add(job.Reason{Constraint: "reserved", Needed: slots(e.peers), Free: slots(int(free)), Holders: keepers})
	}
	if len(takers) > 0 {
		e.add(job.Reason{Constraint: "order", Needed: "to be first in the queue", Free: ahead(len(queue)), Holders: takers})
	}
}

// free sums what is left over the grooms that may host the job.
func (e *explain) free(of func(fsm.Claim) int64) int64 {
	sum := int64(0)
	for _, g := range e.now.grooms {
		if usable(g, e.job) {
			sum += max(0, of(g.Free))
		}
	}
	return sum
}

// shortages says which resources are short, over the cluster or on each groom.
func (e *explain) shortages() {
	n := int64(e.peers)
	var holders []job.ID
	for _, g := range e.now.grooms {
		for _, h := range g.Holders {
			if usable(g, e.job) && !slices.Contains(holders, h) {
				holders = append(holders, h)
			}
		}
	}
	short := false
	check := func(constraint string, needed int64, of func(fsm.Claim) int64, show func(int64) string) {
		if free := e.free(of); free < needed {
			short = true
			e.add(job.Reason{Constraint: constraint, Needed: show(needed), Free: show(free), Holders: holders})
		}
	}
	check("slots", n, func(c fsm.Claim) int64 { return int64(c.Slots) }, func(v int64) string { return slots(int(v)) })
	check("cores", n*e.job.MilliCores, func(c fsm.Claim) int64 { return c.MilliCores }, cores)
	check("memory", n*e.job.Memory, func(c fsm.Claim) int64 { return c.Memory }, bytes)
	check("gpus", n*int64(e.job.GPUs), func(c fsm.Claim) int64 { return int64(c.GPUs) }, func(v int64) string { return strconv.FormatInt(v, 10) + " GPUs" })
	if short {
		return
	}
	// Enough in all, but not where it would be of use.
	for _, g := range e.now.grooms {
		if !usable(g, e.job) {
			continue
		}
		per := perPeer(g, e.job)
		e.add(job.Reason{
			Constraint: limiting(g.Free, per), Groom: g.Name, Holders: g.Holders,
			Needed: claim(times(per, e.perTask())), Free: claim(g.Free),
		})
	}
}

// perTask is the size of the job's largest task.
func (e *explain) perTask() int {
	if e.job.Tasks == 0 {
		return 1
	}
	return (e.peers + e.job.Tasks - 1) / e.job.Tasks
}

// limiting names the resource that runs out first.
func limiting(free, per fsm.Claim) string {
	name, least := "slots", int64(free.Slots)
	for _, c := range [...]struct {
		name      string
		free, per int64
	}{{"cores", free.MilliCores, per.MilliCores}, {"memory", free.Memory, per.Memory}, {"gpus", int64(free.GPUs), int64(per.GPUs)}} {
		if c.per > 0 && c.free/c.per < least {
			name, least = c.name, c.free/c.per
		}
	}
	return name
}

// nodes names the grooms that may not host the job, and what speaks against them.
func (e *explain) nodes() {
	for _, g := range e.now.grooms {
		reason := job.Reason{Groom: g.Name, Needed: slots(1), Free: slots(max(0, g.Free.Slots))}
		switch sees := e.sees(g); {
		case !g.Ready:
			reason.Constraint, reason.Needed, reason.Free = "groom", "a groom that reports", "silent"
		case g.Draining:
			reason.Constraint, reason.Needed, reason.Free = "drain", "a groom that takes tasks", "draining: bsp node undrain "+g.Name
		case sees == Missing:
			reason.Constraint, reason.Needed, reason.Free = "input", e.job.Input, "not there on this groom"
		case sees == Unknown:
			reason.Constraint, reason.Needed, reason.Free = "input", e.job.Input, "being looked for"
		case e.job.Excluded != nil && e.job.Excluded(g.Name, g.Incarnation):
			reason.Constraint, reason.Needed, reason.Free = "excluded", "a groom that has not failed the job", "ended "+strconv.Itoa(fsm.BlameLimit)+" attempts"
		default:
			continue
		}
		e.add(reason)
	}
}

func (e *explain) sees(g Groom) Sees {
	if e.job.Sees == nil || !g.Ready {
		return Present
	}
	return e.job.Sees(g.Name, g.Incarnation)
}

func (e *explain) summarise(at int) {
	whole := newRoom(State{Grooms: e.now.grooms})
	j := e.job
	j.Peers = e.peers
	never := whole.assign(j, func(i int) fsm.Claim { return whole.grooms[i].Capacity }) == nil
	what := "waits"
	if len(e.why.Reasons) > 0 {
		first := e.why.Reasons[0]
		what = fmt.Sprintf("waits for %s: needs %s, free %s", first.Constraint, first.Needed, first.Free)
	}
	if never {
		what += "; the cluster as it is now can never run it"
	}
	if j.holds(e.now.now) {
		what += fmt.Sprintf("; it holds what is left of its slots for %s more", seconds(HoldFor-e.now.now.Sub(j.Since)))
	}
	e.why.Summary = fmt.Sprintf("%s (%s)", what, ahead(at))
}

func seconds(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

func slots(n int) string {
	if n == 1 {
		return "1 slot"
	}
	return strconv.Itoa(n) + " slots"
}

func ahead(n int) string {
	if n == 1 {
		return "1 job ahead"
	}
	return strconv.Itoa(n) + " jobs ahead"
}

func cores(milli int64) string {
	return strconv.FormatFloat(float64(milli)/1000, 'f', -1, 64) + " cores"
}

func bytes(n int64) string {
	return humanize.IBytes(uint64(max(0, n)))
}

func claim(c fsm.Claim) string {
	s := slots(max(0, c.Slots)) + ", " + cores(max(0, c.MilliCores)) + ", " + bytes(max(0, c.Memory))
	if c.GPUs > 0 {
		s += ", " + strconv.Itoa(c.GPUs) + " GPUs"
	}
	return s
}
