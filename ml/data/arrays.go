package data

import (
	"bytes"
	"context"
	"path"

	"scalar/bsp/job"
	"scalar/bsp/scan"
	"scalar/storage"
)

// The parts of a folder of IDX files.
const (
	trainPart = "train"
	testPart  = "test"
)

// arrays reads rows of IDX and NPY, with their labels in one of the columns or in a file of
// their own.
type arrays struct {
	*Source
	x, y  *array // y is nil without a file of labels
	label int    // column; -1: none
}

// openArrays reads the headers.
func (s *Source) openArrays(ctx context.Context, e *Encoder) error {
	a := &arrays{Source: s, label: -1}
	s.reader = a
	rows, labels, err := s.arrayFiles(ctx)
	if err != nil {
		return err
	}
	if a.x, err = openArray(ctx, rows); err != nil {
		return err
	}
	s.columns = a.x.cells
	if s.in.Target != NoTarget && labels != "" {
		if a.y, err = openArray(ctx, labels); err != nil {
			return err
		}
		s.label.Column = -1
		if a.y.cells != 1 || a.y.rows != a.x.rows {
			return job.Fail(job.FaultInput, "%s has %d rows of %d labels, and %s has %d rows: want one label for each", labels, a.y.rows, a.y.cells, rows, a.x.rows)
		}
	} else if err := a.findLabel(e); err != nil {
		return err
	}
	if a.label < 0 && len(a.x.shape) > 1 {
		s.shape = a.x.shape
	}
	return nil
}

// findLabel finds the column of the label in the rows themselves.
func (a *arrays) findLabel(e *Encoder) error {
	if a.in.Target == NoTarget {
		return nil
	}
	if e != nil && (e.t.Columns == a.columns || e.t.Label.Column < 0) {
		a.in.Target = NoTarget
		return nil
	}
	if a.in.Format == IDX || len(a.x.shape) > 1 {
		return job.Fail(job.FaultInput, "%s: there are no labels beside it: --labels names their file", a.in.URL)
	}
	at, err := columnOf(a.in.Label, a.columns, nil)
	if err != nil {
		return job.Fail(job.FaultInput, "%s: %v", a.in.URL, err)
	}
	a.label, a.Source.label.Column = at, at
	if a.columns--; a.columns == 0 {
		return job.Fail(job.FaultInput, "%s: the rows have one element, the label, and no features", a.in.URL)
	}
	if a.in.unlabelled {
		a.in.Target = NoTarget
	}
	return nil
}

// arrayFiles returns the files of rows and of labels ("": none): MNIST's names in a folder,
// or the input itself and what Labels says.
func (s *Source) arrayFiles(ctx context.Context) (rows, labels string, err error) {
	fs, url, err := storage.Resolve(s.in.URL)
	if err != nil {
		return "", "", scan.InputFailure(err)
	}
	info, err := fs.Stat(ctx, url)
	if err != nil {
		return "", "", scan.InputFailure(err)
	}
	switch {
	case info.Dir:
	case s.in.Part != "" && !s.in.applied:
		return "", "", s.in.noParts()
	default:
		return s.in.URL, s.in.Labels, nil
	}
	names, err := folder(ctx, fs, url)
	if err != nil {
		return "", "", err
	}
	prefix := "train"
	if s.in.Part == testPart {
		prefix = "t10k"
	}
	rows, labels = names[prefix+"-images-idx3-ubyte"], names[prefix+"-labels-idx1-ubyte"]
	if rows == "" {
		return "", "", job.Fail(job.FaultInput, "%s: there is no file %s-images-idx3-ubyte in it, with .gz or without", s.in.URL, prefix)
	}
	if s.in.Labels != "" {
		labels = s.in.Labels
	}
	return rows, labels, nil
}

// folder returns the files of a folder, as people see them, by name, without what says that they are
// compressed, and with a hyphen for the dot that some copies of MNIST have.
func folder(ctx context.Context, fs storage.FS, url string) (map[string]string, error) {
	files, err := fs.List(ctx, url)
	if err != nil {
		return nil, scan.InputFailure(err)
	}
	names := make(map[string]string, len(files))
	for _, f := range files {
		names[plainName(path.Base(f.Name))] = storage.Display(f.Name)
	}
	return names, nil
}

// share returns the rows of a part: an even share, or all for the first part of a
// compressed file, which can only be read from the front.
func (a *arrays) share(part, parts int) (from, to int) {
	n := a.x.rows
	if a.x.packed {
		if part == 0 {
			return 0, n
		}
		return n, n
	}
	return scaled(n, part, parts), scaled(n, part+1, parts)
}

