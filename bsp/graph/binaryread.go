package graph

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"scalar/bsp/job"
	"scalar/bsp/scan"
	"scalar/internal/splitmix"
	"scalar/storage"
)

// A binaryFile is an open binary graph.
type binaryFile struct {
	*layout
	name string // for errors
	r    storage.Reader
	buf  []byte

	codes   []uint32  // of vertices, by number
	weights []float64 // of the block that is read
}

// openBinary opens the input if it is a binary graph; nil if it is anything else.
func openBinary(ctx context.Context, url string) (*binaryFile, error) {
	fsys, name, err := storage.Resolve(url)
	if err != nil {
		return nil, err
	}
	st, err := fsys.Stat(ctx, name)
	if err != nil || st.Dir || st.Size < binaryMagicSize {
		return nil, err
	}
	r, err := fsys.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	f := &binaryFile{name: url, r: r, buf: make([]byte, binaryBlock)}
	if path, err := storage.Path(url); err == nil {
		f.name = path
	}
	ours, err := f.begin()
	if err != nil || !ours {
		return nil, errors.Join(err, r.Close())
	}
	return f, nil
}

// begin reads the header; ours is false if the file is no binary graph.
func (f *binaryFile) begin() (ours bool, err error) {
	n, err := f.r.ReadAt(f.buf[:binaryHeader], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read %s: %w", f.name, err)
	}
	if !isBinary(f.buf[:n]) {
		return false, nil
	}
	if f.layout, err = decodeLayout(f.buf[:n], uint64(f.r.Size())); err != nil {
		return true, fmt.Errorf("%s: %w", f.name, err)
	}
	return true, nil
}

func (f *binaryFile) close() error { return f.r.Close() }

// at says where in the file something is wrong.
func (f *binaryFile) at(offset uint64, err error) error {
	return job.Fail(job.FaultInput, "%s (byte %d): %v", f.name, offset, err)
}

// block reads the block at an offset.
func (f *binaryFile) block(ctx context.Context, offset uint64) (items uint64, payload []byte, err error) {
	if ctx.Err() != nil {
		return 0, nil, context.Cause(ctx)
	}
	if n, err := f.r.ReadAt(f.buf, int64(offset)); n < len(f.buf) {
		return 0, nil, scan.InputFailure(fmt.Errorf("read %s at byte %d: %w", f.name, offset, err))
	}
	if items, payload, err = openBlock(f.buf); err != nil {
		return 0, nil, f.at(offset, err)
	}
	return items, payload, nil
}

// read reads all ids, and the share's edges, into a list. With a file of vertices in
// the input the ids go the way that those of text go, to meet what is in there.
func (f *binaryFile) read(ctx context.Context, list *edgeList, in Input, s share) error {
	switch {
	case in.Format != Edges:
		return job.Fail(job.FaultInput, "%s is a binary graph: leave out --format", f.name)
	case f.has(binaryNames) && in.IDs == Integers:
		return job.Fail(job.FaultInput, "%s has names of vertices: give --ids string", f.name)
	case !f.has(binaryNames) && in.IDs == Strings:
		return job.Fail(job.FaultInput, "%s has whole numbers for vertices: leave out --ids string", f.name)
	}
	if err := f.readIDs(ctx, list, in.Vertices == "" && in.Marked == "", s); err != nil {
		return err
	}
	for at, hi := s.of(f.edgeBlock); at < hi; at++ {
		if err := f.readEdges(ctx, at, list, in); err != nil {
			return err
		}
	}
	return nil
}

// readIDs reads all ids. direct: the peer keeps its own ones and the place of all.
func (f *binaryFile) readIDs(ctx context.Context, list *edgeList, direct bool, s share) error {
	var add idTaker
	t := &taker{coding: list.coding, index: s.index, direct: direct, codes: make([]uint32, 0, f.vertices), counts: make([]uint32, s.peers)}
	switch ids := list.ids.(type) {
	case *nameCensus:
		own := &stringIDs{}
		add, list.own = &nameTaker{taker: t, all: ids, own: own}, own
	case *integerCensus:
		own := &integerIDs{}
		add, list.own = &numberTaker{taker: t, all: ids, own: own}, own
	}
	left := f.vertices
	for i := range f.idBlocks {
		offset := binaryHeader + binaryBlock*i
		items, payload, err := f.block(ctx, offset)
		if err == nil && (items == 0 || items > left || !f.has(binaryNames) && items != min(left, binaryIDs)) {
			err = f.at(offset, fmt.Errorf("%w (a block of %d ids)", errBinary, items))
		}
		if err != nil {
			return err
		}
		if err := add.take(payload, items); err != nil {
			return f.at(offset, err)
		}
		left -= items
	}
	if left > 0 {
		return f.at(binaryHeader, fmt.Errorf("%w (%d ids are missing)", errBinary, left))
	}
	f.codes = t.codes
	if direct {
		list.level = rangeBits
		return t.makeRoom(list)
	}
	list.own = nil
	return list.makeRoom(list.ids.bound())
}

// An idTaker takes the ids of a block, in ascending order.
type idTaker interface {
	take(payload []byte, items uint64) error
}

// taker is what both kinds have in common.
type taker struct {
	coding
	index  int // of the peer
	direct bool
	codes  []uint32 // of ids so far
	counts []uint32 // of those, by owner
}

