package algo

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"scalar/internal/splitmix"
)

// level is one peer's part of a level of Louvain: its own vertices in the order of their
// ids, and copies of those of other peers that they have links to.
type level struct {
	talk
	ids       []uint64 // by place: own vertices, then copies peer by peer
	own       int
	watched   [][]uint32 // by peer: own vertices that it has copies of
	starts    []uint32   // by own vertex: its links are ends[starts[v]:starts[v+1]]
	ends      []uint32   // places
	weights   []uint64
	degrees   []uint64 // by own vertex: the weight of its links, its loop included
	all       uint64   // degrees of all peers' vertices
	vertices  uint64   // of all peers
	community []uint64 // by place

	names  []uint64 // of this round: distinct communities of all places, in order
	places []uint32 // by place: its community in names
	totals []uint64 // by name: degrees of all of the community's vertices
}

// newLevel makes a level of the links that its vertices have, in order.
func newLevel(links []Link, t talk) (*level, error) {
	l := &level{talk: t, weights: make([]uint64, 0, len(links)), ends: make([]uint32, 0, len(links))}
	for i, k := range links {
		if i == 0 || k.From != links[i-1].From {
			l.ids = append(l.ids, k.From)
			l.starts = append(l.starts, uint32(i))
			l.degrees = append(l.degrees, 0)
		}
		l.degrees[len(l.degrees)-1] += k.Weight
		l.weights = append(l.weights, k.Weight)
	}
	l.starts, l.own = append(l.starts, uint32(len(links))), len(l.ids)
	if err := l.meet(links); err != nil {
		return nil, err
	}
	index := make(map[uint64]uint32, len(l.ids))
	for place, id := range l.ids {
		index[id] = uint32(place)
	}
	for _, k := range links {
		l.ends = append(l.ends, index[k.To])
	}
	l.community, l.places = slices.Clone(l.ids), make([]uint32, len(l.ids))
	sum := uint64(0)
	for _, d := range l.degrees {
		sum += d
	}
	told, err := t.tell(sum, uint64(l.own))
	for _, x := range told {
		l.all, l.vertices = l.all+x[0], l.vertices+x[1]
	}
	return l, err
}

// meet finds out whose vertices are needed here, and tells their owners.
func (l *level) meet(links []Link) error {
	needed := make([][]uint64, l.peers)
	for _, k := range links {
		if q := l.owner(k.To); q != l.index {
			needed[q] = append(needed[q], k.To)
		}
	}
	out := make([][]byte, l.peers)
	for q, ids := range needed {
		slices.Sort(ids)
		for _, id := range slices.Compact(ids) {
			l.ids = append(l.ids, id)
			out[q] = binary.LittleEndian.AppendUint64(out[q], id)
		}
	}
	told, err := l.allToAll(out)
	if err != nil {
		return err
	}
	l.watched = make([][]uint32, l.peers)
	for q, b := range told {
		for ; len(b) >= 8; b = b[8:] {
			v, ok := slices.BinarySearch(l.ids[:l.own], binary.LittleEndian.Uint64(b))
			if !ok {
				return errTalk
			}
			l.watched[q] = append(l.watched[q], uint32(v))
		}
	}
	return nil
}

// Rounds end when patience of them together have gained less than 2^-progressBits of
// modularity, or after maxRounds. In a level of few vertices one move is much of the
// modularity, and the chance that those who gain are not drawn, or swap, in patience
// rounds is too high: of two vertices and an edge it is 1 in 16.
const (
	patience     = 4
	patienceFew  = 20
	few          = 1000 // vertices
	progressBits = 20
	maxRounds    = 100
)

// settle moves vertices from community to community, and leaves them where modularity
// was best. It returns modularity as it was at first, and then.
func (l *level) settle() (first, best wide, err error) {
	var kept []uint64
	var mark wide
	step, patience := times(l.all, l.all>>progressBits), patience
	if l.vertices <= few {
		patience = patienceFew
	}
	for round, worse := 0, 0; worse < patience && round < maxRounds; round++ {
		now, err := l.look()
		if err != nil {
			return first, best, err
		}
		if round == 0 {
			first = now
		}
		if round == 0 || best.less(now) {
			best, kept = now, append(kept[:0], l.community...)
		}
		if worse++; round == 0 || mark.plus(step).less(now) {
			mark, worse = now, 0
		}
		l.move(uint64(round))
	}
	copy(l.community, kept)
	return first, best, nil
}