// scaled returns n·i/k, rounded down.
func scaled(n, i, k int) int { return n/k*i + n%k*i/k }

// load gives the rows of a part to take as they are in the file, a piece at a time, with the
// row that it begins with; their labels are texts or, for Numbers, the slab's values. What
// Summarise has held is given away.
func (a *arrays) load(ctx context.Context, part, parts int, take func(b *slab, first int, last bool) error) error {
	key := [2]int{part, parts}
	a.mu.Lock()
	held := a.loaded[key]
	delete(a.loaded, key)
	a.mu.Unlock()
	from, to := a.share(part, parts)
	for i, b := range held {
		held[i] = nil
		n := b.rows // take may keep b
		if err := take(b, from, i == len(held)-1); err != nil {
			return err
		}
		from += n
	}
	if held != nil {
		return nil
	}
	b := &slab{shift: chunkShift(a.columns)}
	if from == to {
		return take(b, from, true)
	}
	per, begin := a.pieceRows(to-from), from
	err := a.x.each(ctx, from, to, func(rows []byte, first int) error {
		for len(rows) > 0 {
			n := min(int64(per-b.rows), int64(len(rows))/a.x.rowBytes())
			if err := a.take(b, rows[:n*a.x.rowBytes()], first); err != nil {
				return err
			}
			first, rows = first+int(n), rows[n*a.x.rowBytes():]
			if b.rows < per || first == to {
				continue
			}
			if err := a.loadLabels(ctx, b, begin); err != nil {
				return err
			}
			if err := take(b, begin, false); err != nil {
				return err
			}
			b, begin = &slab{shift: b.shift}, first
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := a.loadLabels(ctx, b, begin); err != nil {
		return err
	}
	return take(b, begin, true)
}

// pieceRows returns how many rows a piece has, of so many.
func (a *arrays) pieceRows(rows int) int {
	if a.in.Piece <= 0 {
		return rows
	}
	size := int64(a.columns)*floatBytes + targetBytes
	if a.x.kind.isByte() && a.in.Scale != Columns {
		size = int64(a.columns) + targetBytes
	}
	return int(max(1, min(int64(rows), a.in.Piece/size)))
}

// loadLabels adds the labels of a file of their own to rows that begin with first.
func (a *arrays) loadLabels(ctx context.Context, b *slab, first int) error {
	if a.y == nil {
		return nil
	}
	return a.y.each(ctx, first, first+b.rows, func(rows []byte, first int) error {
		for i := range len(rows) / a.y.kind.size {
			if err := a.takeLabel(b, a.y, rows, i, first+i); err != nil {
				return err
			}
		}
		return nil
	})
}

// take adds rows to a slab.
func (a *arrays) take(b *slab, rows []byte, first int) error {
	for i := 0; len(rows) > 0; i, rows = i+1, rows[a.x.rowBytes():] {
		if a.x.kind.isByte() {
			a.takeBytes(b, rows)
		} else if err := a.takeNumbers(b, rows, first+i); err != nil {
			return err
		}
		if a.label >= 0 && a.in.Target != NoTarget {
			if err := a.takeLabel(b, a.x, rows, a.label, (first+i)*a.x.cells+a.label); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *arrays) takeBytes(b *slab, row []byte) {
	r := b.rows & (1<<b.shift - 1)
	if r == 0 {
		b.bytes = append(b.bytes, largeArray[byte](a.columns<<b.shift))
	}
	b.rows++
	dst := b.bytes[len(b.bytes)-1][r*a.columns:]
	if a.label < 0 {
		copy(dst[:a.columns], row)
		return
	}
	n := copy(dst, row[:a.label])
	copy(dst[n:a.columns], row[a.label+1:a.x.cells])
}

func (a *arrays) takeNumbers(b *slab, row []byte, at int) error {
	dst, c := b.grow(a.columns), 0
	for j := range a.x.cells {
		if j == a.label {
			continue
		}
		x := float32(a.x.kind.at(row, j))
		if x-x != 0 { // NaN, or infinite in float32
			return job.Fail(job.FaultInput, "%s (element %d): %v in row %d, column %d is no finite number", a.x.url, at*a.x.cells+j, a.x.kind.at(row, j), at, j)
		}
		dst[c] = x
		c++
	}
	return nil
}

// takeLabel adds element i of a row, or of labels, as its text or its number. at is its
// element in the file.
func (a *arrays) takeLabel(b *slab, from *array, row []byte, i, at int) error {
	x := from.kind.at(row, i)
	if x-x != 0 || a.in.Target == Numbers && !holds(x) {
		return job.Fail(job.FaultInput, "%s (element %d): the label %v is no finite number", from.url, at, x)
	}
	if a.in.Target == Numbers {
		b.value = append(b.value, x)
		return nil
	}
	b.raw = append(b.raw, from.kind.text(nil, row, i)...)
	b.raw = append(b.raw, '\n')
	return nil
}

func (a *arrays) summarise(ctx context.Context, part, parts int) (*Summary, error) {
	s := &Summary{}
	if a.x.kind.isByte() {
		s.bytes = new([256]uint64)
	}
	if a.in.Scale == Columns {
		s.columns = make([]column, a.columns)
	}
	var held []*slab
	size := int64(0)
	err := a.load(ctx, part, parts, func(b *slab, _ int, _ bool) error {
		if size += b.bytesOf(a.columns) + int64(len(b.raw)) + targetBytes*int64(len(b.value)); a.in.Piece <= 0 || size <= a.in.Hold {
			held = append(held, b)
		} else {
			held = nil
		}
		return a.summarisePiece(s, b)
	})
	if err == nil && (a.in.Piece <= 0 || size <= a.in.Hold) {
		a.mu.Lock()
		a.loaded[[2]int{part, parts}] = held
		a.mu.Unlock()
	}
	return s, err
}

// summarisePiece adds rows to a summary.
func (a *arrays) summarisePiece(s *Summary, b *slab) error {
	s.rows += uint64(b.rows)
	if s.bytes != nil {
		a.histogram(s.bytes, b)
	}
	if s.columns != nil {
		b.moments(s.columns)
	}
	if a.in.Target == Classes {
		for label := range bytes.Lines(b.raw) {
			if err := s.label(bytes.TrimSuffix(label, []byte("\n"))); err != nil {
				return err
			}
		}
	}
	return nil
}

// histogram counts the bytes of a slab.
func (a *arrays) histogram(counts *[256]uint64, b *slab) {
	left := b.rows * a.columns
	for _, chunk := range b.bytes {
		chunk = chunk[:min(len(chunk), left)]
		left -= len(chunk)
		for _, v := range chunk {
			counts[v]++
		}
	}
}

// moments adds the rows to the sums of their columns.
func (b *slab) moments(columns []column) {
	b.eachRow(len(columns), func(row []float32) {
		for i, x := range row {
			c := &columns[i]
			c.numbers++
			c.wide = c.wide || !isByte(x)
			c.sums.add(float64(x))
			c.squares.add(float64(x) * float64(x))
		}
	})
}

// eachRow gives every dense row to take, one of bytes in numbers.
func (b *slab) eachRow(features int, take func(row []float32)) {
	buffer := make([]float32, features)
	for r := range b.rows {
		chunk, lo := r>>b.shift, (r&(1<<b.shift-1))*features
		if b.floats != nil {
			take(b.floats[chunk][lo : lo+features])
			continue
		}
		for i, v := range b.bytes[chunk][lo : lo+features] {
			buffer[i] = float32(v)
		}
		take(buffer)
	}
}

func (a *arrays) read(ctx context.Context, e *Encoder, part, parts int, take Take) error {
	if e.kinds != nil {
		return job.Fail(job.FaultInput, "%s: %v", a.in.URL, e.Values(nil, make([]float32, e.t.Columns)))
	}
	return a.load(ctx, part, parts, func(b *slab, first int, last bool) error {
		b, err := a.encode(e, b, first)
		if err != nil {
			return err
		}
		return take(a.newSet(e, b), last)
	})
}

// encode makes what a model learns from of rows that begin with first.
func (a *arrays) encode(e *Encoder, b *slab, first int) (_ *slab, err error) {
	for label := range bytes.Lines(b.raw) {
		label = bytes.TrimSuffix(label, []byte("\n"))
		class, ok := e.Class(label)
		if !ok {
			return nil, job.Fail(job.FaultInput, "%s: the label %s of row %d is none of the classes: want one of %s", a.in.URL, quote(label), first+len(b.class), listed(e.t.Label.Classes))
		}
		b.class = append(b.class, class)
	}
	b.raw, b.table = nil, e.table
	if b.bytes != nil && e.t.Scale.Kind == Columns {
		wide := &slab{shift: b.shift, class: b.class, value: b.value}
		b.eachRow(a.columns, func(row []float32) { copy(wide.grow(a.columns), row) })
		b = wide
	}
	if b.floats != nil && e.t.Scale.Kind != None {
		at := first
		b.eachRow(a.columns, func(x []float32) {
			if failed := e.Values(x, x); failed != nil && err == nil {
				err = job.Fail(job.FaultInput, "%s: row %d: %v", a.x.url, at, failed)
			}
			at++
		})
	}
	return b, err
}
