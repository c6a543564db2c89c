package sim

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"scalar/bsp/wire"
	"scalar/groom/table"
	"scalar/internal/pack"
)

// groom is a node that grooms run on, one incarnation after another.
type groom struct {
	w    *World
	node int
	name string
	bad  bool // its disk fails

	p           *proc // nil: down
	incarnation uint64
	tb          *table.Table
	link        link
	lives       []*life  // of tasks, in the order in which they began; those over are gone
	term, seq   uint64   // of the last orders that were obeyed
	past        [][]byte // the last orders that came, for chaos to send again
	astray      map[wire.TaskKey]time.Duration
}

func newGroom(w *World, node, number int) *groom {
	return &groom{w: w, node: node, name: fmt.Sprintf("g%d", number)}
}

// start begins an incarnation.
func (g *groom) start() {
	if g.p != nil {
		return
	}
	g.incarnation++
	g.p = &proc{w: g.w}
	g.tb = table.New(theName, func(string) error { return errors.New("the folder belongs to a cluster already") })
	g.term, g.seq, g.lives, g.past = 0, 0, nil, nil
	g.astray = map[wire.TaskKey]time.Duration{}
	g.link = link{g: g, p: g.p}
	g.w.trace("groom starts", g.node, g.incarnation, "")
	g.link.search()
	g.link.beat()
}

// crash ends the incarnation and its tasks at once.
func (g *groom) crash() {
	if g.p == nil {
		return
	}
	g.w.trace("groom dies", g.node, g.incarnation, "")
	g.p.dead = true
	g.link.end()
	g.p = nil
	for _, l := range g.lives {
		l.gone = true
		l.leaveGang("the groom of task %d died")
	}
	g.lives = nil
}

// leave ends the incarnation in order: the leader is told.
func (g *groom) leave() {
	if g.p == nil {
		return
	}
	g.link.farewell()
	g.crash()
}

const maxPast = 32

// order takes orders. It checks what the table promises of them.
func (g *groom) order(body []byte) {
	if g.past = append(g.past, body); len(g.past) > maxPast {
		g.past = g.past[1:]
	}
	var o wire.Orders
	if err := pack.Unmarshal(body, &o); err != nil {
		g.w.fail("orders cannot be read: %v", err)
		return
	}
	older := o.Term < g.term || o.Term == g.term && o.Seq < g.seq
	if err := g.tb.Apply(o); err != nil {
		if !older || !errors.Is(err, table.ErrStale) {
			g.w.fail("groom %s refuses orders of term %d seq %d after %d, %d: %v", g.name, o.Term, o.Seq, g.term, g.seq, err)
		}
		if o.Term < g.term {
			g.w.count("orders of leaders before refused")
		}
		g.w.count("old orders refused")
		return
	}
	if older {
		g.w.fail("groom %s obeys orders of term %d seq %d after %d, %d", g.name, o.Term, o.Seq, g.term, g.seq)
	}
	g.term, g.seq = o.Term, o.Seq
	g.w.trace("obeys", g.node, o.Term<<32|o.Seq, "")
	tasks, work := g.tb.Take()
	for _, t := range tasks {
		g.begin(t)
	}
	for _, k := range work {
		g.store(k)
	}
	for _, l := range slices.Clone(g.lives) {
		l.fence()
		l.meet()
	}
	g.checkSlots()
	g.link.kick()
}

// checkSlots: no two tasks that are to run share a slot.
func (g *groom) checkSlots() {
	used := 0
	for _, l := range g.lives {
		if !l.fenced && !l.spoke {
			used += l.task.Peers()
		}
	}
	if used > slotsEach {
		g.w.fail("groom %s runs tasks of %d peers in %d slots", g.name, used, slotsEach)
	}
}

// store does one piece of work on storage. One that is cancelled while it runs goes
// on to its end, as system calls do, but nobody is told.
func (g *groom) store(k *table.Work) {
	cancelled := false
	if !g.tb.BeginStorage(k, func(error) { cancelled = true }) {
		return
	}
	took := g.w.between(2*time.Millisecond, 60*time.Millisecond)
	if g.w.chance(0.01) {
		took = g.w.between(time.Second, 20*time.Second)
	}
	g.p.after(took, func() {
		failure := g.w.store.do(g, k)
		if !cancelled {
			g.tb.EndStorage(k, failure)
			g.link.kick()
		}
	})
}

// sees reports whether an input is there: on most grooms, and always the same.
func (g *groom) sees(input string) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(input + g.name))
	return g.name == "g0" || h.Sum32()%4 > 0
}
