// Package rows reads the rows of a job: each peer parses its part of the input, and all of
// them are in the memory of every task once.
//
//	peer: Summarise(part) ─▶ all peers: Merge ─ Transform ─ Encoder
//	peer: Read(part) ─ Share ─▶ the first peer of every other task ─▶ all peers of a task ─ Join
package rows

import (
	"context"
	"fmt"
	"slices"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/ml/data"
)

// Rows are what a job learns from, the same at every peer.
type Rows struct {
	Set     *data.Set // in the order of the files; peers of a task share its memory
	Encoder *data.Encoder
	URL     string
	Digest  string // of the files: data.Source.MergeDigests
}

// Read reads an input to learn from, its digest too. All peers call it with the same input.
func Read[M any](ctx context.Context, p *bsp.Peer[M], in data.Input) (*Rows, error) {
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
	return load(ctx, p, src, &Rows{Encoder: e, URL: in.URL})
}

// ReadFor reads labelled rows for a model that there is, to test it or to train it on.
func ReadFor[M any](ctx context.Context, p *bsp.Peer[M], in data.Input, e *data.Encoder) (*Rows, error) {
	src, err := data.OpenFor(ctx, in, e, true)
	if err != nil {
		return nil, err
	}
	return load(ctx, p, src, &Rows{Encoder: e, URL: in.URL})
}

// load reads the rows of a source.
func load[M any](ctx context.Context, p *bsp.Peer[M], src *data.Source, r *Rows) (_ *Rows, err error) {
	if r.Set, err = readAll(ctx, p, src, r.Encoder); err != nil {
		return nil, err
	}
	if r.Digest, err = digest(ctx, p, src); err != nil {
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

// readAll reads this peer's part and returns the rows of all.
func readAll[M any](ctx context.Context, p *bsp.Peer[M], src *data.Source, e *data.Encoder) (*data.Set, error) {
	own, err := src.Read(ctx, e, p.Index(), p.N())
	if err != nil {
		return nil, err
	}
	if p.N() == 1 {
		return own, nil
	}
	b, err := own.Share()
	if err != nil {
		return nil, err
	}
	parts, err := spread(ctx, p, b)
	if err != nil {
		return nil, err
	}
	sets := make([]*data.Set, len(parts))
	for i, b := range parts {
		if sets[i], err = data.Shared(b, own); err != nil {
			return nil, fmt.Errorf("peer %d: %w", i, err)
		}
	}
	return data.Join(sets...), nil
}

// place says of a peer which one is the first of its task, and how many bytes it gives.
type place struct{ First, Size int64 }

// spread gives b to all peers, once to each task: its first peer hands on what came from
// others, which the peers of a task then share.
func spread[M any](ctx context.Context, p *bsp.Peer[M], b []byte) ([][]byte, error) {
	lo, hi := p.Together()
	places, err := bsp.AllGather(ctx, p, place{int64(lo), int64(len(b))})
	if err != nil {
		return nil, err
	}
	parts, err := bsp.HandOver(ctx, p, each(p, func(to int) []byte {
		if to >= lo && to < hi || int64(to) == places[to].First {
			return b
		}
		return nil
	}))
	if err != nil || direct(places) {
		return parts, err
	}
	var far []byte
	if p.Index() == lo && hi-lo > 1 {
		far = slices.Concat(slices.Concat(parts[:lo]...), slices.Concat(parts[hi:]...))
	}
	got, err := bsp.HandOver(ctx, p, each(p, func(to int) []byte {
		if to > lo && to < hi {
			return far
		}
		return nil
	}))
	if err != nil || p.Index() == lo {
		return parts, err
	}
	for peer, rest := 0, got[lo]; peer < p.N(); peer++ {
		if peer >= lo && peer < hi {
			continue
		}
		n := places[peer].Size
		if n > int64(len(rest)) {
			return nil, fmt.Errorf("%d bytes of rows of peer %d are missing", n-int64(len(rest)), peer)
		}
		parts[peer], rest = rest[:n:n], rest[n:]
	}
	return parts, nil
}

// direct reports whether every peer gets all by itself: there is one task, or a task for each.
func direct(places []place) bool {
	tasks := 0
	for peer, at := range places {
		if int64(peer) == at.First {
			tasks++
		}
	}
	return tasks == 1 || tasks == len(places)
}

// each returns what give says for every peer.
func each[M any](p *bsp.Peer[M], give func(to int) []byte) [][]byte {
	out := make([][]byte, p.N())
	for i := range out {
		out[i] = give(i)
	}
	return out
}
