package train

import (
	"math/rand/v2"

	"scalar/ml/reduce"
)

// A Plan says which rows a step has. It is a function of the number of rows, the batch and
// the seed.
type Plan struct {
	rows  []uint32 // of the set, that are trained on
	batch int      // rows of a step
	steps int      // of an epoch: what is left of the rows is not in it
	seed  uint64

	epoch int      // whose order is there; -1: none
	order []uint32 // rows of an epoch
}

// NewPlan plans steps of up to batch rows.
func NewPlan(rows []uint32, batch int, seed uint64) *Plan {
	batch = min(batch, len(rows))
	return &Plan{rows: rows, batch: batch, steps: len(rows) / batch, seed: seed, epoch: -1, order: make([]uint32, len(rows))}
}

// Batch returns how many rows a step has.
func (p *Plan) Batch() int { return p.batch }

// Steps returns how many steps an epoch has.
func (p *Plan) Steps() int { return p.steps }

// Shard returns the rows of a shard of a step, and the place of the first one in the batch. The
// slice is valid until the next call.
func (p *Plan) Shard(step, shard int, tree reduce.Tree) (rows []uint32, first int) {
	if epoch := step / p.steps; epoch != p.epoch {
		p.shuffle(epoch)
	}
	at := step % p.steps * p.batch
	lo, hi := cut(p.batch, shard, tree.Shards())
	return p.order[at+lo : at+hi], lo
}

// shuffle sets the order of an epoch: a permutation by (seed, epoch), of Fisher and Yates.
func (p *Plan) shuffle(epoch int) {
	p.epoch = epoch
	copy(p.order, p.rows)
	permute(p.order, p.seed, uint64(epoch)+1)
}

// permute shuffles by a generator of its own.
func permute(v []uint32, seed, stream uint64) {
	r := rand.New(rand.NewPCG(seed, stream))
	for i := len(v) - 1; i > 0; i-- {
		j := r.Uint64N(uint64(i) + 1)
		v[i], v[j] = v[j], v[i]
	}
}

// cut returns what part i of n has of size things.
func cut(size, i, n int) (lo, hi int) { return i * size / n, (i + 1) * size / n }

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
