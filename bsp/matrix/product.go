package matrix

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"sort"
	"strconv"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/lines"
)

// product is what one peer knows of C = A·B.
type product struct {
	a, b   *rows
	plan   *plan
	give   *deliveries
	rounds int // batches of the peer that has the most
	state  progress
	out    lines.Writer

	row   int    // of a, which is next or not finished
	place []int  // by place, where the batch has its row of B
	terms []Term // of the batch, row by row
}

// newProduct loads both matrices and agrees on what is sent when.
func newProduct(ctx context.Context, p *bsp.Peer[Term], right string, limit int) (*product, error) {
	a, err := load(ctx, p, "")
	if err != nil {
		return nil, err
	}
	b, err := load(ctx, p, right)
	if err != nil {
		return nil, err
	}
	if a.Columns != b.Rows {
		return nil, job.Fail(job.FaultInput, "%s: the right matrix is %d x %d and the input %d x %d: want as many rows as the input has columns", b.At, b.Rows, b.Columns, a.Rows, a.Columns)
	}
	need, which := distinct(a.columns)
	lengths, err := rowLengths(ctx, p, b, need)
	if err != nil {
		return nil, err
	}
	r := &product{a: a, b: b, plan: newPlan(which, lengths, limit), place: make([]int, len(need))}
	r.state.table, r.out.W = newTable(), p.Output()
	if r.rounds, err = bsp.AllReduce(ctx, p, r.plan.batches(), func(a, b int) int { return max(a, b) }); err != nil {
		return nil, err
	}
	r.give, err = r.plan.agree(ctx, p, b, need, r.rounds)
	return r, err
}

// rowLengths asks the owners how long the needed rows of B are.
func rowLengths(ctx context.Context, p *bsp.Peer[Term], b *rows, need []uint32) ([]uint32, error) {
	asked, err := order(ctx, p, need, b.bounds)
	if err != nil {
		return nil, err
	}
	lengths, _, err := swap(ctx, p, func(q int) []uint32 {
		out := make([]uint32, 0, len(asked.of(q)))
		for _, i := range b.find(asked.of(q)) {
			n := 0
			if i >= 0 {
				n = b.starts[i+1] - b.starts[i]
			}
			out = append(out, uint32(n))
		}
		return out
	})
	if err == nil && len(lengths) != len(need) {
		err = errPeer
	}
	return lengths, err
}

// send sends all peers the rows of B that they want in a batch.
func (r *product) send(p *bsp.Peer[Term], batch int) {
	for q := range p.N() {
		for _, i := range r.give.of(q, batch) {
			for k := r.b.starts[i]; k < r.b.starts[i+1]; k++ {
				p.Send(q, Term{r.b.columns[k], r.b.values[k]})
			}
		}
	}
}

// receive takes the rows of B of a batch from the inbox.
func (r *product) receive(p *bsp.Peer[Term], batch int) error {
	r.terms = r.terms[:0]
	for t := range p.Messages() {
		r.terms = append(r.terms, t)
	}
	at := 0
	if batch < r.plan.batches() {
		for _, k := range r.plan.wants(batch) {
			r.place[k] = at
			at += int(r.plan.lengths[k])
		}
	}
	if at != len(r.terms) {
		return errPeer
	}
	return nil
}

// multiply multiplies one batch: it counts the entries of C at first, and then writes them.
func (r *product) multiply(ctx context.Context, p *bsp.Peer[Term], step int) error {
	batch := step % r.rounds
	if err := r.receive(p, batch); err != nil {
		return err
	}
	if batch == 0 {
		r.row = 0
	}
	if batch >= r.plan.batches() {
		return nil
	}
	finish, first, products := r.count, r.row, int64(0)
	if step >= r.rounds {
		finish = r.write
	}
	for e := r.plan.cuts[batch]; e < r.plan.cuts[batch+1]; e++ {
		n, err := r.add(e)
		if err != nil {
			return err
		}
		products += n
		if e+1 < r.a.starts[r.row+1] {
			continue
		}
		if err := finish(ctx); err != nil {
			return err
		}
		r.state.table.clear()
		r.row++
	}
	p.Active(int64(r.row - first))
	if step >= r.rounds {
		p.Count("products", products)
	}
	return r.out.Flush()
}

