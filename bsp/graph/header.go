package graph

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"scalar/bsp/job"
	"scalar/storage"
)

// A header is what stands before the lines of a METIS or Matrix Market file. Every
// peer reads it for itself, whatever its part of the file is.
type header struct {
	at       string           // where it says how many vertices and edges there are
	end      storage.Position // of the first line after it
	vertices uint64
	edges    uint64 // METIS: edges; Matrix Market: entries
	weighted bool
	skip     int  // METIS: numbers before the neighbours
	both     bool // edges stand for both ways
}

// A headerReader takes the lines of a header one by one; done is true with the last
// one. Errors are *lineFault.
type headerReader func(h *header, line []byte) (done bool, err error)

// readHeader reads the header of a file; ok is false if the file is empty.
func readHeader(ctx context.Context, url string, read headerReader) (h header, ok bool, err error) {
	splits, err := storage.Splits(ctx, url, 1)
	if err != nil {
		return h, false, inputFailure(err)
	}
	r, err := storage.OpenRecords(ctx, splits[0])
	if err != nil {
		return h, false, inputFailure(err)
	}
	h, ok, err = headerLines(r, read)
	return h, ok, errors.Join(err, r.Close())
}

func headerLines(r *storage.Records, read headerReader) (h header, ok bool, err error) {
	for n := 0; ; n++ {
		line, more, err := r.Next()
		switch {
		case err != nil:
			return h, false, inputFailure(err)
		case !more && n == 0:
			return h, false, nil
		case !more || r.Pos().File > 0:
			return h, false, job.Fail(job.FaultInput, "%s: the file ends before its header does", r.Where())
		}
		done, err := read(&h, line)
		if err != nil {
			return h, false, malformed(r.BlockWhere, err)
		}
		if done {
			h.at, h.end = r.Where(), r.Pos()
			return h, true, nil
		}
	}
}

// body gives the peer's blocks after the header to parse, and the parsed ones to add.
func (t *text) body(ctx context.Context, parse func([]byte) error, add func([]byte)) error {
	if err := t.records.Rewind(); err != nil {
		return inputFailure(err)
	}
	end := t.ps.head.end
	if at := t.records.Pos(); at.File == end.File && at.Offset < end.Offset {
		if err := t.records.Seek(end); err != nil {
			return inputFailure(err)
		}
	}
	return parseAll(ctx, t.records, func(b []byte) error {
		if t.records.Pos().File != end.File {
			return faultAt(0, "a graph of this format is one file: name the file instead of its folder")
		}
		return parse(b)
	}, add)
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
	return job.Fail(job.FaultInput, "%s: "+format, slices.Concat([]any{h.at}, args)...)
}

// headerFields returns the fields of a line, one more than most if there are more.
func headerFields(line []byte, most int) (f [][]byte) {
	for i := 0; len(f) <= most; {
		for i < len(line) && blank(line[i]) {
			i++
		}
		lo := i
		for i < len(line) && !blank(line[i]) {
			i++
		}
		if lo == i {
			break
		}
		f = append(f, line[lo:i])
	}
	return f
}

// offset returns where in its line a field is: a field reaches to the line's end in
// capacity.
func offset(line, f []byte) int { return cap(line) - cap(f) }

// headerNumber reads a number of a header, at most limit.
func headerNumber(line, f []byte, limit uint64, what string) (uint64, error) {
	v, end, ok := number(f, 0)
	if !ok || end != len(f) || v > limit {
		return 0, faultAt(offset(line, f), "%s is no number of %s: want a whole number up to %d", quote(f), what, limit)
	}
	return v, nil
}

// maxEdges bounds what a header may say of edges.
const maxEdges = 1 << 56
