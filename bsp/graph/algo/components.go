package algo

import (
	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/superstep"
)

// Components returns the bsp program that gives every vertex the smallest id in its weak
// component: edges count both ways. Each peer joins what its own edges connect by
// union-find (Afforest: Sutton, Ben-Nun and Barak, IPDPS 2018), and then the peers tell
// each other of smaller ids until nothing changes.
func Components(in graph.Input) bsp.Program[graph.Direct[uint64]] {
	in.Undirected, in.Order = true, true
	return graph.Program(in, func(g *graph.Global) graph.Algorithm[uint64, uint64] {
		open := graph.NewAggregator[int64](g, superstep.Sum)
		c := &components{}
		return graph.Algorithm[uint64, uint64]{
			Names: true,
			Until: func(int) bool { return open.Value() == 0 },
			Sweep: func(a *graph.Arrays[uint64, uint64]) { open.Add(c.sweep(a, g.Superstep())) },
		}
	})
}

// components are what one peer's edges connect, of the places of Arrays.All.
type components struct {
	sets  []uint32 // by place: the root of its set; nil: not made yet
	least []uint64 // by root: the smallest id known
}

// sweep takes what the other peers know of the sets and returns how much may be new to them.
func (c *components) sweep(a *graph.Arrays[uint64, uint64], superstep int) (open int64) {
	own := len(a.Values)
	if superstep == 0 {
		for v := range a.Values {
			a.Values[v] = a.ID(v)
		}
		open = int64(len(a.All) - own)
	}
	if c.sets == nil { // also after a restart
		c.join(a)
		c.least = make([]uint64, len(c.sets))
		for i := range c.least {
			c.least[i] = ^uint64(0)
		}
		for v, id := range a.Values {
			root := c.sets[v]
			c.least[root] = min(c.least[root], id)
		}
	}
	if superstep > 0 {
		for u := own; u < len(a.All); u++ {
			root := c.sets[u]
			c.least[root] = min(c.least[root], a.All[u])
		}
	}
	for v := range a.Values {
		least := c.least[c.sets[v]]
		if superstep > 0 && least != a.Values[v] {
			open++
		}
		a.Values[v], a.Out[v] = least, least
	}
	return open
}

// samples is how many edges of a vertex are joined before the largest set is sought.
const samples = 2

// join makes the sets. Most edges lead within one large set, which a few edges of every
// vertex have found already: of its vertices the own edges need no second look, since
// they are edges of their other ends too.
func (c *components) join(a *graph.Arrays[uint64, uint64]) {
	c.sets = make([]uint32, len(a.All))
	for i := range c.sets {
		c.sets[i] = uint32(i)
	}
	own := uint32(len(a.Values))
	for v := range own {
		sources := a.Sources(int(v))
		for _, u := range sources[:min(samples, len(sources))] {
			c.link(v, u)
		}
	}
	c.compress()
	large := c.largest()
	for v := range own {
		inLarge := c.sets[v] == large
		sources := a.Sources(int(v))
		for _, u := range sources[min(samples, len(sources)):] {
			if !inLarge || u >= own && c.sets[u] != large {
				c.link(v, u)
			}
		}
	}
	c.compress()
}

// link joins the sets of two places; the smaller root stays.
func (c *components) link(x, y uint32) {
	x, y = c.sets[x], c.sets[y]
	for x != y {
		if x < y {
			x, y = y, x
		}
		if c.sets[x] == x {
			c.sets[x] = y
			return
		}
		x, c.sets[x] = c.sets[x], c.sets[c.sets[x]]
	}
}

// compress leads every place to its root at once. Roots are smaller than their sets.
func (c *components) compress() {
	for i, s := range c.sets {
		c.sets[i] = c.sets[s]
	}
}

// largest returns the root that most of some places have.
func (c *components) largest() (root uint32) {
	counts := map[uint32]int{}
	for i := 0; i < len(c.sets); i += len(c.sets)/1024 + 1 {
		r := c.sets[i]
		if counts[r]++; counts[r] > counts[root] || counts[r] == counts[root] && r < root {
			root = r
		}
	}
	return root
}
