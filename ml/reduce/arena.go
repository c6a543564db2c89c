package reduce

import (
	"context"
	"fmt"

	"scalar/tensor"
)

// Block is the values of an arena that are never divided between owners.
const Block = 1024

// An Arena adds gradients of all shards and hands weights round. It is used by the
// goroutine of one peer. Its memory is an array of the arena's size for each subtree that the
// peer has as a whole and for each level below, some 2 log2(its shards) at most, and arrays of
// its range for what others give.
type Arena struct {
	tree   Tree
	peers  Peers
	cpu    *tensor.CPU
	size   int
	own    []node
	sums   [][]float32 // by own node: whole arenas
	levels [][]float32 // whole arenas of subtrees that are being added
	above  [][]float32 // sums of the own range, of what others have added
	packed [][]float32 // by peer: what it gets if there are several own nodes
	out    [][]byte
	all    []node
	counts []int // nodes by peer
	shared bool  // the array of weights, by all peers
}

// NewArena returns the arena of size float32s, summed by cpu. All peers give the same tree
// and size.
func NewArena(tree Tree, peers Peers, cpu *tensor.CPU, size int) *Arena {
	a := &Arena{tree: tree, peers: peers, cpu: cpu, size: size, own: tree.nodes(peers.Index), all: tree.all(), out: make([][]byte, peers.N)}
	for range a.own {
		a.sums = append(a.sums, aligned(size))
	}
	for peer := range peers.N {
		a.counts = append(a.counts, len(tree.nodes(peer)))
	}
	return a
}

func aligned(n int) []float32 { return tensor.New[float32](n).Values() }

// Range returns the values [lo, hi) of the arena that a peer owns: whole blocks, but for the
// end of the arena. It may be empty.
func (a *Arena) Range(peer int) (lo, hi int) {
	blocks := (a.size + Block - 1) / Block
	lo, hi = Part(blocks, peer, a.peers.N)
	return min(lo*Block, a.size), min(hi*Block, a.size)
}

// Sum calls leaf for each of the peer's shards in order: it sets all of gradient, which is as
// long as the arena. The sums stay until the next call, before which Gather, Take or Norm have to
// have returned, or, of shared weights, the next barrier.
func (a *Arena) Sum(leaf func(shard int, gradient []float32) error) error {
	for i, n := range a.own {
		if err := a.subtree(n, a.sums[i], 0, leaf); err != nil {
			return err
		}
	}
	return nil
}

// subtree sets dst to the sum of a subtree of this peer.
func (a *Arena) subtree(n node, dst []float32, level int, leaf func(shard int, gradient []float32) error) error {
	if n.hi-n.lo == 1 {
		return leaf(n.lo, dst)
	}
	left, right := n.halves()
	if err := a.subtree(left, dst, level, leaf); err != nil {
		return err
	}
	if level == len(a.levels) {
		a.levels = append(a.levels, aligned(a.size))
	}
	other := a.levels[level]
	if err := a.subtree(right, other, level+1, leaf); err != nil {
		return err
	}
	return a.add(dst, dst, other)
}

func (a *Arena) add(out, x, y []float32) error {
	var t [3]tensor.Dense[float32]
	for i, v := range [3][]float32{out, x, y} {
		d, err := tensor.From(v, len(v))
		if err != nil {
			return err
		}
		t[i] = d
	}
	return a.cpu.Add(t[0], t[1], t[2])
}

// A Total is the sum of all shards in a peer's range: X + Y, value by value, or X if Y is nil.
type Total struct{ X, Y []float32 }

// Scatter calls use with the sum of all shards in this peer's range, after all peers have called Sum. The last addition is left to use, which reads
// both terms anyway, or to Add: what another core has written is fetched once. The terms are valid until use returns or calls Norm.
func (a *Arena) Scatter(ctx context.Context, use func(Total) error) error {
	lo, hi := a.Range(a.peers.Index)
	if a.peers.N == 1 { // the own node is the root
		return use(Total{X: a.sums[0][lo:hi]})
	}
	for peer := range a.out {
		a.out[peer] = asBytes(a.share(peer))
	}
	parts, err := a.peers.HandOver(ctx, a.out)
	if err != nil {
		return err
	}
	defer a.peers.Release()
	size := hi - lo
	q := nodes[addend]{at: a.all}
	for peer, part := range parts {
		v, err := asNumbers[float32](part, size*a.counts[peer])
		if err != nil {
			return fmt.Errorf("gradients of peer %d: %w", peer, err)
		}
		for i := range a.counts[peer] {
			q.has = append(q.has, addend{v[i*size : (i+1)*size], peer == a.peers.Index})
		}
	}
	total, err := a.fold(&q)
	if err != nil {
		return err
	}
	return use(total)
}

// Add adds the terms of a total, and has their sum for X.
func (a *Arena) Add(t *Total) error {
	if t.Y == nil {
		return nil
	}
	if err := a.add(t.X, t.X, t.Y); err != nil {
		return err
	}
	t.Y = nil
	return nil
}

// An addend is the sum of a subtree in the own range.
type addend struct {
	v   []float32
	own bool // memory of this peer, which nobody else reads
}

