package graph

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"scalar/bsp/graph/gather"

	"scalar/bsp"
	"scalar/bsp/arena"
	"scalar/bsp/scan"
	"scalar/internal/bitset"
	"scalar/storage"
	"scalar/superstep"
)

// ParseEdges parses a block and returns ids as text, src and dst in turn, and the
// weights; or where and why it is malformed.
func ParseEdges(b []byte, kind IDs, weights bool) (ids []string, ws []float64, offset int, err error) {
	p := &parser{strings: kind == Strings, keep: weights}
	return parsed(p, b, p.edges(b))
}

// ParseVertices is ParseEdges for a file of vertices.
func ParseVertices(b []byte, kind IDs) (ids []string, offset int, err error) {
	p := &parser{strings: kind == Strings}
	ids, _, offset, err = parsed(p, b, p.vertices(b))
	return ids, offset, err
}

func parsed(p *parser, b []byte, err error) ([]string, []float64, int, error) {
	if f, ok := errors.AsType[*scan.Fault](err); ok {
		return nil, nil, f.Offset, err
	}
	d := newCensus(Integers, 1)
	if p.strings {
		d = newCensus(Strings, 1)
	}
	var ids []string
	for _, i := range d.intern(nil, p.names(b), p.ends()) {
		ids = append(ids, textOf(d, i))
	}
	return ids, p.weights, 0, err
}

// textOf returns the id of a code.
func textOf(d census, code uint32) string {
	if names, ok := d.(*nameCensus); ok {
		return string(names.name(code))
	}
	numbers := d.(*integerCensus)
	if numbers.seen != nil {
		return strconv.FormatUint(uint64(code), 10)
	}
	return strconv.FormatUint(numbers.IDs[numbers.owner(code)][numbers.number(code)], 10)
}

// idsOf returns all ids of a list.
func (l *edgeList) idsOf() (ids []string) {
	if d, ok := l.ids.(*integerCensus); ok && d.seen != nil {
		d.eachSeen(func(id uint64) { ids = append(ids, strconv.FormatUint(id, 10)) })
		return ids
	}
	for i := range l.ids.size() {
		ids = append(ids, textOf(l.ids, uint32(i)))
	}
	return ids
}

// SortKeys sorts keys, and returns where each was.
func SortKeys(keys []uint64) (from []uint32) {
	all := make([]keyed, len(keys))
	for i, key := range keys {
		all[i] = keyed{key, uint32(i)}
	}
	sortKeyed(all, make([]keyed, len(all)))
	for i, x := range all {
		keys[i] = x.key
		from = append(from, x.at)
	}
	return from
}

// A Parser keeps what benchmarks reuse.
type Parser struct {
	p parser
	d census
}

// NewParser returns a parser of integer or string ids.
func NewParser(kind IDs, weights bool) *Parser {
	return &Parser{*newParser(Input{IDs: kind, Weights: weights}), newCensus(kind, 1)}
}

// Block parses a block, and interns its ids if asked to.
func (p *Parser) Block(b []byte, intern bool) error {
	if err := p.p.edges(b); err != nil || !intern {
		return err
	}
	p.d.intern(nil, b, p.p.ends())
	return nil
}

// Dictionary interns ids given as text and sorts them: the numbers before, the
// order after.
func Dictionary(kind IDs, lines []byte) (numbers []uint32, sorted []string, rank []uint32, err error) {
	p := &parser{strings: kind == Strings}
	if err := p.vertices(lines); err != nil {
		return nil, nil, nil, err
	}
	d := newCensus(kind, 1)
	numbers = d.intern(nil, lines, p.ends())
	payload, _ := d.payload(0)
	own, ranks, err := d.union([][]byte{payload}, false)
	if err != nil {
		return nil, nil, nil, err
	}
	for i := range own.size() {
		sorted = append(sorted, string(own.text(nil, i)))
	}
	return numbers, sorted, ranks[0], nil
}

// Finder returns what finds the numbers of distinct large ids, which are numbered in their order or as they come.
func Finder(ids []uint64, asRead bool) func(id uint64) (number uint32, ok bool) {
	b := make([]byte, 0, 8*len(ids))
	for _, id := range ids {
		b = binary.LittleEndian.AppendUint64(b, id)
	}
	own, _ := sparseUnion([]told{{b: b}}, len(ids), asRead)
	return own.find
}

