package data

import (
	"context"
	"strconv"
	"sync"

	"scalar/bsp/job"
	"scalar/bsp/scan"
	"scalar/storage"
)

// A Format is how rows are written.
type Format string

// The formats.
const (
	Detect Format = ""
	CSV    Format = "csv"
	LIBSVM Format = "libsvm"
	IDX    Format = "idx"
	NPY    Format = "npy"
)

// Header says whether the first line of a CSV file holds names.
type Header string

// The headers.
const (
	HeaderAuto Header = "" // it does if it holds a text that is neither a number nor missing
	HeaderYes  Header = "yes"
	HeaderNo   Header = "no"
)

// An Input says where rows are and how they are to be read.
type Input struct {
	URL    string // a file; a folder of CSV or LIBSVM files, or of MNIST's four IDX files
	Format Format // Detect: by the first bytes
	Part   string // of a folder of IDX files: "train" (also if empty) or "test"
	Labels string // URL of IDX or NPY with the labels, if they are in a file of their own

	Target Target
	Label  string // of CSV and NPY: name or index of the label's column, negative from the end; "": the last

	Missing Missing // "": MissingError
	Scale   Scaling // "": Auto
	Header  Header  // of CSV

	Piece int64 // about how many bytes of rows Pieces gives at a time; 0: all of a part
	Hold  int64 // with a Piece: how many bytes of a part Summarise may hold for Pieces, so that it is read once

	applied    bool // a model is applied to it
	unlabelled bool // labels are stepped over
}

// A Source is an input that is open, of which any part can be read. It is safe for
// concurrent use.
type Source struct {
	in      Input
	columns int // of a record; 0 for LIBSVM
	names   []string
	shape   []int
	sparse  bool
	label   Label // Column and Name
	reader  reader

	mu     sync.Mutex
	loaded map[[2]int][]*slab // pieces of parts that Summarise has read and Pieces takes
}

// A reader reads parts of one format.
type reader interface {
	summarise(ctx context.Context, part, parts int) (*Summary, error)
	read(ctx context.Context, e *Encoder, part, parts int, take Take) error
}

// Open opens an input to learn from, and reads its first line or header.
func Open(ctx context.Context, in Input) (*Source, error) { return open(ctx, in, nil) }

// OpenFor opens an input to apply a model to. Target, Label, Missing and Scale are the
// model's. If labelled, the labels have to be there, and be classes of the model; else
// they may be there, are stepped over, and rows have no target. Columns that are not those
// of training are an error.
func OpenFor(ctx context.Context, in Input, e *Encoder, labelled bool) (*Source, error) {
	t := e.t
	in.Missing, in.Scale, in.Target, in.Label, in.applied, in.unlabelled = t.Missing, Auto, NoTarget, "", true, !labelled
	if t.Label != nil {
		in.Target, in.Label = t.Label.Target, strconv.Itoa(t.Label.Column)
	}
	s, err := open(ctx, in, e)
	if err != nil {
		return nil, err
	}
	if s.sparse != t.Sparse {
		return nil, job.Fail(job.FaultInput, "%s: the model was trained on rows of another kind: LIBSVM goes with LIBSVM only", in.URL)
	}
	if err := e.CheckNames(s.names); err != nil {
		return nil, job.Fail(job.FaultInput, "%s: %v", in.URL, err)
	}
	if !s.sparse && s.columns != t.Columns {
		return nil, job.Fail(job.FaultInput, "%s: the rows have %d features, and training had %d%s", in.URL, s.columns, t.Columns, named(t.Names))
	}
	if labelled && s.in.Target == NoTarget {
		return nil, job.Fail(job.FaultInput, "%s: there are no labels in it, only the %d features", in.URL, t.Columns)
	}
	return s, nil
}

