package scan

import (
	"bytes"
	"context"
	"errors"

	"scalar/bsp/job"
	"scalar/storage"
)

// A Place is where a header stands in its input.
type Place struct {
	At  string           // its last line, for errors
	End storage.Position // of the first line after it
}

// ByteOrderMark begins files that some editors and spreadsheets write. It is no part of
// the first line.
const ByteOrderMark = "\xef\xbb\xbf"

// BlankMark blanks the mark that the first block of a file may begin with.
func BlankMark(b []byte) {
	if bytes.HasPrefix(b, []byte(ByteOrderMark)) {
		copy(b, "   ")
	}
}

// Header gives the first lines of an input to take, one by one, until it is done.
// Errors of take may be a *Fault, whose offset counts from the line's first byte. A
// header is in the first file that is not empty; ok is false if there is none.
func Header(ctx context.Context, url string, take func(line []byte) (done bool, err error)) (at Place, ok bool, err error) {
	splits, err := storage.Splits(ctx, url, 1)
	if err != nil {
		return at, false, InputFailure(err)
	}
	r, err := storage.OpenRecords(ctx, splits[0])
	if err != nil {
		return at, false, InputFailure(err)
	}
	at, ok, err = headerLines(r, take)
	return at, ok, errors.Join(err, r.Close())
}

func headerLines(r *storage.Records, take func([]byte) (bool, error)) (at Place, ok bool, err error) {
	for n := 0; ; n++ {
		line, more, err := r.Next()
		switch {
		case err != nil:
			return at, false, InputFailure(err)
		case !more && n == 0:
			return at, false, nil
		case !more || r.Pos().File > 0:
			return at, false, job.Fail(job.FaultInput, "%s: the file ends before its header does", r.Where())
		}
		mark := 0
		if rest, found := bytes.CutPrefix(line, []byte(ByteOrderMark)); found && n == 0 {
			line, mark = rest, len(ByteOrderMark)
		}
		done, err := take(line)
		if f, ok := errors.AsType[*Fault](err); ok {
			f.Offset += mark
		}
		if err != nil {
			return at, false, Malformed(r.BlockWhere, err)
		}
		if done {
			return Place{r.Where(), r.Pos()}, true, nil
		}
	}
}

// After puts r at the first line of its split that is after the header.
func (at Place) After(r *storage.Records) error {
	if err := r.Rewind(); err != nil {
		return InputFailure(err)
	}
	if pos := r.Pos(); pos.File == at.End.File && pos.Offset < at.End.Offset {
		if err := r.Seek(at.End); err != nil {
			return InputFailure(err)
		}
	}
	return nil
}

// HeaderFields returns the fields of a line, one more than most if there are more.
func HeaderFields(line []byte, most int) (f [][]byte) {
	for i := 0; len(f) <= most; {
		lo, hi := Field(line, i)
		if lo == hi {
			break
		}
		f, i = append(f, line[lo:hi]), hi
	}
	return f
}

// HeaderOffset returns where in its line a field is: a field reaches to the line's end
// in capacity.
func HeaderOffset(line, f []byte) int { return cap(line) - cap(f) }

// HeaderNumber reads a number of a header, at most limit.
func HeaderNumber(line, f []byte, limit uint64, what string) (uint64, error) {
	v, end, ok := Number(f, 0)
	if !ok || end != len(f) || v > limit {
		return 0, FaultAt(HeaderOffset(line, f), "%s is no number of %s: want a whole number up to %d", Quote(f), what, limit)
	}
	return v, nil
}
