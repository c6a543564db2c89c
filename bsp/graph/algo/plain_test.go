package algo_test

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strconv"
)

// garden is a graph that changes, in plain maps.
type garden struct {
	plants  map[uint64]*plant
	create  bool // vertices that are missing
	wishes  []wish
	letters map[uint64][]int64
}

// plant is a vertex of it.
type plant struct {
	g       *garden
	id      uint64
	value   int64
	halted  bool
	leaving bool
	to      []branch
}

type branch struct {
	to uint64
	w  float64
}

// wish is a change for the next superstep; those of a lower rank come first.
type wish struct {
	rank int
	do   func()
}

func (p *plant) ID() uint64 { return p.id }

func (p *plant) Edges() iter.Seq2[uint64, float64] {
	return func(yield func(uint64, float64) bool) {
		for _, b := range p.to {
			if !yield(b.to, b.w) {
				return
			}
		}
	}
}

func (p *plant) AddEdge(to uint64, w float64) { p.to = append(p.to, branch{to, w}) }

func (p *plant) RemoveEdge(to uint64) {
	p.to = slices.DeleteFunc(p.to, func(b branch) bool { return b.to == to })
}

func (p *plant) Remove() { p.leaving = true }
func (p *plant) Halt()   { p.halted = true }

func (p *plant) AddVertex(id uint64, value int64) {
	p.g.wishes = append(p.g.wishes, wish{2, func() {
		if p.g.plants[id] == nil {
			p.g.plants[id] = &plant{g: p.g, id: id, value: value}
		}
	}})
}

func (p *plant) RemoveVertex(id uint64) {
	p.g.wishes = append(p.g.wishes, wish{1, func() { delete(p.g.plants, id) }})
}

func (p *plant) AddEdgeFrom(from, to uint64, w float64) {
	p.g.wishes = append(p.g.wishes, wish{3, func() {
		if q := p.g.meet(from); q != nil {
			q.AddEdge(to, w)
		}
	}})
}

func (p *plant) RemoveEdgeFrom(from, to uint64) {
	p.g.wishes = append(p.g.wishes, wish{0, func() {
		if q := p.g.plants[from]; q != nil {
			q.RemoveEdge(to)
		}
	}})
}

func (p *plant) SendAll(m int64) {
	for _, b := range p.to {
		p.Send(b.to, m)
	}
}

func (p *plant) Send(id uint64, m int64) { p.g.letters[id] = append(p.g.letters[id], m) }

// meet returns a vertex, which is made if missing ones are.
func (g *garden) meet(id uint64) *plant {
	if g.plants[id] == nil && g.create {
		g.plants[id] = &plant{g: g, id: id}
	}
	return g.plants[id]
}

// plain runs spin on a sketch and returns the values in the end.
func plain(s *sketch, create bool) map[string]string {
	g := &garden{plants: map[uint64]*plant{}, create: true}
	number := func(id string) uint64 { n, _ := strconv.ParseUint(id, 10, 64); return n }
	for _, id := range s.ids {
		g.meet(number(id))
	}
	for _, e := range s.lines {
		g.meet(number(e.dst))
		g.meet(number(e.src)).AddEdge(number(e.dst), 1)
	}
	g.create = create
	for superstep := 0; ; superstep++ {
		wishes, letters := g.wishes, g.letters
		g.wishes, g.letters = nil, map[uint64][]int64{}
		now := sight{superstep: superstep, vertices: int64(len(g.plants))}
		awake := len(wishes) > 0 || len(letters) > 0 || superstep == 0
		for _, p := range g.plants {
			now.edges += int64(len(p.to))
			awake = awake || !p.halted
		}
		if !awake {
			break
		}
		slices.SortStableFunc(wishes, func(a, b wish) int { return cmp.Compare(a.rank, b.rank) })
		for _, w := range wishes {
			w.do()
		}
		for id := range letters {
			g.meet(id)
		}
		for _, p := range slices.Collect(maps.Values(g.plants)) {
			messages := letters[p.id]
			if p.halted && len(messages) == 0 {
				continue
			}
			p.halted = false
			spin(p, now, &p.value, messages)
			if p.leaving {
				delete(g.plants, p.id)
			}
		}
	}
	want := map[string]string{}
	for id, p := range g.plants {
		want[strconv.FormatUint(id, 10)] = strconv.FormatInt(p.value, 10)
	}
	return want
}
