package matrix

import (
	"context"
	"encoding/binary"

	"scalar/bsp"
)

// batchEntries is how many entries of B a peer gets in a superstep: 16 MiB each of
// messages, of rows made of them, and of messages of the next superstep. A superstep of
// two peers with so many took 0.2 s on two busy cores, so that barriers do not matter.
const batchEntries = 1 << 20

// MatMul is the product of two sparse matrices.
type MatMul struct {
	Right string // absolute path or URL of the Matrix Market file of B
	Batch int    // entries of B that a peer gets in a superstep, but a row of B is not cut; 0: 1,048,576
}

// Term is a value of a row of B on its way.
type Term struct {
	Column uint32
	Value  float64
}

// Program returns the bsp program that multiplies the job's input, a matrix A of m rows
// and k columns, by B of k rows and n columns. The output is C = A·B in coordinates, by
// row and column. A position of C is listed if there is a product a·b for it, also where
// values cancel out or are zeros: so it depends on no rounding.
//
// It is Gustavson's algorithm by rows (Two fast algorithms for sparse matrices, ACM TOMS
// 4(3), 1978): row i of C is the sum of the rows of B at the columns of row i of A. Sums
// are kept in a hash table, as Nagasaka et al. do (High-performance sparse matrix-matrix
// products on Intel KNL and multicore architectures, ICPP Workshops 2018). It goes over A
// twice: the header of C says how many entries it has, and C is written while it is made.
// In superstep s owners of B's rows send what batch s needs, and batch s-1 is multiplied.
func (m MatMul) Program() bsp.Program[Term] {
	limit := m.Batch
	if limit == 0 {
		limit = batchEntries
	}
	return func(ctx context.Context, p *bsp.Peer[Term]) error {
		r, err := newProduct(ctx, p, m.Right, limit)
		if err != nil {
			return err
		}
		resumed, err := p.State(&r.state)
		if err != nil {
			return err
		}
		p.Loaded()
		if resumed {
			r.resume(p.Superstep())
		}
		for done := false; err == nil && !done; {
			done, err = r.step(ctx, p)
		}
		return err
	}
}

// step is a superstep: batches are counted in the first half of them, and written in the
// second. The last one has no barrier.
func (r *product) step(ctx context.Context, p *bsp.Peer[Term]) (done bool, err error) {
	s := p.Superstep()
	if s == r.rounds+1 {
		if err := r.header(p); err != nil {
			return false, err
		}
	}
	if s > 0 {
		if err := r.multiply(ctx, p, s-1); err != nil {
			return false, err
		}
	}
	switch s {
	case 2 * r.rounds:
		return true, nil
	case r.rounds:
		p.SetValues(binary.LittleEndian.AppendUint64(nil, r.state.entries))
	}
	r.send(p, s%r.rounds)
	return false, p.Sync(ctx)
}
