package graph

import (
	"context"
	"encoding/binary"
	"slices"

	"scalar/bsp/job"
	"scalar/bsp/scan"
)

// A header is what stands before the lines of a METIS or Matrix Market file. Every
// peer reads it for itself, whatever its part of the file is.
type header struct {
	scan.Place
	vertices uint64
	edges    uint64 // METIS: edges; Matrix Market: entries
	weighted bool   // METIS
	skip     int    // METIS: numbers before the neighbours
	both     bool   // edges stand for both ways
}

// body gives the peer's blocks after the header to parse, and the parsed ones to add.
func (t *text) body(ctx context.Context, parse func([]byte) error, add func([]byte)) error {
	if err := t.ps.head.After(t.records); err != nil {
		return err
	}
	return parseAll(ctx, t.records, parse, add)
}

// sums tells all peers this peer's numbers, and returns the sums over all peers and
// over those before this one.
func (t *text) sums(own ...uint64) (all, before []uint64, err error) {
	var b []byte
	for _, x := range own {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	told, err := t.gather(b)
	if err != nil {
		return nil, nil, err
	}
	all, before = make([]uint64, len(own)), make([]uint64, len(own))
	for peer, b := range told {
		if len(b) != 8*len(own) {
			return nil, nil, errSegment
		}
		for i := range own {
			all[i] += binary.LittleEndian.Uint64(b[8*i:])
		}
		if peer < t.index {
			copy(before, all)
		}
	}
	return all, before, nil
}

// disagrees is the failure of a header that the lines do not bear out.
func (h *header) disagrees(format string, args ...any) error {
	return job.Fail(job.FaultInput, "%s: "+format, slices.Concat([]any{h.At}, args)...)
}

// maxEdges bounds what a header may say of edges.
const maxEdges = 1 << 56
