package algo

import (
	"slices"

	"scalar/internal/bitset"
)

// join makes the sets of what own edges connect. Most edges lead within one large set: it
// grows from the vertex of most edges and is a bit a place, which stays in the cache.
// Only what is not found to be in it by then is joined by union-find.
func (c *components) join() {
	if len(c.ends) == 0 {
		return
	}
	large := bitset.New(len(c.sets))
	hub := c.hub()
	large.Add(hub)
	large.AddAll(c.row(hub))
	for v := range uint32(c.part.Len()) {
		row := c.row(v)
		if !large.Has(v) {
			if !slices.ContainsFunc(row, large.Has) {
				for _, u := range row {
					c.link(v, u)
				}
				continue
			}
			large.Add(v)
		}
		large.AddAll(row)
	}
	for i := range uint32(len(c.sets)) {
		if large.Has(i) {
			c.link(hub, i)
		}
	}
	c.compress()
}

// row returns the places of the other ends of a vertex's edges.
func (c *components) row(v uint32) []uint32 { return c.ends[c.starts[v]:c.starts[v+1]] }

// hub returns the vertex of most edges.
func (c *components) hub() (hub uint32) {
	most := uint32(0)
	for v, start := range c.starts[:c.part.Len()] {
		if n := c.starts[v+1] - start; n > most {
			hub, most = uint32(v), n
		}
	}
	return hub
}

// link joins the sets of two numbers; the smaller root stays.
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

// compress leads every number to its root at once. Roots are smaller than their sets.
func (c *components) compress() {
	for i, s := range c.sets {
		c.sets[i] = c.sets[s]
	}
}
