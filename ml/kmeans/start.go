package kmeans

import (
	"context"
	"encoding/binary"
	"math"

	"scalar/tensor"
)

// start chooses the first centres by k-means‖.
func (t *fit) start(ctx context.Context) ([]float64, error) {
	seedings := make([]*seeding, len(t.shards))
	for i, s := range t.shards {
		seedings[i] = newSeeding(s)
	}
	first := int(draw(t.seed, -1, 0) * float64(t.n))
	var mine []float32
	for _, s := range t.shards {
		if first >= s.first && first < s.first+s.len() {
			mine = append(mine, s.row(first-s.first)...)
		}
	}
	var candidates []float32
	for round := 0; ; round++ {
		added, err := t.gathered(ctx, mine)
		if err != nil {
			return nil, err
		}
		before := len(candidates) / t.f
		candidates = append(candidates, added...)
		sum, err := t.approach(ctx, seedings, added, before)
		if err != nil {
			return nil, err
		}
		have := len(candidates) / t.f
		if sum <= 0 || round >= mostRounds || round >= seedRounds && have >= t.k {
			break
		}
		mine = mine[:0]
		for _, d := range seedings {
			mine = append(mine, d.sample(t.seed, round, float64(oversample*t.k), sum)...)
		}
	}
	weights := t.vectors(len(candidates) / t.f)
	for i, d := range seedings {
		d.weigh(weights[i])
	}
	all, err := t.sum(ctx, weights)
	if err != nil {
		return nil, err
	}
	for _, s := range t.shards {
		s.unlabel()
	}
	for len(all) < t.k { // fewer rows that differ than clusters
		candidates, all = append(candidates, candidates[:t.f]...), append(all, 0)
	}
	return recluster(t.workers[0].cpu, candidates, all, t.k, t.seed)
}

// approach takes candidates in at all shards, and returns what all rows are from them.
func (t *fit) approach(ctx context.Context, seedings []*seeding, added []float32, before int) (float64, error) {
	sums := t.vectors(1)
	if len(added) > 0 {
		c := newCenters(len(added)/t.f, t.f, t.metric == Cosine)
		at := make([]float64, len(added))
		for i, v := range added {
			at[i] = float64(v)
		}
		if err := c.set(t.workers[0].cpu, at); err != nil {
			return 0, err
		}
		err := t.each(func(w *worker, i int) (err error) {
			w.scores = tensor.Dense[float32]{}
			sums[i][0], err = seedings[i].approach(w, c, before)
			w.scores = tensor.Dense[float32]{}
			return err
		})
		if err != nil {
			return 0, err
		}
	} else {
		for i, d := range seedings {
			sums[i][0] = d.sum()
		}
	}
	all, err := t.sum(ctx, sums)
	if err != nil {
		return 0, err
	}
	return all[0], nil
}

// gathered returns the rows that all peers give, by peer.
func (t *fit) gathered(ctx context.Context, mine []float32) ([]float32, error) {
	b := make([]byte, 0, 4*len(mine))
	for _, v := range mine {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	parts, err := t.gather(ctx, b)
	if err != nil {
		return nil, err
	}
	var all []float32
	for _, b := range parts {
		for ; len(b) >= 4; b = b[4:] {
			all = append(all, math.Float32frombits(binary.LittleEndian.Uint32(b)))
		}
	}
	return all, nil
}