// fold adds what all peers have given for the own range up to the two halves of the tree, in memory of this peer that is in the cache where
// it can: what it has added itself. The first of the terms is such: one of the halves has a subtree of its own.
func (a *Arena) fold(q *nodes[addend]) (Total, error) {
	var failed error
	used := 0
	add := func(x, y addend) addend {
		if !x.own {
			x, y = y, x
		}
		out := x
		if !out.own {
			if used == len(a.above) {
				a.above = append(a.above, aligned(len(x.v)))
			}
			out = addend{a.above[used], true}
			used++
		}
		if err := a.add(out.v, x.v, y.v); err != nil {
			failed = err
		}
		return out
	}
	left, right := a.tree.root().halves()
	x, y := join(left, q, add), join(right, q, add)
	if !x.own {
		x, y = y, x
	}
	return Total{x.v, y.v}, failed
}

// share returns what a peer gets of this one's sums: its range of each node.
func (a *Arena) share(peer int) []float32 {
	lo, hi := a.Range(peer)
	if len(a.sums) == 1 {
		return a.sums[0][lo:hi]
	}
	if a.packed == nil {
		a.packed = make([][]float32, a.peers.N)
	}
	b := a.packed[peer][:0]
	for _, s := range a.sums {
		b = append(b, s[lo:hi]...)
	}
	a.packed[peer] = b
	return b
}

// Place returns where the peer has the weights, of which all give the same: where all peers are in one process that is the array of peer 0, which
// they share from then on. Of an array that is shared each peer writes its own range, between Scatter and the next barrier, and nobody anything else.
func (a *Arena) Place(ctx context.Context, weights []float32) ([]float32, error) {
	if a.peers.N == 1 || !a.peers.Together || !littleEndian() {
		return weights, nil
	}
	clear(a.out)
	if a.peers.Index == 0 {
		for peer := range a.out {
			a.out[peer] = asBytes(weights)
		}
	}
	parts, err := a.peers.HandOver(ctx, a.out)
	if err != nil {
		return nil, err
	}
	defer a.peers.Release()
	a.shared = true
	return asNumbers[float32](parts[0], a.size)
}

// Gather makes weights, as long as the arena, the same at all peers: each gives own, which is of its range, and gets the others'. Peers of the same
// process may read own itself: it must not be changed before Scatter or Gather has returned again, which all others call after they
// have read it. It is the range in weights, or memory of its own.
func (a *Arena) Gather(ctx context.Context, own, weights []float32) error {
	lo, _ := a.Range(a.peers.Index)
	if a.shared {
		if err := a.meet(ctx); err != nil { // nobody reads what was there
			return err
		}
		set(weights[lo:], own)
		return a.meet(ctx)
	}
	if err := a.Give(ctx, own); err != nil {
		return err
	}
	if err := a.Take(ctx, weights); err != nil {
		return err
	}
	set(weights[lo:], own)
	return nil
}

// set copies own to the beginning of weights, unless it lies there, where others may read it.
func set(weights, own []float32) {
	if len(own) > 0 && &weights[0] != &own[0] {
		copy(weights, own)
	}
}

// meet returns when all peers have called it.
func (a *Arena) meet(ctx context.Context) error {
	clear(a.out)
	_, err := a.peers.HandOver(ctx, a.out)
	a.peers.Release()
	return err
}

// Give is the first half of Gather, of a range in weights: it gives that and waits for nobody. Take is the
// other half; a barrier comes between them, and nothing else of the arena.
func (a *Arena) Give(ctx context.Context, own []float32) error {
	if a.peers.N == 1 || a.shared {
		return nil
	}
	for peer := range a.out {
		a.out[peer] = asBytes(own)
	}
	return a.peers.Give(ctx, a.out)
}

// Take sets the others' ranges of weights, after Give.
func (a *Arena) Take(ctx context.Context, weights []float32) error {
	if a.peers.N == 1 || a.shared {
		return nil
	}
	parts, err := a.peers.Take(ctx)
	if err != nil {
		return err
	}
	defer a.peers.Release()
	for peer, part := range parts {
		if peer == a.peers.Index {
			continue
		}
		lo, hi := a.Range(peer)
		v, err := asNumbers[float32](part, hi-lo)
		if err != nil {
			return fmt.Errorf("weights of peer %d: %w", peer, err)
		}
		copy(weights[lo:hi], v)
	}
	return nil
}

// Norm returns the length of the first values of a gradient, as many as size says, of which
// every peer has its own range: the root of the sum of squares, by blocks, in their order.
func (a *Arena) Norm(ctx context.Context, own []float32, size int) (float64, error) {
	first, _ := a.Range(a.peers.Index)
	squares := make([]float64, 0, (len(own)+Block-1)/Block)
	for at := 0; at < len(own); at += Block {
		n := max(min(Block, len(own)-at, size-first-at), 0)
		d, err := tensor.From(own[at:at+n], n)
		if err != nil {
			return 0, err
		}
		s, err := a.cpu.Dot(d, d)
		if err != nil {
			return 0, err
		}
		squares = append(squares, s)
	}
	return a.root(ctx, squares)
}