func open(ctx context.Context, in Input, e *Encoder) (*Source, error) {
	if err := in.complete(); err != nil {
		return nil, err
	}
	if in.Format == Detect {
		f, err := detect(ctx, in)
		if err != nil {
			return nil, err
		}
		in.Format = f
	}
	if err := in.unused(); err != nil {
		return nil, err
	}
	s := &Source{in: in, loaded: map[[2]int][]*slab{}}
	var err error
	switch in.Format {
	case CSV:
		err = s.openCSV(ctx, e)
	case LIBSVM:
		s.openLIBSVM()
	case IDX, NPY:
		err = s.openArrays(ctx, e)
	default:
		err = job.Fail(job.FaultInput, "unknown format %q: want csv, libsvm, idx or npy", in.Format)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// complete fills in what is left out.
func (in *Input) complete() error {
	if in.Missing == "" {
		in.Missing = MissingError
	}
	if in.Scale == "" {
		in.Scale = Auto
	}
	switch in.Missing {
	case MissingError, MissingMean, MissingDrop:
	default:
		return job.Fail(job.FaultInput, "unknown --missing %q: want error, mean or drop", in.Missing)
	}
	switch in.Scale {
	case Auto, None, Columns:
	default:
		return job.Fail(job.FaultInput, "unknown --scale %q: want auto, none or columns", in.Scale)
	}
	switch in.Header {
	case HeaderAuto, HeaderYes, HeaderNo:
	default:
		return job.Fail(job.FaultInput, "unknown --header %q: want yes or no", in.Header)
	}
	switch in.Part {
	case "", trainPart, testPart:
	default:
		return job.Fail(job.FaultInput, "unknown --part %q: want train or test", in.Part)
	}
	return nil
}

// unused refuses what counts for nothing with the input's format. An input to apply a model to has
// the model's label, and a part by default.
func (in *Input) unused() error {
	switch arrays := in.Format == IDX || in.Format == NPY; {
	case in.Labels != "" && !arrays:
		return job.Usage("--labels is for IDX and NPY, and %s is %s", in.URL, in.Format)
	case in.Header != HeaderAuto && in.Format != CSV:
		return job.Usage("--header is for CSV, and %s is %s", in.URL, in.Format)
	case in.applied:
	case in.Part != "" && !arrays:
		return in.noParts()
	case in.Label == "":
	case in.Labels != "":
		return job.Usage("--label names a column, and the labels are in %s", in.Labels)
	case in.Format != CSV && in.Format != NPY:
		return job.Usage("--label is for CSV and NPY, and %s is %s", in.URL, in.Format)
	}
	return nil
}

func (in *Input) noParts() error {
	return job.Usage("--part is for a folder of IDX files, and %s is none", in.URL)
}

// Format returns the format that was found or asked for.
func (s *Source) Format() Format { return s.in.Format }

// Target returns the target of the rows: NoTarget for an input without labels.
func (s *Source) Target() Target { return s.in.Target }

// Summarise reads part i of n and says what there is in it.
func (s *Source) Summarise(ctx context.Context, part, parts int) (*Summary, error) {
	return s.reader.summarise(ctx, part, parts)
}

// Load reads all of an input to learn from, in one part.
func Load(ctx context.Context, in Input) (*Set, *Encoder, error) {
	s, err := Open(ctx, in)
	if err != nil {
		return nil, nil, err
	}
	part, err := s.Summarise(ctx, 0, 1)
	if err != nil {
		return nil, nil, err
	}
	t, err := s.Transform(ctx, part)
	if err != nil {
		return nil, nil, err
	}
	e, err := NewEncoder(t)
	if err != nil {
		return nil, nil, err
	}
	set, err := s.Read(ctx, e, 0, 1)
	return set, e, err
}

// newSet returns a set for one slab.
func (s *Source) newSet(e *Encoder, b *slab) *Set {
	set := &Set{rows: b.rows, features: e.features, dropped: len(b.lost), target: s.in.Target, sparse: s.sparse, slabs: []slab{*b}, first: []int{0}, numbers: []int{0}}
	if e.t.Label != nil && s.in.Target == Classes {
		set.classes = e.t.Label.Classes
	}
	return set
}

func (s *Source) columnName(i int) string {
	label := -1
	if s.in.Target != NoTarget {
		label = s.label.Column
	}
	return nameOf(s.names, i, label)
}

// blockBytes is how much text is parsed at once: it stays in the second-level cache.
const blockBytes = 128 << 10

// blocks gives the blocks of a part to take, with the position of each. A *scan.Fault of
// take is located.
func (s *Source) blocks(ctx context.Context, part, parts int, take func(b []byte, at storage.Position) error) error {
	splits, err := storage.Splits(ctx, s.in.URL, parts)
	if err != nil {
		return scan.InputFailure(err)
	}
	r, err := storage.OpenRecords(ctx, splits[part])
	if err != nil {
		return scan.InputFailure(err)
	}
	for err == nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
			break
		}
		var b []byte
		var ok bool
		if b, ok, err = r.Block(blockBytes); err != nil {
			err = scan.InputFailure(err)
		} else if !ok {
			break
		} else {
			at := r.Pos()
			at.Offset -= int64(len(b))
			err = scan.Malformed(r.BlockWhere, take(b, at))
		}
	}
	if closed := r.Close(); err == nil { // a damaged archive says so twice
		err = closed
	}
	return err
}

// malformed is an error about a place that a summary has kept.
func (s *Source) malformed(ctx context.Context, p place, format string, args ...any) error {
	where := s.in.URL
	if splits, err := storage.Splits(ctx, s.in.URL, 1); err == nil {
		if r, err := storage.OpenRecords(ctx, splits[0]); err == nil {
			if r.Seek(storage.Position{File: p.File, Offset: p.Offset}) == nil {
				where = r.Where()
			}
			_ = r.Close() // it was read only
		}
	}
	return scan.Malformed(func(int) string { return where }, scan.FaultAt(0, format, args...))
}