// Union gives the lines of several peers to the owners of their ids, and returns by peer
// the ids that its codes stand for, and by owner the ids of its own by number, and in their order.
func Union(kind IDs, peers [][]byte, asRead bool) (found, owned, ordered [][]string, err error) {
	n := len(peers)
	codes, payloads := make([][]uint32, n), make([][][]byte, n) // payloads by owner and peer
	var d census
	for peer, lines := range peers {
		p := &parser{strings: kind == Strings}
		if err := p.vertices(lines); err != nil {
			return nil, nil, nil, err
		}
		d = newCensus(kind, n)
		codes[peer] = d.intern(nil, lines, p.ends())
		for owner := range payloads {
			b, _ := d.payload(owner)
			payloads[owner] = append(payloads[owner], b)
		}
	}
	owned, ordered, found = make([][]string, n), make([][]string, n), make([][]string, n)
	ids, numbers := make([]dictionary, n), make([][][]uint32, n) // numbers by owner and peer
	for owner := range payloads {
		if ids[owner], numbers[owner], err = d.union(payloads[owner], asRead); err != nil {
			return nil, nil, nil, err
		}
		for i := range ids[owner].size() {
			name := string(ids[owner].text(nil, i))
			if v, ok := ids[owner].lookup(name); !ok || int(v) != i { // first by the order, then by a table
				return nil, nil, nil, fmt.Errorf("%s is %d and was found at %d, %v", name, i, v, ok)
			}
			owned[owner] = append(owned[owner], name)
			ordered[owner] = append(ordered[owner], string(ids[owner].text(nil, ids[owner].inOrder(i))))
		}
		if v, ok := ids[owner].lookup("77777777777777"); ok {
			return nil, nil, nil, fmt.Errorf("what nobody has was found at %d", v)
		}
	}
	for peer, list := range codes {
		for _, code := range list {
			owner, number := (&placing{coding: codingOf(n)}).at(code)
			found[peer] = append(found[peer], owned[owner][numbers[owner][peer][number]])
		}
	}
	return found, owned, ordered, nil
}

// Identity returns an operator's identity.
func Identity[M superstep.Number](op superstep.Op) M { return identity[M](op) }

// State is a state of n vertices that tests fill.
type State[V any, M superstep.Number] struct{ *state[V, M] }

// NewState returns the state of n vertices.
func NewState[V any, M superstep.Number](n int) (State[V, M], error) {
	s, err := newState[V](n, make([]M, n), identity[M](superstep.Sum))
	return State[V, M]{s}, err
}

// Once makes it the state of an algorithm with Once.
func (s State[V, M]) Once() { s.got = bitset.New(len(s.values)) }

// Reach notes that messages came to a vertex.
func (s State[V, M]) Reach(i int) { s.got.Add(uint32(i)) }

// Reached reports whether messages came to a vertex.
func (s State[V, M]) Reached(i int) bool { return s.got.Has(uint32(i)) }

// Set changes a vertex.
func (s State[V, M]) Set(i int, v V, m M, halted bool) {
	s.values[i], s.inbox[i], s.halted[i] = v, m, halted
}

// Get returns a vertex, and Asleep how many have halted.
func (s State[V, M]) Get(i int) (V, M, bool) { return s.values[i], s.inbox[i], s.halted[i] }

// Asleep returns how many vertices have halted.
func (s State[V, M]) Asleep() int { return s.asleep }

// crowd is a dictionary of more ids than a peer can number.
type crowd struct{ census }

func (crowd) size() int     { return maxVertices + 1 }
func (crowd) bound() uint64 { return maxVertices + 1 }

// SettleTooMany gives one peer of several more distinct ids than it can number.
func SettleTooMany(peers int) error {
	_, err := (&part{}).settle(&edgeList{coding: codingOf(peers), ids: crowd{}}, false, nil)
	return err
}

// heap returns an arena with memory for all.
func heap() *arena.Arena { return arena.New("", math.MaxInt64) }

