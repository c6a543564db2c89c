package sched

import (
	"cmp"

	"scalar/master/fsm"
)

// ranking lists the grooms for jobs that ask for the same, most room first. It is a
// heap whose entries say at least what there is: while a plan is made room only
// shrinks, so an entry is brought up to date when it comes to the top. A job then
// costs what it takes, not what the cluster has: sorting 10,000 grooms for every job
// took 2 ms each.
type ranking struct {
	heap  []spot
	aside []spot // of one search
}

// spot is a groom as it was last looked at.
type spot struct {
	groom int // index into room.grooms
	room  int // peers that fit
	free  int // slots
}

// before is the order of bins.
func (a spot) before(b spot) bool {
	return cmp.Or(cmp.Compare(b.room, a.room), cmp.Compare(b.free, a.free), cmp.Compare(a.groom, b.groom)) < 0
}

// shape is what of a job, and of the way of looking, its ranking depends on.
type shape struct {
	milliCores, memory int64
	gpus               int
	priority           int  // of reservations that count
	whole              bool // as if nothing ran
}

// maxRankings bounds the memory of a plan: each ranking has 24 bytes for a groom.
const maxRankings = 16

// ranking returns the one of a shape, made on first use.
func (r *room) ranking(sh shape, j *Job, avail func(groom int) fsm.Claim) *ranking {
	if k := r.rankings[sh]; k != nil {
		return k
	}
	if len(r.rankings) >= maxRankings {
		clear(r.rankings)
	}
	k := &ranking{heap: make([]spot, 0, len(r.grooms))}
	for i, g := range r.grooms {
		if !g.Ready || g.Draining {
			continue
		}
		if n := peersIn(avail(i), perPeer(g, *j)); n > 0 {
			k.heap = append(k.heap, spot{i, n, g.Free.Slots})
		}
	}
	for i := len(k.heap)/2 - 1; i >= 0; i-- {
		k.down(i)
	}
	r.rankings[sh] = k
	return k
}

// best returns as many grooms for j, in order, as any way of placing it uses: each
// task goes to the first groom that has none yet, or to one before that.
func (k *ranking) best(r *room, j *Job, avail func(groom int) fsm.Claim) []bin {
	peers := j.Peers
	if peers == 0 {
		peers = max(j.Tasks, DefaultPeers)
	}
	bins := make([]bin, 0, max(j.Tasks, 4))
	total := 0
	enough := func() bool {
		return len(bins) >= j.Tasks && (total >= peers || j.Tasks > 0 && j.Peers > 0)
	}
	k.aside = k.aside[:0]
	for len(k.heap) > 0 && !enough() {
		top := k.heap[0]
		g := &r.grooms[top.groom]
		per := perPeer(*g, *j)
		now := spot{top.groom, peersIn(avail(top.groom), per), g.Free.Slots}
		switch {
		case now.room <= 0:
			k.pop()
			continue
		case now != top:
			k.heap[0] = now
			k.down(0)
			continue
		}
		k.pop()
		k.aside = append(k.aside, top)
		if usable(*g, *j) {
			bins = append(bins, bin{groom: top.groom, room: now.room, per: per})
			total += now.room
		}
	}
	for _, s := range k.aside {
		k.push(s)
	}
	return bins
}

func (k *ranking) pop() {
	last := len(k.heap) - 1
	k.heap[0] = k.heap[last]
	k.heap = k.heap[:last]
	if last > 0 {
		k.down(0)
	}
}

func (k *ranking) push(s spot) {
	k.heap = append(k.heap, s)
	for i := len(k.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !k.heap[i].before(k.heap[up]) {
			return
		}
		k.heap[i], k.heap[up] = k.heap[up], k.heap[i]
		i = up
	}
}

func (k *ranking) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(k.heap) {
			return
		}
		if c+1 < len(k.heap) && k.heap[c+1].before(k.heap[c]) {
			c++
		}
		if !k.heap[c].before(k.heap[i]) {
			return
		}
		k.heap[i], k.heap[c] = k.heap[c], k.heap[i]
		i = c
	}
}
