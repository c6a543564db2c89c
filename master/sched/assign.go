package sched

import (
	"slices"

	"scalar/bsp/job"
	"scalar/master/fsm"
)

// keep places the tasks of the attempt before again: with the same peers, each
// on its groom where that still has room, the others where fewest of the job's
// tasks are. It returns nil when there was none before, or it does not work out.
func (r *room) keep(j Job, peers int, bins []bin) []fsm.Assignment {
	if len(j.Last) == 0 || j.Last[len(j.Last)-1].Peers.Hi != peers || j.Tasks > 0 && len(j.Last) != j.Tasks {
		return nil
	}
	bins = slices.Clone(bins)
	for i := range bins {
		bins[i].tasks = nil
	}
	where := make([]int, len(j.Last))
	for t, last := range j.Last {
		where[t] = slices.IndexFunc(bins, func(b bin) bool {
			return r.grooms[b.groom].Name == last.Groom && b.room >= last.Peers.N()
		})
		if where[t] >= 0 {
			bins[where[t]].put(last.Peers.N())
		}
	}
	tasks := make([]fsm.Assignment, len(j.Last))
	for t, last := range j.Last {
		if where[t] < 0 {
			if where[t] = emptiest(bins, last.Peers.N()); where[t] < 0 {
				return nil
			}
			bins[where[t]].put(last.Peers.N())
		}
		tasks[t] = r.task(&bins[where[t]], last.Peers)
	}
	return tasks
}

// emptiest returns the bin with the fewest tasks, then the most room, that
// takes n peers, or -1.
func emptiest(bins []bin, n int) int {
	best := -1
	for i, b := range bins {
		switch {
		case b.room < n:
		case best < 0, len(b.tasks) < len(bins[best].tasks),
			len(b.tasks) == len(bins[best].tasks) && b.room > bins[best].room:
			best = i
		}
	}
	return best
}

// spread places exactly j.Tasks tasks whose sizes differ by one at most, on as
// many grooms as possible.
func (r *room) spread(j Job, peers int, bins []bin) []fsm.Assignment {
	small, large := peers/j.Tasks, peers%j.Tasks // large tasks have one peer more and come first
	trial := slices.Clone(bins)
	where := make([]int, j.Tasks)
	for t := range where {
		n := size(t, small, large)
		if where[t] = emptiest(trial, n); where[t] < 0 {
			if where = pack(bins, small, large, j.Tasks-large); where == nil {
				return nil
			}
			break
		}
		trial[where[t]].put(n)
	}
	tasks := make([]fsm.Assignment, j.Tasks)
	lo := 0
	for t, i := range where {
		n := size(t, small, large)
		tasks[t] = r.task(&bins[i], job.Range{Lo: lo, Hi: lo + n})
		lo += n
	}
	return tasks
}

func size(task, small, large int) int {
	if task < large {
		return small + 1
	}
	return small
}

// pack solves exactly what the greedy spread could not: put larges tasks of
// small+1 peers and smalls tasks of small peers into the bins. It goes through
// the bins and keeps, for every number of large tasks placed so far, the most
// small tasks that can be placed beside them. It returns the bin of every task,
// the large ones first, or nil.
func pack(bins []bin, small, larges, smalls int) []int {
	const none = -1
	most := make([]int, larges+1)
	for i := 1; i <= larges; i++ {
		most[i] = none
	}
	chosen := make([][]int, len(bins)) // large tasks in this bin, by the number in all bins up to it
	for b, bin := range bins {
		next := make([]int, larges+1)
		chosen[b] = make([]int, larges+1)
		for total := range next {
			next[total] = none
			for here := 0; here <= total && here*(small+1) <= bin.room; here++ {
				if most[total-here] == none {
					continue
				}
				if n := most[total-here] + (bin.room-here*(small+1))/small; n > next[total] {
					next[total], chosen[b][total] = n, here
				}
			}
		}
		most = next
	}
	if most[larges] < smalls {
		return nil
	}
	where := make([]int, 0, larges+smalls)
	var rest []int // bins of the small tasks
	for b, total := len(bins)-1, larges; b >= 0; b-- {
		here := chosen[b][total]
		total -= here
		where = append(where, slices.Repeat([]int{b}, here)...)
		rest = append(rest, slices.Repeat([]int{b}, (bins[b].room-here*(small+1))/small)...)
	}
	return append(where, rest[:smalls]...)
}

// fewest places a job on the fewest grooms, one task each, as evenly as they allow.
func (r *room) fewest(peers int, bins []bin) []fsm.Assignment {
	count, total := 0, 0
	for total < peers {
		total += bins[count].room
		count++
	}
	if count > job.MaxTasks {
		return nil
	}
	bins = bins[:count] // most room first
	tasks := make([]fsm.Assignment, count)
	hi := peers
	for i := count - 1; i >= 0; i-- { // the smallest room first takes its even share, or all it can
		n := min(bins[i].room, hi/(i+1))
		tasks[i] = r.task(&bins[i], job.Range{Lo: hi - n, Hi: hi})
		hi -= n
	}
	return tasks
}