// PlaceTooMany gives one peer of several, which reads a binary graph of so many ids, most
// of one owner.
func PlaceTooMany(peers, vertices int, most uint32) error {
	coding := codingOf(peers)
	t := &taker{coding: coding, codes: make([]uint32, vertices), counts: make([]uint32, peers)}
	t.counts[peers-1] = most
	return t.makeRoom(&edgeList{coding: coding, ids: newIntegerCensus(peers)})
}

// AddDegree adds an edge to a vertex that has degree edges already.
func AddDegree(degree uint32) error {
	edge := make([]byte, edgeRoom) // from 0 to 0
	_, err := newBlock([]segment{{edges: edge, count: 1, form: formOf(false, rowRange{0, allRows}, false)}}, []uint32{degree}, 1, rowStore{arena: heap()})
	return err
}

// An Edge is an edge as it was read.
type Edge struct {
	Src, Dst string
	Weight   float64
}

// Dump is a program that writes what its peers have read of a text: "e", source,
// destination and weight for edges in their order, "v" and the id for vertices.
func Dump(in Input) bsp.Program[uint8] {
	return func(ctx context.Context, p *bsp.Peer[uint8]) error {
		list := newEdgeList(in, 1, false, heap())
		if err := read(ctx, p, list, in); err != nil {
			return err
		}
		for _, e := range list.dump() {
			p.Write("e", e.Src+" "+e.Dst+" "+strconv.FormatFloat(e.Weight, 'g', -1, 64))
		}
		for _, id := range list.idsOf() {
			p.Write("v", id)
		}
		return nil
	}
}

// numbers returns the edges of the list of one peer of one, as numbers.
func (l *edgeList) numbers() (ends []uint32, weights []float64) {
	l.closeAll()
	for rest := slices.Concat(l.slabs[0].given()...); len(rest) > 0; {
		_, s, after, err := cutChunk(rest, l.weights)
		if err != nil {
			panic(err)
		}
		rest = after
		for at := 0; at < s.end(); at += s.size {
			row, other := s.ends(at)
			ends = append(ends, row, other)
			weight := 1.0
			if l.weights {
				weight = s.weight(at)
			}
			weights = append(weights, weight)
		}
	}
	return ends, weights
}

func (l *edgeList) dump() (all []Edge) {
	ends, weights := l.numbers()
	for i, w := range weights {
		all = append(all, Edge{textOf(l.ids, ends[2*i]), textOf(l.ids, ends[2*i+1]), w})
	}
	return all
}

// ReadText reads a whole text as one peer.
func ReadText(ctx context.Context, in Input, url string) (edges []Edge, vertices []string, err error) {
	splits, err := storage.Splits(ctx, url, 1)
	if err != nil {
		return nil, nil, err
	}
	t := &text{in: in, url: url, peers: 1, ps: newParser(in)}
	t.gather = func(own []byte) ([][]byte, error) { return [][]byte{own}, nil }
	if t.records, err = storage.OpenRecords(ctx, splits[0]); err != nil {
		return nil, nil, err
	}
	list := newEdgeList(in, 1, false, heap())
	var failed error
	err = t.read(ctx, func(b []byte) { failed = errors.Join(failed, list.addText(b, t.ps, in)) })
	if err := errors.Join(err, failed, t.records.Close()); err != nil {
		return nil, nil, err
	}
	return list.dump(), list.idsOf(), nil
}

// Sizes of binary graphs.
const (
	BinaryHeader = binaryHeader
	BinaryBlock  = binaryBlock
)

