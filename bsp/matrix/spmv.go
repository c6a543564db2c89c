package matrix

import (
	"context"
	"fmt"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/lines"
	"scalar/bsp/mtx"
)

// SpMV returns the bsp program that multiplies the job's input, a matrix A of m rows and
// n columns, by a vector: y = A·x. vector is an absolute path or URL of a Matrix Market
// file of n rows and one column; empty: x is all ones, and y the sums of A's rows. The
// output is an array of m rows and one column.
//
// Each peer owns a range of x. Before superstep 0 it is told which of its values others
// need; in superstep 0 it sends them these.
func SpMV(vector string) bsp.Program[float64] {
	return func(ctx context.Context, p *bsp.Peer[float64]) error {
		a, err := load(ctx, p, "")
		if err != nil {
			return err
		}
		if err := checkRows(a.Header, p.Records().InputSize()); err != nil {
			return err
		}
		need, which := distinct(a.columns)
		x, err := values(ctx, p, a, need, vector)
		if err != nil {
			return err
		}
		return a.multiply(ctx, p, x, which)
	}
}

// Limits of a matrix most rows of which have no entry, since each is a line of the output:
// so many rows it may have in any case, and so many for a byte of its file.
const (
	freeRows   = 16 << 20
	rowsByByte = 1024
)

func checkRows(h mtx.Header, size int64) error {
	if h.Rows > freeRows && h.Rows/rowsByByte > uint64(size) {
		return job.Fail(job.FaultInput, "%s: %d rows in a file of %d bytes: the limit is %d for a byte", h.At, h.Rows, size, rowsByByte)
	}
	return nil
}

// values returns x at the columns that the peer needs.
func values(ctx context.Context, p *bsp.Peer[float64], a *rows, need []uint32, vector string) ([]float64, error) {
	var state struct{} // all that is known after the barrier is in the messages
	if _, err := p.State(&state); err != nil {
		return nil, err
	}
	x := make([]float64, 0, len(need))
	if vector == "" {
		p.Loaded()
		for range need {
			x = append(x, 1)
		}
		return x, nil
	}
	if p.Superstep() == 0 {
		if err := sendVector(ctx, p, a, need, vector); err != nil {
			return nil, err
		}
		if err := p.Sync(ctx); err != nil {
			return nil, err
		}
	} else {
		p.Loaded()
	}
	for v := range p.Messages() {
		x = append(x, v)
	}
	if len(x) != len(need) {
		return nil, errPeer
	}
	return x, nil
}

// sendVector reads the vector and sends each peer its part.
func sendVector(ctx context.Context, p *bsp.Peer[float64], a *rows, need []uint32, vector string) error {
	h, entries, err := read(ctx, p, vector)
	if err != nil {
		return err
	}
	if h.Columns != 1 || h.Rows != a.Columns {
		return job.Fail(job.FaultInput, "%s: the vector is %d x %d and the matrix %d x %d: want %d rows and one column", h.At, h.Rows, h.Columns, a.Rows, a.Columns, a.Columns)
	}
	bounds := even(h.Rows, p.N())
	if entries, err = route(ctx, p, sortEntries(entries, h.Columns), bounds); err != nil {
		return err
	}
	own := &rows{Header: h}
	own.add(sortEntries(entries, h.Columns))
	wanted, err := order(ctx, p, need, bounds)
	if err != nil {
		return err
	}
	p.Loaded()
	for q := range p.N() {
		for _, i := range own.find(wanted.of(q)) {
			v := 0.0
			if i >= 0 {
				v = own.values[i]
			}
			p.Send(q, v)
		}
	}
	return nil
}

// multiply writes the peer's part of A·x; entry i is in column which[i] of x.
func (a *rows) multiply(ctx context.Context, p *bsp.Peer[float64], x []float64, which []uint32) error {
	out := lines.Writer{W: p.Output()}
	if p.Index() == 0 {
		out.Buf = fmt.Appendf(out.Buf, "%%%%MatrixMarket matrix array real general\n%d 1\n", a.Rows)
	}
	i := 0
	for row := a.bounds[p.Index()]; row < a.bounds[p.Index()+1]; row++ {
		sum := 0.0
		if i < len(a.ids) && uint64(a.ids[i]) == row {
			for k := a.starts[i]; k < a.starts[i+1]; k++ {
				sum += float64(a.values[k] * x[which[k]]) // rounded: no fused multiply-add
			}
			i++
		}
		if err := finite(sum, row+1, 1); err != nil {
			return err
		}
		out.Buf = appendLine(out.Buf, sum)
		if err := out.Next(ctx); err != nil {
			return err
		}
	}
	p.Count("rows", int64(a.bounds[p.Index()+1]-a.bounds[p.Index()]))
	p.Count("entries", int64(len(a.columns)))
	return out.Flush()
}
