package mtx

import (
	"bytes"
	"context"

	"scalar/bsp/job"
	"scalar/bsp/scan"
)

// Limits of what a header may say.
const (
	MaxSize    = 1<<32 - 2 // rows, columns
	MaxEntries = 1 << 56
)

// Header is what stands before the entries.
type Header struct {
	scan.Place
	Rows, Columns uint64
	Entries       uint64 // lines that follow, comments left out
	Array         bool   // else coordinate
	Pattern       bool   // entries have no value and count as 1
	Symmetric     bool   // an entry stands for its mirror image too
	Skew          bool   // as Symmetric, with the value negated
}

// Want says what a reader can use beside matrices in coordinate form that are square, and
// general or symmetric.
type Want struct {
	Array     bool
	Skew      bool
	Rectangle bool
}

// Read reads the header of a file; ok is false if the file is empty.
func Read(ctx context.Context, url string, want Want) (h Header, ok bool, err error) {
	first := true
	at, ok, err := scan.Header(ctx, url, func(line []byte) (bool, error) {
		switch {
		case first:
			first = false
			return false, h.banner(line, want)
		case len(line) > 0 && line[0] == '%' || len(bytes.TrimSpace(line)) == 0:
			return false, nil
		}
		return true, h.sizes(line, want)
	})
	h.Place = at
	return h, ok, err
}

// Disagrees is the failure of a header that so many entries follow instead of those it
// announces.
func (h *Header) Disagrees(found uint64) error {
	return job.Fail(job.FaultInput, "%s: the header says %d entries, and %d follow", h.At, h.Entries, found)
}

// bannerWord begins the first line.
const bannerWord = "%%matrixmarket"

// banner reads the first line.
func (h *Header) banner(line []byte, want Want) error {
	f := scan.HeaderFields(line, 5)
	if len(f) != 5 || string(bytes.ToLower(f[0])) != bannerWord {
		return scan.FaultAt(0, "%s is no Matrix Market header: want %%%%MatrixMarket matrix coordinate real|integer|pattern general|symmetric", scan.Quote(line))
	}
	words := make([]string, len(f))
	for i, w := range f {
		words[i] = string(bytes.ToLower(w))
	}
	fault := func(i int, format string, args ...any) error {
		return scan.FaultAt(scan.HeaderOffset(line, f[i]), format, args...)
	}
	h.Array, h.Pattern = words[2] == "array", words[3] == "pattern"
	h.Skew = words[4] == "skew-symmetric"
	h.Symmetric = h.Skew || words[4] == "symmetric"
	switch {
	case words[1] != "matrix" || words[2] != "coordinate" && (!h.Array || !want.Array):
		if want.Array {
			return fault(1, "%s %s: want matrix coordinate or matrix array", scan.Quote(f[1]), scan.Quote(f[2]))
		}
		return fault(1, "%s %s: want a matrix in coordinate form (matrix coordinate)", scan.Quote(f[1]), scan.Quote(f[2]))
	case words[3] != "real" && words[3] != "integer" && !h.Pattern:
		return fault(3, "entries of the kind %s: want real, integer or pattern", scan.Quote(f[3]))
	case h.Array && h.Pattern:
		return fault(3, "an array of the kind pattern has no values: want real or integer")
	case words[4] == "general" || h.Symmetric && (!h.Skew || want.Skew):
		return nil
	case want.Skew:
		return fault(4, "the symmetry %s: want general, symmetric or skew-symmetric", scan.Quote(f[4]))
	}
	return fault(4, "the symmetry %s: want general or symmetric", scan.Quote(f[4]))
}

// sizes reads "rows columns entries", of an array "rows columns".
func (h *Header) sizes(line []byte, want Want) (err error) {
	n := 3
	if h.Array {
		n = 2
	}
	f := scan.HeaderFields(line, n)
	switch {
	case len(f) != n && h.Array:
		return scan.FaultAt(0, "want the sizes of the array: rows columns")
	case len(f) != n:
		return scan.FaultAt(0, "want the sizes of the matrix: rows columns entries")
	}
	if h.Rows, err = scan.HeaderNumber(line, f[0], MaxSize, "rows"); err != nil {
		return err
	}
	if h.Columns, err = scan.HeaderNumber(line, f[1], MaxSize, "columns"); err != nil {
		return err
	}
	switch square := h.Rows == h.Columns; {
	case !square && !want.Rectangle:
		return scan.FaultAt(0, "%d rows and %d columns: want a square matrix", h.Rows, h.Columns)
	case !square && h.Symmetric:
		return scan.FaultAt(0, "%d rows and %d columns: a symmetric matrix is square", h.Rows, h.Columns)
	}
	if !h.Array {
		h.Entries, err = scan.HeaderNumber(line, f[2], MaxEntries, "entries")
		return err
	}
	h.Entries = h.Rows * h.Columns // below 2^64
	if h.Symmetric {
		h.Entries = h.columnStart(h.Columns)
	}
	return nil
}

// columnStart returns how many entries of a symmetric array are in the columns before
// one, which counts from 0.
func (h *Header) columnStart(column uint64) uint64 {
	longest := h.Rows // of the first column
	if h.Skew && longest > 0 {
		longest--
	}
	if column > longest {
		column = longest // of a skew-symmetric one the last column is empty
	}
	// longest + (longest-1) + …, column terms; one of the two factors is even.
	a, b := column, 2*longest-column+1
	if a%2 == 0 {
		return a / 2 * b
	}
	return b / 2 * a
}