// Forge makes a binary graph of any numbers and payloads with right checksums.
func Forge(flags uint32, vertices, edges, idBlocks uint64, blocks ...[]byte) []byte {
	l := layout{flags: flags, vertices: vertices, edges: edges, idBlocks: idBlocks}
	file := l.encode()
	for _, items := range blocks {
		b := make([]byte, binaryBlock)
		copy(b[4:], items) // the number of items, and they
		sealBlock(b, int(binary.LittleEndian.Uint32(b[4:])))
		file = append(file, b...)
	}
	return file
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// ReadBinary reads a binary graph as peer index of so many, and returns its own
// vertices or, with a file of vertices in the input, all, and the edges as numbers.
func ReadBinary(ctx context.Context, in Input, file []byte, index, peers int) (vertices []string, numbers []uint32, err error) {
	f := &binaryFile{name: "graph.bin", r: memory{bytes.NewReader(file)}, buf: make([]byte, binaryBlock)}
	ours, err := f.begin()
	if err != nil || !ours {
		return nil, nil, err
	}
	list := newEdgeList(in, peers, false, heap())
	if err := f.read(ctx, list, in, share{index, peers}); err != nil {
		return nil, nil, err
	}
	vertices = list.idsOf()
	if list.own != nil {
		for i := range list.own.size() {
			vertices = append(vertices, string(list.own.text(nil, i)))
		}
	}
	numbers, _ = list.numbers()
	return vertices, numbers, nil
}

// Chunks puts edges between vertices, which belong to peers in turn, into chunks that are
// wide from some number on, and returns them as the owner of rows reads them, by owners of
// the row and of the other end. Their numbers there are renumber of those in the list.
func Chunks(edges [][2]uint32, weights []float64, peers int, narrow uint32, renumber func(uint32) uint32) ([][][]Edge, error) {
	l := newEdgeList(Input{Weights: weights != nil}, peers, false, heap())
	l.narrow = narrow
	p := &placing{coding: l.coding, numbers: make([][]uint32, peers)}
	for i, e := range edges {
		codes := make([]uint32, 2)
		for k, v := range e {
			owner, number := v%uint32(peers), v/uint32(peers)
			codes[k] = l.code(owner, number)
			if err := l.makeRoom(l.bound(int(number) + 1)); err != nil {
				return nil, err
			}
			for n := uint32(len(p.numbers[owner])); n <= number; n++ {
				p.numbers[owner] = append(p.numbers[owner], renumber(n))
				p.most = max(p.most, renumber(n))
			}
		}
		var w []float64
		if weights != nil {
			w = weights[i : i+1]
		}
		l.addEdges(codes, w, Input{})
	}
	payloads, err := l.payloads(p)
	if err != nil {
		return nil, err
	}
	found := make([][][]Edge, peers)
	for owner := range found {
		segments, err := bySender(fromOne(payloads[owner], peers), l.weights, 0)
		if err != nil {
			return nil, err
		}
		found[owner] = make([][]Edge, peers)
		for other, list := range segments {
			for _, s := range list {
				for at := 0; at < s.end(); at += s.size {
					row, end := s.ends(at)
					e := Edge{strconv.Itoa(int(row)), strconv.Itoa(int(end)), 1}
					if l.weights {
						e.Weight = s.weight(at)
					}
					found[owner][other] = append(found[owner][other], e)
				}
			}
		}
	}
	return found, nil
}

// fromOne are payloads of one peer, where others sent nothing.
func fromOne(payloads [][]byte, peers int) [][][]byte {
	all := make([][][]byte, peers)
	all[0] = payloads
	return all
}

// ReadChunks reads chunks as a peer of so many does that another sent.
func ReadChunks(b []byte, peers int, weights bool) (edges int, err error) {
	segments, err := bySender(fromOne([][]byte{b}, peers), weights, 0)
	for _, list := range segments {
		for _, s := range list {
			for at := 0; at < s.end(); at += s.size {
				s.ends(at)
				if weights {
					s.weight(at)
				}
				edges++
			}
		}
	}
	return edges, err
}

// inwardAlong makes the blocks of such edges as PullAlong has to n vertices of a part.
func inwardAlong(edges [][2]uint32, p *part, n int) (in *inward, base []int, err error) {
	in = &inward{degrees: make([]uint32, n)}
	peers, f := len(p.counts), formOf(true, rowRange{0, allRows}, false)
	all := 0
	for q := range peers {
		var list []byte
		count := 0
		for _, e := range edges {
			if int(e[1])%peers == q {
				list = binary.LittleEndian.AppendUint64(list, f.join(e[0], e[1]/uint32(peers)))[:(count+1)*f.size]
				count++
			}
		}
		list = append(list, make([]byte, chunkTail)...)
		b, err := newBlock([]segment{{edges: list, count: count, form: f}}, in.degrees, uint32(n), rowStore{arena: heap()})
		if err != nil {
			return nil, nil, err
		}
		in.blocks, in.edges = append(in.blocks, b), append(in.edges, b.arriving(p.counts[q]))
		base = append(base, all)
		all += words(p.counts[q])
	}
	in.index(base)
	return in, append(base, all), nil
}

// PullAlong pulls along edges, each a vertex and the source of an edge to it, and returns
// what was found, and who has got something then. Source s is vertex s/peers of peer s%peers,
// the vertices are those of peer 0.
func PullAlong(edges [][2]uint32, peers int, front, got []bool) (found, after []bool, err error) {
	n := len(front)
	p := &part{counts: make([]uint32, peers)}
	for s := range n {
		p.counts[s%peers]++
	}
	in, base, err := inwardAlong(edges, p, n)
	if err != nil {
		return nil, nil, err
	}
	s := search{inward: in, front: make(bitset.Set, base[peers]), got: bitset.New(n), found: bitset.New(n)}
	for q := range peers {
		s.fronts = append(s.fronts, s.front[base[q]:base[q]+words(p.counts[q])])
	}
	for v := range n {
		if front[v] {
			s.fronts[v%peers].Add(uint32(v / peers))
		}
		if got[v] {
			s.got.Add(uint32(v))
		}
	}
	for q, senders := range s.fronts {
		if senders.Empty() {
			s.fronts[q] = nil
		}
	}
	s.pull()
	bools := func(set bitset.Set) []bool {
		of := make([]bool, n)
		for v := range set.All() {
			of[v] = true
		}
		return of
	}
	return bools(s.found), bools(s.got), nil
}

// BlockFits reports whether an encoded block is whole and within limits.
func BlockFits(b []byte, rows, limit uint32) bool {
	_, err := decodeBlock(b, rows, limit)
	return err == nil
}

// Recode decodes a block and encodes it again; its transpose's transpose must be like it,
// but for the order in rows.
func Recode(b []byte, rows, limit uint32) ([]byte, error) {
	x, err := decodeBlock(b, rows, limit)
	if err != nil {
		return nil, err
	}
	degrees := make([]uint32, limit)
	y := x.transpose(degrees).transpose(make([]uint32, rows))
	sum := 0
	for _, d := range degrees {
		sum += int(d)
	}
	if sum != len(x.targets) || len(y.targets) != len(x.targets) {
		return nil, nil
	}
	return x.encode(), nil
}

// Windows returns the windows of rows that have so many edges each.
func Windows(lengths []uint32, room uint32) (all [][2]uint32) {
	starts := make([]uint32, 1, len(lengths)+1)
	for i, n := range lengths {
		starts = append(starts, starts[i]+n)
	}
	for lo, hi := range windows(starts, room) {
		all = append(all, [2]uint32{lo, hi})
		copy(starts[lo:hi], starts[lo+1:hi+1]) // as scattering does
	}
	return all
}

// Pack puts the edges of cells of 1<<shift places and one block into strips, and returns by row the places
// of its edges in the order in which they are gathered, and how many of them are in strips.
func Pack(cells [][]uint32, shift uint) (sources [][]uint32, packed int) {
	g := &grid{shift: shift, across: len(cells), height: blockRows, together: blocksTogether, cells: []uint32{0}}
	for _, edges := range cells {
		g.far = append(g.far, edges...)
		g.cells = append(g.cells, uint32(len(g.far)))
	}
	g.pack()
	sources = make([][]uint32, blockRows)
	for i, t := range g.tiles {
		first := uint32(i) << tileBits
		if t == nil {
			for j := range min(g.segments(), g.across-i*g.segments()) {
				segment := i*g.segments() + j
				for _, e := range g.far[g.cells[segment]:g.cells[segment+1]] {
					sources[e%blockRows] = append(sources[e%blockRows], uint32(segment)<<shift+e>>16)
				}
			}
			continue
		}
		strips := t.strips
		for _, r := range t.runs {
			size := gather.StripLen(int(r.edges))
			for range r.rows / gather.StripRows {
				for j := gather.StripRows; j < 2*size; j++ {
					row := half(strips, j%gather.StripRows)
					sources[row] = append(sources[row], first+uint32(half(strips, j)))
					packed++
				}
				strips = strips[size:]
			}
		}
		for _, e := range t.rest {
			sources[e%blockRows] = append(sources[e%blockRows], first+e>>16)
		}
	}
	return sources, packed
}
