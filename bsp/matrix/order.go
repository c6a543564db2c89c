package matrix

import (
	"context"

	"scalar/bsp"
)

// orders are what other peers want from this one: numbers in its range, ascending.
type orders struct {
	ids    []uint32
	starts []int // peer q's are ids[starts[q]:starts[q+1]]
}

// order asks the owners for what the peer needs, which ascends and is told apart by
// bounds. Answers come in the order of owners, and so in that of need.
func order[M any](ctx context.Context, p *bsp.Peer[M], need []uint32, bounds []uint64) (orders, error) {
	at := cuts(len(need), bounds, func(i int) uint64 { return uint64(need[i]) })
	ids, starts, err := swap(ctx, p, func(q int) []uint32 { return need[at[q]:at[q+1]] })
	if err != nil {
		return orders{}, err
	}
	o := orders{ids, starts}
	for q := range p.N() {
		for i, id := range o.of(q) {
			if n := uint64(id); n < bounds[p.Index()] || n >= bounds[p.Index()+1] || i > 0 && o.of(q)[i-1] >= id {
				return orders{}, errPeer
			}
		}
	}
	return o, nil
}

// of returns what peer q wants.
func (o orders) of(q int) []uint32 { return o.ids[o.starts[q]:o.starts[q+1]] }