// add adds entry e of A times its row of B to the row of C, and returns how many products
// these are.
func (r *product) add(e int) (int64, error) {
	k := r.plan.which[e]
	n := int(r.plan.lengths[k])
	if n == 0 { // and place[k] says nothing
		return 0, nil
	}
	if uint64(len(r.state.table.used)+n) > maxColumns && r.b.Columns > maxColumns {
		return 0, job.Fail(job.FaultInput, "row %d of the product may have more than %d entries, which is the limit", r.a.ids[r.row]+1, maxColumns)
	}
	x := r.a.values[e]
	for _, t := range r.terms[r.place[k] : r.place[k]+n] {
		r.state.table.add(t.Column, float64(x*t.Value)) // rounded: no fused multiply-add
	}
	return int64(n), nil
}

// count counts the entries of a row of C.
func (r *product) count(ctx context.Context) error {
	r.state.entries += uint64(len(r.state.table.used))
	if r.row%64 == 0 && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// write writes a row of C.
func (r *product) write(ctx context.Context) error {
	row := uint64(r.a.ids[r.row]) + 1
	return r.state.table.sorted(func(column uint32, sum float64) error {
		if err := finite(sum, row, uint64(column)+1); err != nil {
			return err
		}
		r.out.Buf = append(strconv.AppendUint(r.out.Buf, row, 10), ' ')
		r.out.Buf = append(strconv.AppendUint(r.out.Buf, uint64(column)+1, 10), ' ')
		r.out.Buf = appendLine(r.out.Buf, sum)
		return r.out.Next(ctx)
	})
}

// header writes the header of C: all peers have told how many entries they will write.
func (r *product) header(p *bsp.Peer[Term]) error {
	p.Count("entries", int64(r.state.entries))
	entries := uint64(0)
	for _, b := range p.Values() {
		if len(b) != 8 {
			return errPeer
		}
		entries += binary.LittleEndian.Uint64(b)
	}
	if p.Index() == 0 {
		r.out.Buf = fmt.Appendf(r.out.Buf, "%%%%MatrixMarket matrix coordinate real general\n%d %d %d\n", r.a.Rows, r.b.Columns, entries)
	}
	return r.out.Flush()
}

// resume finds the row of A that superstep s goes on with.
func (r *product) resume(s int) {
	e := 0
	if batch := (s - 1) % r.rounds; batch < r.plan.batches() {
		e = r.plan.cuts[batch]
	}
	r.row = sort.Search(len(r.a.ids), func(i int) bool { return r.a.starts[i+1] > e })
}

// progress is what a checkpoint keeps: how many entries of C the peer has counted, and
// the row that is not finished.
type progress struct {
	entries uint64
	table   *table
}

// AppendBinary encodes the count, and a column and a sum for each entry of the row.
func (s *progress) AppendBinary(dst []byte) ([]byte, error) {
	dst = binary.LittleEndian.AppendUint64(dst, s.entries)
	columns, sums := s.table.pairs()
	for i, c := range columns {
		dst = binary.LittleEndian.AppendUint32(dst, c)
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(sums[i]))
	}
	return dst, nil
}

// UnmarshalBinary decodes what AppendBinary made.
func (s *progress) UnmarshalBinary(b []byte) error {
	if len(b)%12 != 8 {
		return fmt.Errorf("%d bytes are no state of a product", len(b))
	}
	s.entries, b = binary.LittleEndian.Uint64(b), b[8:]
	s.table.clear()
	for ; len(b) > 0; b = b[12:] {
		c := binary.LittleEndian.Uint32(b)
		if c == math.MaxUint32 {
			return fmt.Errorf("column %d in the state of a product", c)
		}
		s.table.add(c, math.Float64frombits(binary.LittleEndian.Uint64(b[4:])))
	}
	return nil
}
