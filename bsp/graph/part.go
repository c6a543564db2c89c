package graph

import (
	"context"
	"errors"

	"scalar/bsp"
)

// Part is one peer's part of a graph, for bsp programs whose messages are no numbers, or
// that go elsewhere than along edges: they load it, and then send and wait as they like.
// What a program changes it keeps in arrays of its own, by vertex.
type Part struct {
	g   *part
	out bool // of LoadOut
}

// Load reads the job's input and gives every vertex, with the edges to it, to its owner.
// All peers call it, before the first barrier and again after a restart. It ends the
// phase of loading.
func Load[M any](ctx context.Context, p *bsp.Peer[M], in Input) (*Part, error) {
	g, err := load(ctx, p, in, true)
	if err != nil {
		return nil, err
	}
	p.Loaded()
	return &Part{g: g}, nil
}

// LoadOut is Load, but every vertex comes with the edges from it: for programs that push
// along edges, of which Targets are the other ends. It takes no Input.Ways.
func LoadOut[M any](ctx context.Context, p *bsp.Peer[M], in Input) (*Part, error) {
	if in.Ways {
		return nil, errors.New("graph: LoadOut takes no Ways: use Load")
	}
	in.outward = true
	g, err := load(ctx, p, in, true)
	if err != nil {
		return nil, err
	}
	p.Loaded()
	return &Part{g: g, out: true}, nil
}

// Find returns the own vertex that is called so in the input; own is false where it is
// another peer's. The job fails if it is nobody's. All peers must call it.
func Find[M any](ctx context.Context, p *bsp.Peer[M], part *Part, name string) (vertex int, own bool, err error) {
	if _, err := part.g.find([]string{name}, handing(ctx, p)); err != nil {
		return 0, false, err
	}
	v, own := part.g.ids.lookup(name)
	return int(v), own, nil
}

// Len returns the number of the peer's vertices; they are numbered in the order of ids, but for Input.AsRead.
func (p *Part) Len() int { return len(p.g.degrees) }

// NumVertices returns the number of vertices of the whole graph.
func (p *Part) NumVertices() int64 { return p.g.numVertices() }

// Counts returns the number of vertices of every peer. Read-only.
func (p *Part) Counts() []uint32 { return p.g.counts }

// ID returns a vertex's id. With Input.Order ids are in the order of names, over all peers.
func (p *Part) ID(vertex int) uint64 { return p.g.id(uint32(vertex)) }

// IDs returns the ids of all of the peer's vertices. Read-only.
func (p *Part) IDs() []uint64 {
	if d, ok := p.g.ids.(*integerIDs); ok {
		return d.ids
	}
	if p.g.ranks != nil {
		return p.g.ranks
	}
	ids := make([]uint64, p.Len())
	for v := range ids {
		ids[v] = p.g.id(uint32(v))
	}
	return ids
}

// Sources returns the places of the vertices that have edges to a vertex, as
// Arrays.Sources does. Read-only. Of a part of LoadOut it panics.
func (p *Part) Sources(vertex int) []uint32 {
	if p.out {
		panic("graph: Sources of a part of LoadOut: use Targets")
	}
	return p.g.pull.row(vertex)
}

// Targets returns the places of the vertices that edges from a vertex lead to, in an
// order that depends on the input and the number of peers alone. Read-only. Of a part of
// Load it panics.
func (p *Part) Targets(vertex int) []uint32 {
	if !p.out {
		panic("graph: Targets of a part of Load: use Sources, or LoadOut")
	}
	return p.g.pull.row(vertex)
}

// Rows returns all edges at once, for loops over them: those of vertex v are
// ends[starts[v]:starts[v+1]], which is Sources(v) or Targets(v), and weights likewise; nil
// without Input.Weights. Read-only.
func (p *Part) Rows() (starts, ends []uint32, weights []float64) {
	return p.g.pull.starts, p.g.pull.sources, p.g.pull.weights
}

// Weights returns the weight of each of Sources or Targets, with Input.Weights. Read-only.
func (p *Part) Weights(vertex int) []float64 {
	return p.g.pull.weights[p.g.pull.starts[vertex]:p.g.pull.starts[vertex+1]]
}

// Places returns how many places there are: places below Len are own vertices, the
// others those of other peers at the other end of edges.
func (p *Part) Places() int {
	n := p.Len()
	for _, list := range p.g.pull.watches {
		n += len(list)
	}
	return n
}

// Neighbour returns the id of the vertex at a place, with Input.Neighbours.
func (p *Part) Neighbour(place uint32) uint64 { return p.g.pull.ids[place] }

// Watches returns the numbers of another peer's vertices that have places here, ascending:
// those places are in this order, peer by peer, behind the own ones. Read-only.
func (p *Part) Watches(peer int) []uint32 { return p.g.pull.watches[peer] }

// Watched returns the own vertices that another peer Watches. Read-only.
func (p *Part) Watched(peer int) []uint32 { return p.g.pull.watched[peer] }

// Owners returns which peer's vertex is at each place, and its number there.
func (p *Part) Owners() (peers, numbers []uint32) {
	n := p.Places()
	peers, numbers = make([]uint32, 0, n), make([]uint32, 0, n)
	for v := range p.Len() {
		peers, numbers = append(peers, uint32(p.g.index)), append(numbers, uint32(v))
	}
	for q, list := range p.g.pull.watches {
		for _, v := range list {
			peers, numbers = append(peers, uint32(q)), append(numbers, v)
		}
	}
	return peers, numbers
}

// Write writes "id TAB value" for every vertex of the peer's. value appends that of a
// vertex, and may call name for the ids listed in named, as they are written in the
// input. All peers must call it.
func Write[M any](ctx context.Context, p *bsp.Peer[M], part *Part, named []uint64, value func(dst []byte, vertex int, name func(dst []byte, id uint64) []byte) []byte) error {
	name, err := formatIDs(part.g, p.N(), named, handing(ctx, p))
	if err != nil {
		return err
	}
	vertices := make([]int, part.Len())
	for v := range vertices {
		vertices[v] = v
	}
	return writeValues(ctx, p.Output(), part.g.ids, vertices, func(dst []byte, v int) []byte { return value(dst, v, name) })
}
