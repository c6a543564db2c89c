package graph

import (
	"errors"
	"strconv"
	"sync"

	"scalar/internal/splitmix"
)

// A Loading is how peers read texts, each its own, given to owners without a runtime.
type Loading struct {
	In     Input
	Texts  [][]string // by peer: blocks
	Marks  [][]string // by peer: ids of marked vertices
	Size   int64      // bytes of a peer's input, as ids are small for it; < 0: ids have codes from the start
	Narrow uint32     // numbers up to this lie in chunks that are not wide
	Pulled bool
}

// A Received edge is one that an owner of a row got, with the owner of the other end.
type Received struct {
	Row, Other string
	Owner      int
	Weight     float64
}

// Run returns by owner the edges in their order, the ids and the marked ones.
func (l Loading) Run() (edges [][]Received, ids, marked [][]string, err error) {
	n := len(l.Texts)
	edges, ids, marked = make([][]Received, n), make([][]string, n), make([][]string, n)
	payloads, parts := make([][][][]byte, n), make([]*part, n) // payloads by owner and sender
	for i := range payloads {
		payloads[i] = make([][][]byte, n)
	}
	var all sync.WaitGroup
	errs, meet := make([]error, n), newMeeting(n)
	for i := range n {
		all.Go(func() { parts[i], errs[i] = l.peer(i, meet.hand(i), payloads) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, nil, nil, err
	}
	name := func(owner int, v uint32) string { return string(parts[owner].ids.text(nil, int(v))) }
	for owner, g := range parts {
		for k := range g.ids.size() {
			v := g.ids.inOrder(k)
			ids[owner] = append(ids[owner], name(owner, uint32(v)))
			if g.marked[v] {
				marked[owner] = append(marked[owner], name(owner, uint32(v)))
			}
		}
		segments, err := bySender(payloads[owner], l.In.Weights, 0)
		if err != nil {
			return nil, nil, nil, err
		}
		err = byRange(segments, func(other int, s segment) error {
			for at := 0; at < s.end(); at += s.size {
				row, end := s.ends(at)
				e := Received{name(owner, row), name(other, end), other, 1}
				if l.In.Weights {
					e.Weight = s.weight(at)
				}
				edges[owner] = append(edges[owner], e)
			}
			return nil
		})
		if err != nil {
			return nil, nil, nil, err
		}
	}
	return edges, ids, marked, nil
}

// peer is what one peer does.
func (l Loading) peer(index int, hand handOver, payloads [][][][]byte) (*part, error) {
	list := newEdgeList(l.In, len(l.Texts), l.Pulled, heap())
	list.narrow = l.Narrow
	if l.Size >= 0 {
		if err := list.keepSeen(l.Size); err != nil {
			return nil, err
		}
	}
	ps := newParser(l.In)
	for _, b := range l.Texts[index] {
		if err := errors.Join(ps.edges([]byte(b)), list.addText([]byte(b), ps, l.In)); err != nil {
			return nil, err
		}
	}
	for _, id := range l.Marks[index] {
		if err := ps.vertices([]byte(id)); err != nil {
			return nil, err
		}
		codes, err := list.intern(nil, []byte(id), ps.ends())
		if err != nil {
			return nil, err
		}
		list.marked = append(list.marked, codes...)
	}
	g := &part{index: index, counts: make([]uint32, len(l.Texts))}
	places, err := g.settle(list, l.In.AsRead, hand)
	if err != nil {
		return nil, err
	}
	if err := g.mark(list, places, hand); err != nil {
		return nil, err
	}
	out, err := list.payloads(places)
	if err != nil {
		return nil, err
	}
	for owner := range payloads {
		payloads[owner][index] = out[owner]
	}
	return g, nil
}

// A meeting is a hand-over among goroutines.
type meeting struct {
	mu    sync.Mutex // guards the fields below
	come  *sync.Cond
	round int
	here  int
	out   [][][]byte // by peer
	told  [][][]byte // of the round before
}

func newMeeting(n int) *meeting {
	m := &meeting{out: make([][][]byte, n)}
	m.come = sync.NewCond(&m.mu)
	return m
}

func (m *meeting) hand(index int) handOver {
	return func(out [][]byte) ([][]byte, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.out[index] = out
		m.here++
		if m.here == len(m.out) {
			m.told, m.here = m.out, 0
			m.out = make([][][]byte, len(m.told))
			m.round++
			m.come.Broadcast()
		} else {
			for now := m.round; m.round == now; {
				m.come.Wait()
			}
		}
		in := make([][]byte, len(m.told))
		for from, given := range m.told {
			in[from] = given[index]
		}
		return in, nil
	}
}

// Owner returns which of so many peers has a whole number.
func Owner(id string, peers int) int {
	x, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		panic(err)
	}
	return int(ownerOf(splitmix.Mix(x), peers))
}
