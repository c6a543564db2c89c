package reduce

import (
	"context"
	"fmt"
	"slices"
)

// Sums adds vectors of float64, one of each shard, all of one length: mine are those of this
// peer's shards, in order, and are changed. All peers get the same sum. It is for a few
// numbers: each peer gets those of all.
func (t Tree) Sums(ctx context.Context, p Peers, mine [][]float64) ([]float64, error) {
	lo, hi := t.Owned(p.Index)
	if len(mine) != hi-lo {
		return nil, fmt.Errorf("reduce: %d vectors of %d shards", len(mine), hi-lo)
	}
	own := t.nodes(p.Index)
	var give []float64
	for _, n := range own {
		give = append(give, addUp(n, func(shard int) []float64 { return mine[shard-lo] })...)
	}
	out := make([][]byte, p.N)
	for i := range out {
		out[i] = asBytes(give)
	}
	parts, err := p.HandOver(ctx, out)
	if err != nil {
		return nil, err
	}
	size := len(give) / len(own)
	var sums [][]float64
	for peer, part := range parts {
		n := len(t.nodes(peer))
		v, err := asNumbers[float64](part, n*size)
		if err != nil {
			return nil, fmt.Errorf("from peer %d: %w", peer, err)
		}
		for i := range n {
			sums = append(sums, slices.Clone(v[i*size:(i+1)*size]))
		}
	}
	return join(t.root(), &nodes[[]float64]{t.all(), sums}, addTo), nil
}

// addUp returns the sum of a subtree, in the memory of its first shard's vector.
func addUp(n node, leaf func(shard int) []float64) []float64 {
	if n.hi-n.lo == 1 {
		return leaf(n.lo)
	}
	left, right := n.halves()
	return addTo(addUp(left, leaf), addUp(right, leaf))
}

func addTo(a, b []float64) []float64 {
	for i, x := range b {
		a[i] += x
	}
	return a
}

// nodes is a queue of subtrees and what each has come to.
type nodes[T any] struct {
	at  []node
	has []T
}

// join adds subtrees up to n, which they make up, in the order of the tree.
func join[T any](n node, q *nodes[T], add func(a, b T) T) T {
	if q.at[0] == n {
		x := q.has[0]
		q.at, q.has = q.at[1:], q.has[1:]
		return x
	}
	left, right := n.halves()
	a := join(left, q, add)
	return add(a, join(right, q, add))
}
