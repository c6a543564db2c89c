// Package rows reads the rows of a job: each peer parses its part of the input, piece by piece,
// and every task has all of them once, in its arena: in memory, and what does not fit
// in a mapped file on the local disk.
//
//	peer: Summarise(part) ─▶ all peers: Merge ─ Transform ─ Encoder
//	peer: Pieces(part) ─ Share ─ Keep ─▶ the first peer of every other task ─ Keep ─▶ all peers of a task ─ Join
package rows

import (
	"context"
	"fmt"
	"sort"

	"scalar/bsp"
	"scalar/bsp/arena"
	"scalar/bsp/job"
	"scalar/ml/data"
)

// Rows are what a job learns from, the same at every peer.
type Rows struct {
	Set     *data.Set // in the order of the files; peers of a task share its memory
	Encoder *data.Encoder
	URL     string
	Digest  string // of the files: data.Source.MergeDigests
	Memory  int64  // bytes of rows that the task with the least memory holds of its arena

	arena  *arena.Arena // of the peer that tells the kernel what is read soon; nil: another one does
	pieces []piece      // in the order of the rows
}

// A piece is rows that were handed over together, and the bytes they lie in.
type piece struct {
	set   *data.Set
	b     []byte
	first int // of the rows, in Set
}

// Read reads an input to learn from, its digest too. All peers call it with the same input.
func Read[M any](ctx context.Context, p *bsp.Peer[M], in data.Input) (*Rows, error) {
	s, err := newSpread(ctx, p)
	if err != nil {
		return nil, err
	}
	in.Piece, in.Hold = s.pieceBytes(), s.holdBytes()
	src, err := data.Open(ctx, in)
	if err != nil {
		return nil, err
	}
	own, err := src.Summarise(ctx, p.Index(), p.N())
	if err != nil {
		return nil, err
	}
	all, err := summaries(ctx, p, own)
	if err != nil {
		return nil, err
	}
	transform, err := src.Transform(ctx, all)
	if err != nil {
		return nil, err
	}
	e, err := data.NewEncoder(transform)
	if err != nil {
		return nil, err
	}
	return load(ctx, s, src, &Rows{Encoder: e, URL: in.URL})
}

// ReadFor reads labelled rows for a model that there is, to test it or to train it on.
func ReadFor[M any](ctx context.Context, p *bsp.Peer[M], in data.Input, e *data.Encoder) (*Rows, error) {
	s, err := newSpread(ctx, p)
	if err != nil {
		return nil, err
	}
	in.Piece = s.pieceBytes()
	src, err := data.OpenFor(ctx, in, e, true)
	if err != nil {
		return nil, err
	}
	return load(ctx, s, src, &Rows{Encoder: e, URL: in.URL})
}

// load reads the rows of a source.
func load[M any](ctx context.Context, s *spread[M], src *data.Source, r *Rows) (_ *Rows, err error) {
	if err = s.read(ctx, src, r.Encoder); err != nil {
		return nil, err
	}
	s.join(r)
	if r.Digest, err = digest(ctx, s.p, src); err != nil {
		return nil, err
	}
	if r.Set.Len() == 0 {
		return nil, job.Fail(job.FaultInput, "%s: there are no rows in it", r.URL)
	}
	return r, nil
}

// summaries merges what all peers say of their parts.
func summaries[M any](ctx context.Context, p *bsp.Peer[M], own *data.Summary) (*data.Summary, error) {
	b, err := own.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	parts, err := bsp.HandOver(ctx, p, each(p, func(int) []byte { return b }))
	if err != nil {
		return nil, err
	}
	all := make([]*data.Summary, len(parts))
	for i, b := range parts {
		all[i] = &data.Summary{}
		if err := all[i].UnmarshalBinary(b); err != nil {
			return nil, fmt.Errorf("summary of peer %d: %w", i, err)
		}
	}
	return data.Merge(all...)
}

func digest[M any](ctx context.Context, p *bsp.Peer[M], src *data.Source) (string, error) {
	b, err := src.Digest(ctx, p.Index(), p.N())
	if err != nil {
		return "", err
	}
	parts, err := bsp.HandOver(ctx, p, each(p, func(int) []byte { return b }))
	if err != nil {
		return "", err
	}
	return src.MergeDigests(ctx, parts...)
}

// each returns what give says for every peer.
func each[M any](p *bsp.Peer[M], give func(to int) []byte) [][]byte {
	out := make([][]byte, p.N())
	for i := range out {
		out[i] = give(i)
	}
	return out
}

// Ahead tells the kernel that rows [lo,hi) will be read soon: those that lie in a file are
// read in the order in which they lie there, while other work goes on. Of the peers of a task
// one does so.
func (r *Rows) Ahead(lo, hi int) {
	if r.arena == nil {
		return
	}
	at := sort.Search(len(r.pieces), func(i int) bool { return r.pieces[i].first+r.pieces[i].set.Len() > lo })
	for ; at < len(r.pieces) && r.pieces[at].first < hi; at++ {
		// The rows of a piece lie in their order, and take about as many bytes each.
		x, n := &r.pieces[at], r.pieces[at].set.Len()
		if n == 0 {
			continue // they were left out
		}
		from, to := max(lo-x.first, 0), min(hi-x.first, n)
		per := float64(len(x.b)) / float64(n)
		r.arena.Ahead(x.b[int(float64(from)*per):int(float64(to)*per)])
	}
}

// Forget drops the rows, so that the memory of those on the heap can be used again.
func (r *Rows) Forget() { r.Set, r.pieces, r.arena = nil, nil, nil }

// splitShare is the share of the memory that a split has by default: the one that is
// trained on and the next one, which is read ahead, have room besides what else is read.
const splitShare = 4

// Splits returns how many splits of the rows are each read at random without waiting for the
// disk: 1 if all rows are in memory, else as many as make one fit a quarter of it.
func (r *Rows) Splits() int {
	size := r.Set.Bytes()
	if size <= r.Memory {
		return 1
	}
	part := max(r.Memory/splitShare, 1)
	return int(min((size+part-1)/part, int64(r.Set.Len()), MaxSplits))
}

// MaxSplits is how many splits rows are divided into at most.
const MaxSplits = 1 << 20
