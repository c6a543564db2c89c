package matrix

import (
	"context"
	"errors"
	"fmt"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/mtx"
	"scalar/bsp/scan"
	"scalar/storage"
)

// blockBytes is how much text is parsed at once.
const blockBytes = 128 << 10

// entry is a value of a matrix. Rows and columns count from 0.
type entry struct {
	row, column uint32
	value       float64
}

// read reads the peer's part of a matrix: the job's input, or with a URL that one. The
// entries are in the order in which they are listed, those of a symmetric matrix both
// ways; zeros of an array are left out. All peers must call it.
func read[M any](ctx context.Context, p *bsp.Peer[M], url string) (h mtx.Header, entries []entry, err error) {
	if url != "" {
		splits, err := storage.Splits(ctx, url, p.N())
		if err != nil {
			return h, nil, scan.InputFailure(fmt.Errorf("matrix: %w", err))
		}
		r, err := storage.OpenRecords(ctx, splits[p.Index()])
		if err != nil {
			return h, nil, scan.InputFailure(fmt.Errorf("matrix: %w", err))
		}
		h, entries, err = readRecords(ctx, p, r, url)
		return h, entries, errors.Join(err, r.Close())
	}
	if p.Input() == nil {
		return h, nil, job.Fail(job.FaultInput, "there is no --input: want a Matrix Market file")
	}
	r := p.Records()
	if r == nil {
		if _, _, err := p.Next(); err != nil {
			return h, nil, scan.InputFailure(err)
		}
		return h, nil, errors.New("a program on matrices divides its input by itself: PartitionInput is of no use to it")
	}
	return readRecords(ctx, p, r, p.Input().URL)
}

func readRecords[M any](ctx context.Context, p *bsp.Peer[M], r *storage.Records, url string) (h mtx.Header, entries []entry, err error) {
	h, ok, err := mtx.Read(ctx, url, mtx.Want{Array: true, Skew: true, Rectangle: true})
	if err != nil {
		return h, nil, err
	}
	if !ok {
		return h, nil, job.Fail(job.FaultInput, "%s is empty: want a Matrix Market file", url)
	}
	ps := &mtx.Parser{Header: h, Keep: true}
	parse := ps.Coordinates
	if h.Array {
		parse = ps.Array
		if err := skipTo(ctx, p, r, ps); err != nil {
			return h, nil, err
		}
	}
	err = blocks(ctx, r, h, parse, func() { entries = expand(entries, ps) })
	if err != nil {
		return h, nil, err
	}
	found, err := bsp.AllReduce(ctx, p, ps.Found, func(a, b uint64) uint64 { return a + b })
	if err == nil && found != h.Entries {
		err = h.Disagrees(found)
	}
	return h, entries, err
}

// skipTo finds out which value of an array the peer's part begins with: each counts its
// own, and all tell each other.
func skipTo[M any](ctx context.Context, p *bsp.Peer[M], r *storage.Records, ps *mtx.Parser) error {
	if err := blocks(ctx, r, ps.Header, ps.Count, func() {}); err != nil {
		return err
	}
	all, err := bsp.AllGather(ctx, p, ps.Found)
	if err != nil {
		return err
	}
	before := uint64(0)
	for _, n := range all[:p.Index()] {
		before += n
	}
	ps.Found = 0
	ps.Skip(before)
	return nil
}

// blocks gives all blocks after the header to parse.
func blocks(ctx context.Context, r *storage.Records, h mtx.Header, parse func([]byte) error, parsed func()) error {
	if err := h.After(r); err != nil {
		return err
	}
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b, ok, err := r.Block(blockBytes)
		if err != nil {
			return scan.InputFailure(err)
		}
		if !ok {
			return nil
		}
		if err := parse(b); err != nil {
			return scan.Malformed(r.BlockWhere, err)
		}
		parsed()
	}
}

// expand adds what was parsed.
func expand(entries []entry, ps *mtx.Parser) []entry {
	h := &ps.Header
	for i, x := range ps.Values {
		if h.Array && x == 0 {
			continue
		}
		row, column := uint32(ps.Indices[2*i]-1), uint32(ps.Indices[2*i+1]-1)
		entries = append(entries, entry{row, column, x})
		if h.Symmetric && row != column {
			if h.Skew {
				x = -x
			}
			entries = append(entries, entry{column, row, x})
		}
	}
	return entries
}
