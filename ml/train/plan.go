package train

import (
	"math/rand/v2"
	"slices"
	"sort"

	"scalar/ml/reduce"
)

// A Plan says which rows a step has. The rows are divided into splits, runs of about equal
// length; an epoch goes through all splits, in an order of its own, and through the rows of
// each in another. So the order is a function of the number of rows, the batch, the seed and
// the number of splits.
type Plan struct {
	rows   []uint32 // of the set, ascending, that are trained on; nil: all
	n      int      // how many they are
	batch  int      // rows of a step
	steps  int      // of an epoch: what is left of the rows is not in it
	seed   uint64
	splits int
	ahead  func(lo, hi int) // nil: nobody wants to know

	epoch int      // whose order of splits is there; -1: none
	turns []uint32 // the splits in that order
	first []int    // where each of them begins in the epoch, and the end of the last one
	made  [2]turn  // of those that were asked for, the last ones
	some  []uint32 // rows of several splits
}

// A turn is the rows of the split that has turn at in an epoch.
type turn struct {
	epoch, at int // -1: it is not there
	rows      []uint32
}

// NewPlan plans steps of up to batch rows, in one split.
func NewPlan(rows []uint32, batch int, seed uint64) *Plan {
	p := newPlan(len(rows), batch, seed)
	p.rows = rows
	return p
}

// newPlan plans steps for all of n rows.
func newPlan(n, batch int, seed uint64) *Plan {
	batch = min(batch, n)
	p := &Plan{n: n, batch: batch, steps: n / batch, seed: seed}
	p.Divide(1, nil)
	return p
}

// Divide has the plan go through so many splits, from 1 to as many as there are rows. With
// more than one, ahead is told which rows of the set are between those that are read now, and
// then which will be next; it may be nil.
func (p *Plan) Divide(splits int, ahead func(lo, hi int)) {
	p.splits, p.ahead, p.epoch = splits, ahead, -1
	p.turns, p.first = make([]uint32, splits), make([]int, splits+1)
	for i := range p.made {
		p.made[i] = turn{epoch: -1}
	}
}

// Batch returns how many rows a step has.
func (p *Plan) Batch() int { return p.batch }

// Steps returns how many steps an epoch has.
func (p *Plan) Steps() int { return p.steps }

// Shard returns the rows of a shard of a step, and the place of the first one in the batch. The
// slice is valid until the next call.
func (p *Plan) Shard(step, shard int, tree reduce.Tree) (rows []uint32, first int) {
	if epoch := step / p.steps; epoch != p.epoch {
		p.begin(epoch)
	}
	at := step % p.steps * p.batch
	lo, hi := reduce.Part(p.batch, shard, tree.Shards())
	k := sort.SearchInts(p.first, at+lo+1) - 1
	if at+hi <= p.first[k+1] {
		return p.turn(k)[at+lo-p.first[k] : at+hi-p.first[k]], lo
	}
	p.some = p.some[:0]
	for ; k < p.splits && p.first[k] < at+hi; k++ {
		from, to := max(at+lo, p.first[k]), min(at+hi, p.first[k+1])
		p.some = append(p.some, p.turn(k)[from-p.first[k]:to-p.first[k]]...)
	}
	return p.some, lo
}

// Streams of random numbers: 0 says which rows are held out, epoch+1 of a split is the order of
// its rows, and that of ofSplits the order of the splits.
const (
	splitBits = 32 // where the number of the split begins
	ofSplits  = 1 << 63
)

// begin sets the order of the splits of an epoch: a permutation by (seed, epoch).
func (p *Plan) begin(epoch int) {
	p.epoch = epoch
	for i := range p.turns {
		p.turns[i] = uint32(i)
	}
	permute(p.turns, p.seed, ofSplits|uint64(epoch)+1)
	at := 0
	for i, split := range p.turns {
		lo, hi := reduce.Part(p.n, int(split), p.splits)
		p.first[i] = at
		at += hi - lo
	}
	p.first[p.splits] = at
}

// turn returns the rows of the split that has turn k in this epoch, in their order: a
// permutation by (seed, epoch, split).
func (p *Plan) turn(k int) []uint32 {
	for _, t := range p.made {
		if t.epoch == p.epoch && t.at == k {
			return t.rows
		}
	}
	t := &p.made[k%min(p.splits, len(p.made))]
	lo, hi := reduce.Part(p.n, int(p.turns[k]), p.splits)
	t.epoch, t.at, t.rows = p.epoch, k, slices.Grow(t.rows[:0], hi-lo)[:hi-lo]
	if p.rows != nil {
		copy(t.rows, p.rows[lo:hi])
	} else {
		for i := range t.rows {
			t.rows[i] = uint32(lo + i)
		}
	}
	permute(t.rows, p.seed, uint64(p.turns[k])<<splitBits|uint64(p.epoch)+1)
	if p.splits > 1 && p.ahead != nil {
		p.tell(k)
		if k+1 < p.splits {
			p.tell(k + 1)
		}
	}
	return t.rows
}

// tell tells where the rows of turn k are.
func (p *Plan) tell(k int) {
	lo, hi := reduce.Part(p.n, int(p.turns[k]), p.splits)
	if p.rows != nil {
		lo, hi = int(p.rows[lo]), int(p.rows[hi-1])+1
	}
	p.ahead(lo, hi)
}

// permute shuffles by a generator of its own.
func permute(v []uint32, seed, stream uint64) {
	r := rand.New(rand.NewPCG(seed, stream))
	for i := len(v) - 1; i > 0; i-- {
		j := r.Uint64N(uint64(i) + 1)
		v[i], v[j] = v[j], v[i]
	}
}

// Split divides the rows of a set: share of them, rounded, are for validation, by the order
// of (seed, 0); both in the order of the set.
func Split(rows int, share float64, seed uint64) (training, validation []uint32) {
	all := make([]uint32, rows)
	for i := range all {
		all[i] = uint32(i)
	}
	n := int(share*float64(rows) + 0.5)
	if n == 0 {
		return all, nil
	}
	held := make([]bool, rows)
	permute(all, seed, 0)
	for _, i := range all[:n] {
		held[i] = true
	}
	for i, h := range held {
		if h {
			validation = append(validation, uint32(i))
		} else {
			training = append(training, uint32(i))
		}
	}
	return training, validation
}
