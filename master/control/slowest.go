package control

import (
	"cmp"
	"slices"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
)

// slowestPeers names the peer that has taken longest in each phase that any has spent
// time in, from what the tasks of an attempt have reported of themselves.
func slowestPeers(j *fsm.Job, tasks []*wire.TaskStatus) []job.Slow {
	var list []job.Slow
	for _, phase := range [...]struct {
		name string
		of   func(*wire.Times) *wire.PhaseTimes
	}{
		{job.PhaseLoad, func(t *wire.Times) *wire.PhaseTimes { return &t.Load }},
		{job.PhaseCompute, func(t *wire.Times) *wire.PhaseTimes { return &t.Compute }},
		{job.PhaseWrite, func(t *wire.Times) *wire.PhaseTimes { return &t.Write }},
	} {
		slow, longest := job.Slow{Phase: phase.name}, int64(0)
		var all []weighed
		for _, s := range tasks {
			task := s.Key.Task
			if s.Times == nil || task < 0 || task >= len(j.Tasks) || !s.Times.Valid(j.Tasks[task].Peers.Lo, j.Tasks[task].Peers.Hi) {
				continue
			}
			p := phase.of(s.Times)
			if p.Longest > longest {
				longest = p.Longest
				slow.Peer, slow.Task, slow.Groom = p.Peer, task, j.Tasks[task].Groom
			}
			for _, us := range p.Spread {
				all = append(all, weighed{us, float64(j.Tasks[task].Peers.N()) / float64(len(p.Spread))})
			}
		}
		if longest > 0 {
			slow.Seconds, slow.Median = float64(longest)/1e6, median(all)/1e6
			list = append(list, slow)
		}
	}
	return list
}

// weighed is a value that stands for so many.
type weighed struct {
	value  int64
	weight float64
}

// median returns the value that half of the weight is not above; between two such it
// returns the middle. 0 of nothing. It sorts all.
func median(all []weighed) float64 {
	slices.SortFunc(all, func(a, b weighed) int { return cmp.Compare(a.value, b.value) })
	total := 0.0
	for _, w := range all {
		total += w.weight
	}
	const exact = 1e-9 // of the weight: sums of thirds and the like are no more exact
	below := 0.0
	for i, w := range all {
		below += w.weight
		switch half := total / 2; {
		case below < half-exact*total:
		case below < half+exact*total && i+1 < len(all):
			return float64(w.value+all[i+1].value) / 2
		default:
			return float64(w.value)
		}
	}
	return 0
}
