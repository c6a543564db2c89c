package reduce

import "fmt"

// MaxShards is the most shards of a job.
const MaxShards = 1 << 16

// A Tree says which shards a peer has, and in which order what they give is added.
type Tree struct{ shards, peers int }

// NewTree returns the tree of so many shards at so many peers, each of which has one at
// least: 1 ≤ peers ≤ shards ≤ MaxShards.
func NewTree(shards, peers int) (Tree, error) {
	if peers < 1 || shards < peers || shards > MaxShards {
		return Tree{}, fmt.Errorf("%d shards for %d peers: want as many as peers at least, and at most %d", shards, peers, MaxShards)
	}
	return Tree{shards, peers}, nil
}

// Shards returns how many there are.
func (t Tree) Shards() int { return t.shards }

// Owned returns the shards [lo, hi) of a peer.
func (t Tree) Owned(peer int) (lo, hi int) {
	return Part(t.shards, peer, t.peers)
}

// Part returns what part i has of things that are cut into so many parts: [lo, hi).
func Part(things, i, parts int) (lo, hi int) { return i * things / parts, (i + 1) * things / parts }

// A node is the shards [lo, hi) of a subtree.
type node struct{ lo, hi int }

func (n node) halves() (left, right node) {
	mid := (n.lo + n.hi) / 2
	return node{n.lo, mid}, node{mid, n.hi}
}

func (t Tree) root() node { return node{0, t.shards} }

// nodes returns the largest subtrees that lie in a peer's shards, in order.
func (t Tree) nodes(peer int) []node {
	lo, hi := t.Owned(peer)
	var all []node
	var cut func(n node)
	cut = func(n node) {
		switch {
		case n.hi <= lo || n.lo >= hi:
		case n.lo >= lo && n.hi <= hi:
			all = append(all, n)
		default:
			left, right := n.halves()
			cut(left)
			cut(right)
		}
	}
	cut(t.root())
	return all
}

// all returns the nodes of all peers, in order: together they are the whole tree.
func (t Tree) all() []node {
	all := make([]node, 0, 2*t.peers)
	for peer := range t.peers {
		all = append(all, t.nodes(peer)...)
	}
	return all
}