// place notes who owns the next id, and reports whether this peer does.
func (t *taker) place(hash uint64) (own bool) {
	owner := uint32(0)
	if t.peers > 1 {
		owner = ownerOf(hash, t.peers)
	}
	t.codes = append(t.codes, t.code(owner, t.counts[owner]))
	t.counts[owner]++
	return int(owner) == t.index
}

// makeRoom makes room for the codes of all ids.
func (t *taker) makeRoom(list *edgeList) error {
	bound := t.bound(int(slices.Max(t.counts)))
	if bound > maxVertices { // which list would tell of the ids in its census, where there are none
		return tooManyVertices(len(t.codes))
	}
	return list.makeRoom(bound)
}

var errOrder = fmt.Errorf("%w (ids that do not ascend)", errBinary)

type numberTaker struct {
	*taker
	all  *integerCensus
	own  *integerIDs
	next uint64 // the least id that may follow
}

func (t *numberTaker) take(payload []byte, items uint64) error {
	for i := range items {
		id := binary.LittleEndian.Uint64(payload[8*i:])
		if id < t.next || id > MaxID {
			return errOrder
		}
		t.next = id + 1
		switch {
		case !t.direct:
			t.codes = append(t.codes, t.all.Code(id))
		case t.place(splitmix.Mix(id)):
			t.own.ids = append(t.own.ids, id)
		}
	}
	return nil
}

type nameTaker struct {
	*taker
	all  *nameCensus
	own  *stringIDs
	last []byte
}

func (t *nameTaker) take(payload []byte, items uint64) error {
	for range items {
		size, n := binary.Uvarint(payload)
		if n <= 0 || size > uint64(len(payload)-n) {
			return fmt.Errorf("%w (a name that is not whole)", errBinary)
		}
		name := payload[n : n+int(size)]
		payload = payload[n+int(size):]
		if what := wrongName(string(name)); what != "" {
			return fmt.Errorf("%w (a name: %s)", errBinary, what)
		}
		if t.last != nil && bytes.Compare(t.last, name) >= 0 {
			return errOrder
		}
		t.last = append(t.last[:0], name...)
		switch {
		case !t.direct:
			whole := span{0, len(name)}
			t.codes = append(t.codes, t.all.find(name, whole, known(name, whole)))
		case t.place(hash(name)):
			t.own.add(name)
		}
	}
	return nil
}

// readEdges reads a block of edges.
func (f *binaryFile) readEdges(ctx context.Context, i uint64, list *edgeList, in Input) error {
	offset := f.edgesAt(i)
	items, b, err := f.block(ctx, offset)
	if err != nil {
		return err
	}
	if items != min(f.perEdges, f.edges-i*f.perEdges) {
		return f.at(offset, fmt.Errorf("%w (a block of %d edges)", errBinary, items))
	}
	once := f.has(binaryBoth) && in.once()
	if !once && !in.Weights {
		if at, err := f.ends(b[:8*items], list); err != nil {
			return f.at(offset+8+uint64(at), err)
		}
		list.addEdges(list.codes, nil, in)
		return nil
	}
	codes, weights := list.codes[:0], f.weights[:0]
	for e := range items {
		src, dst := binary.LittleEndian.Uint32(b[8*e:]), binary.LittleEndian.Uint32(b[8*e+4:])
		if err := f.known(src, dst); err != nil {
			return f.at(offset+8+8*e, err)
		}
		w := 1.0
		if in.Weights && f.has(binaryWeights) {
			at := 8*items + 8*e
			w = math.Float64frombits(binary.LittleEndian.Uint64(b[at:]))
			if err := checkWeight(w, in); err != nil {
				return f.at(offset+8+at, err)
			}
		}
		if once && src > dst {
			continue
		}
		codes = append(codes, f.codes[src], f.codes[dst])
		if in.Weights {
			weights = append(weights, w)
		}
	}
	list.addEdges(codes, weights, in)
	list.codes, f.weights = codes, weights
	return nil
}

// ends gives a list the codes of the ends of a block's edges, in a loop of nothing else:
// many looks into memory are under way at once then. at is the byte of the edge in error.
func (f *binaryFile) ends(b []byte, list *edgeList) (at int, err error) {
	table, codes := f.codes, slices.Grow(list.codes[:0], len(b)/4)[:len(b)/4]
	list.codes = codes
	for i := range codes {
		v := binary.LittleEndian.Uint32(b[4*i:])
		if uint64(v) >= uint64(len(table)) {
			at = i / 2 * 8
			return at, f.known(binary.LittleEndian.Uint32(b[at:]), binary.LittleEndian.Uint32(b[at+4:]))
		}
		codes[i] = table[v]
	}
	return 0, nil
}

// known checks that the ends of an edge are vertices.
func (f *binaryFile) known(src, dst uint32) error {
	if most := max(src, dst); uint64(most) >= f.vertices {
		return fmt.Errorf("%w (an edge to vertex %d of %d)", errBinary, most, f.vertices)
	}
	return nil
}

func checkWeight(w float64, in Input) error {
	switch {
	case math.IsNaN(w) || math.IsInf(w, 0):
		return fmt.Errorf("%w (a weight of %v)", errBinary, w)
	case in.NonNegative && w < 0:
		return fmt.Errorf("the weight %v is below 0", w)
	}
	return nil
}