// look learns all communities and their totals, and returns the modularity, times all².
func (l *level) look() (wide, error) {
	out := make([][]byte, l.peers)
	for q, vs := range l.watched {
		for _, v := range vs {
			out[q] = binary.LittleEndian.AppendUint64(out[q], l.community[v])
		}
	}
	told, err := l.allToAll(out)
	if err != nil {
		return wide{}, err
	}
	at := l.own
	for _, b := range told {
		for ; len(b) >= 8 && at < len(l.ids); b = b[8:] {
			l.community[at] = binary.LittleEndian.Uint64(b)
			at++
		}
	}
	if at != len(l.ids) {
		return wide{}, errTalk
	}
	l.names = append(l.names[:0], l.community...)
	slices.Sort(l.names)
	l.names = slices.Compact(l.names)
	parts := make([]uint64, len(l.names))
	for place, c := range l.community {
		i, _ := slices.BinarySearch(l.names, c)
		if l.places[place] = uint32(i); place < l.own {
			parts[i] += l.degrees[place]
		}
	}
	var owned map[uint64]uint64
	if l.totals, owned, err = l.agree(l.names, parts, func(a, b uint64) uint64 { return a + b }); err != nil {
		return wide{}, err
	}
	return l.modularity(owned)
}

// modularity returns inside·all - Σ total², over all peers.
func (l *level) modularity(owned map[uint64]uint64) (wide, error) {
	inside := uint64(0)
	for v := range l.own {
		for i := l.starts[v]; i < l.starts[v+1]; i++ {
			if l.places[l.ends[i]] == l.places[v] {
				inside += l.weights[i]
			}
		}
	}
	own := times(inside, l.all)
	for _, total := range owned { // exact: in any order
		own = own.minus(times(total, total))
	}
	told, err := l.tell(own.hi, own.lo)
	sum := wide{}
	for _, x := range told {
		sum = sum.plus(wide{x[0], x[1]})
	}
	return sum, err
}

// move lets half of the vertices go to the community that gains most.
func (l *level) move(round uint64) {
	to := make([]uint64, len(l.names)) // by name: the weight of links to it
	var seen []uint32
	salt := splitmix.Next(round)
	for v := range l.own {
		if splitmix.Next(l.ids[v]^salt)&1 == 0 {
			continue
		}
		home := l.places[v]
		seen = append(seen[:0], home)
		for i := l.starts[v]; i < l.starts[v+1]; i++ {
			if u := l.ends[i]; u != uint32(v) {
				c := l.places[u]
				if to[c] == 0 && c != home {
					seen = append(seen, c)
				}
				to[c] += l.weights[i]
			}
		}
		l.community[v] = l.names[l.best(v, to, seen)]
		for _, c := range seen {
			to[c] = 0
		}
	}
}

// best returns which of the communities seen, the first of which is the vertex's own,
// gains most: the own one if none gains more, else the smallest id of several.
func (l *level) best(v int, to []uint64, seen []uint32) uint32 {
	home, degree := seen[0], l.degrees[v]
	best, most := home, times(to[home], l.all).minus(times(l.totals[home]-degree, degree))
	for _, c := range seen[1:] {
		gain := times(to[c], l.all).minus(times(l.totals[c], degree))
		if most.less(gain) || best != home && c < best && !gain.less(most) {
			best, most = c, gain
		}
	}
	return best
}

// follow returns which communities the vertices of some ids are in.
func (l *level) follow(ids []uint64) ([]uint64, error) {
	keys := append(slices.Clone(l.ids[:l.own]), ids...)
	values := append(slices.Clone(l.community[:l.own]), slices.Repeat([]uint64{math.MaxUint64}, len(ids))...)
	agreed, _, err := l.agree(keys, values, func(a, b uint64) uint64 { return min(a, b) })
	if err != nil {
		return nil, err
	}
	return agreed[l.own:], nil
}

// contract returns the links between communities.
func (l *level) contract() []Link {
	links := make([]Link, 0, len(l.ends))
	for v := range l.own {
		for i := l.starts[v]; i < l.starts[v+1]; i++ {
			links = append(links, Link{l.community[v], l.community[l.ends[i]], l.weights[i]})
		}
	}
	return links
}

// wide is a whole number of 128 bits in two's complement.
type wide struct{ hi, lo uint64 }

func times(a, b uint64) wide {
	hi, lo := bits.Mul64(a, b)
	return wide{hi, lo}
}

func (x wide) plus(y wide) wide {
	lo, carry := bits.Add64(x.lo, y.lo, 0)
	hi, _ := bits.Add64(x.hi, y.hi, carry)
	return wide{hi, lo}
}

func (x wide) minus(y wide) wide {
	lo, borrow := bits.Sub64(x.lo, y.lo, 0)
	hi, _ := bits.Sub64(x.hi, y.hi, borrow)
	return wide{hi, lo}
}

func (x wide) less(y wide) bool {
	return int64(x.hi) < int64(y.hi) || x.hi == y.hi && x.lo < y.lo
}

// ratio returns x / all², 0 where there is nothing.
func (x wide) ratio(all uint64) float64 {
	if all == 0 {
		return 0
	}
	return (float64(int64(x.hi))*(1<<64) + float64(x.lo)) / (float64(all) * float64(all))
}
