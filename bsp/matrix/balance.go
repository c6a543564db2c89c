package matrix

import (
	"context"
	"reflect"
	"slices"

	"scalar/bsp"
	"scalar/superstep"
)

// tally is how many entries a row has.
type tally struct {
	row     uint32
	entries uint64
}

// balance agrees on which rows each peer gets, so that all have equally many entries and
// rows together. Who counts a row is settled by its number alone.
func balance[M any](ctx context.Context, p *bsp.Peer[M], sorted []entry, n uint64) (bounds []uint64, err error) {
	homes := even(n, p.N())
	tallies, err := tallied(ctx, p, sorted, homes)
	if err != nil {
		return nil, err
	}
	first := homes[p.Index()]
	weight := homes[p.Index()+1] - first
	for _, t := range tallies {
		weight += t.entries
	}
	weights, err := bsp.AllGather(ctx, p, weight)
	if err != nil {
		return nil, err
	}
	before, total := uint64(0), uint64(0)
	for q, w := range weights {
		if q < p.Index() {
			before += w
		}
		total += w
	}
	targets := []uint64{}
	for q := 1; q < p.N(); q++ {
		if t := fraction(total, q, p.N()); t > before && t <= before+weight || t == 0 && p.Index() == 0 {
			targets = append(targets, t-before)
		}
	}
	parts, err := bsp.AllGather(ctx, p, split(tallies, first, targets))
	if err != nil {
		return nil, err
	}
	bounds = slices.Concat([]uint64{0}, slices.Concat(parts...), []uint64{n})
	if len(bounds) != p.N()+1 || !slices.IsSorted(bounds) {
		return nil, errPeer
	}
	return bounds, nil
}

// tallied counts the entries of the rows whose home is here, over all peers.
func tallied[M any](ctx context.Context, p *bsp.Peer[M], sorted []entry, homes []uint64) ([]tally, error) {
	var own []tally
	for i, e := range sorted {
		if i == 0 || sorted[i-1].row != e.row {
			own = append(own, tally{row: e.row})
		}
		own[len(own)-1].entries++
	}
	at := cuts(len(own), homes, func(i int) uint64 { return uint64(own[i].row) })
	told, _, err := swap(ctx, p, func(q int) []tally { return own[at[q]:at[q+1]] })
	if err != nil {
		return nil, err
	}
	told = radix(told, 0, func(t tally) uint64 { return uint64(t.row) })
	sums := told[:0]
	for i, t := range told {
		if r := uint64(t.row); r < homes[p.Index()] || r >= homes[p.Index()+1] {
			return nil, errPeer
		}
		if i > 0 && sums[len(sums)-1].row == t.row {
			sums[len(sums)-1].entries += t.entries
			continue
		}
		sums = append(sums, t)
	}
	return sums, nil
}

// split returns for ascending targets the first rows before which there is so much
// weight, counted from row on: 1 for a row and 1 for an entry.
func split(tallies []tally, row uint64, targets []uint64) []uint64 {
	bounds := make([]uint64, 0, len(targets))
	weight := uint64(0)
	for _, target := range targets {
		for weight < target {
			step := target - weight // rows without an entry
			if len(tallies) > 0 {
				step = min(step, uint64(tallies[0].row)-row)
			}
			weight, row = weight+step, row+step
			if weight < target {
				weight, row = weight+1+tallies[0].entries, row+1
				tallies = tallies[1:]
			}
		}
		bounds = append(bounds, row)
	}
	return bounds
}

// route gives sorted entries to the owners of their rows, and returns the peer's own: by
// the peer that has read them, and so in the order in which they are listed.
func route[M any](ctx context.Context, p *bsp.Peer[M], sorted []entry, bounds []uint64) ([]entry, error) {
	at := cuts(len(sorted), bounds, func(i int) uint64 { return uint64(sorted[i].row) })
	own, _, err := swap(ctx, p, func(q int) []entry { return sorted[at[q]:at[q+1]] })
	if err != nil {
		return nil, err
	}
	for _, e := range own {
		if r := uint64(e.row); r < bounds[p.Index()] || r >= bounds[p.Index()+1] {
			return nil, errPeer
		}
	}
	return own, nil
}

// swap gives out(q) to peer q, and returns what all gave: peer q's is
// all[starts[q]:starts[q+1]]. T is a number, or a struct of numbers.
func swap[T, M any](ctx context.Context, p *bsp.Peer[M], out func(q int) []T) (all []T, starts []int, err error) {
	codec, _ := superstep.CodecOf[T]()
	encoded := make([][]byte, p.N())
	for q := range encoded {
		encoded[q] = codec.Append(nil, out(q))
	}
	told, err := bsp.HandOver(ctx, p, encoded)
	if err != nil {
		return nil, nil, err
	}
	total := 0
	for _, b := range told {
		total += len(b)
	}
	all, starts = make([]T, 0, total/int(reflect.TypeFor[T]().Size())), []int{0}
	for q, b := range told {
		if all, err = codec.Decode(all, b); err != nil {
			return nil, nil, errPeer
		}
		told[q], starts = nil, append(starts, len(all))
	}
	return all, starts, nil
}
