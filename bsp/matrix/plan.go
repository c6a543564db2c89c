package matrix

import (
	"context"
	"slices"

	"scalar/bsp"
)

// plan says which entries of A a peer multiplies in each superstep, and which rows of B
// it needs for them. Columns of A are told by places in the list of those that the peer
// has, which are rows of B.
type plan struct {
	which   []uint32 // of each entry of A, the place of its column
	lengths []uint32 // of the row of B at each place
	cuts    []int    // batch i has entries cuts[i] to cuts[i+1]-1
	starts  []int    // and wants wanted[starts[i]:starts[i+1]]
	wanted  []uint32 // places, ascending in a batch
}

// newPlan cuts the entries of A into batches that need limit entries of B at most, or one
// row of B that is longer. An entry whose row of B is empty costs nothing.
func newPlan(which, lengths []uint32, limit int) *plan {
	pl := &plan{which: which, lengths: lengths, cuts: []int{0}, starts: []int{0}}
	batch := make([]uint32, len(lengths)) // by place, the last batch that wants it, from 1
	size, now := 0, uint32(1)
	for e, place := range which {
		n := int(lengths[place])
		if n == 0 || batch[place] == now {
			continue
		}
		if size > 0 && size+n > limit {
			pl.cut(e)
			size, now = 0, now+1
		}
		batch[place] = now
		size += n
		pl.wanted = append(pl.wanted, place)
	}
	pl.cut(len(which))
	return pl
}

// cut ends a batch before an entry.
func (pl *plan) cut(entry int) {
	slices.Sort(pl.wanted[pl.starts[len(pl.starts)-1]:])
	pl.cuts, pl.starts = append(pl.cuts, entry), append(pl.starts, len(pl.wanted))
}

// batches returns how many there are, at least one.
func (pl *plan) batches() int { return len(pl.starts) - 1 }

// wants returns the places that a batch wants.
func (pl *plan) wants(batch int) []uint32 {
	return pl.wanted[pl.starts[batch]:pl.starts[batch+1]]
}

// A request is that a peer wants a row of B in a batch.
type request struct{ batch, row uint32 }

// deliveries are what one peer sends others: for peer q and each batch which of its own
// rows of B, in their order.
type deliveries struct {
	rows   []uint32
	starts [][]int // peer q's in batch i are rows[starts[q][i]:starts[q][i+1]]
}

// of returns what peer q gets in a batch.
func (d *deliveries) of(q, batch int) []uint32 {
	return d.rows[d.starts[q][batch]:d.starts[q][batch+1]]
}

// agree tells the owners of B's rows what the peer wants, in which batch, and returns what
// it has to deliver in each of rounds batches. need are the rows of B at the places.
func (pl *plan) agree(ctx context.Context, p *bsp.Peer[Term], b *rows, need []uint32, rounds int) (*deliveries, error) {
	at := cuts(len(need), b.bounds, func(i int) uint64 { return uint64(need[i]) })
	told, starts, err := swap(ctx, p, func(q int) []request {
		var out []request
		for batch := range pl.batches() {
			list := pl.wants(batch)
			for _, k := range list[lowest(list, at[q]):lowest(list, at[q+1])] {
				out = append(out, request{uint32(batch), need[k]})
			}
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	return newDeliveries(told, starts, b.ids, rounds)
}

// newDeliveries looks up what peers have asked for: peer q's requests are
// told[starts[q]:starts[q+1]], by batch and row. ids are the rows that there are.
func newDeliveries(told []request, starts []int, ids []uint32, rounds int) (*deliveries, error) {
	d := &deliveries{rows: make([]uint32, len(told)), starts: make([][]int, len(starts)-1)}
	for q := range d.starts {
		own := append(make([]int, 0, rounds+1), starts[q])
		for i := starts[q]; i < starts[q+1]; i++ {
			r := told[i]
			if i > starts[q] && (told[i-1].batch > r.batch || told[i-1].batch == r.batch && told[i-1].row >= r.row) {
				return nil, errPeer
			}
			at, ok := slices.BinarySearch(ids, r.row)
			if !ok || r.batch >= uint32(rounds) {
				return nil, errPeer
			}
			for len(own) <= int(r.batch) {
				own = append(own, i)
			}
			d.rows[i] = uint32(at)
		}
		for len(own) <= rounds {
			own = append(own, starts[q+1])
		}
		d.starts[q] = own
	}
	return d, nil
}

// lowest returns where in an ascending list the places from place on begin.
func lowest(list []uint32, place int) int {
	i, _ := slices.BinarySearch(list, uint32(place))
	return i
}
