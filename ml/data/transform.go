package data

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"unicode/utf8"

	"scalar/bsp/job"
)

// Scaling says how numbers are scaled.
type Scaling string

// The scalings. Auto is Bytes for rows of bytes, and None for others: a file of numbers
// is one of bytes if every number is a whole one from 0 to 255.
const (
	Auto    Scaling = "auto"
	None    Scaling = "none"
	Bytes   Scaling = "bytes"   // by the mean and the deviation of all numbers together
	Columns Scaling = "columns" // by the mean and the deviation of each column
)

// Missing says what is done about a value that is not there.
type Missing string

// What is done.
const (
	MissingError Missing = "error" // the input is refused
	MissingMean  Missing = "mean"  // the mean takes its place, of categories each one's share
	MissingDrop  Missing = "drop"  // the row is left out; of a record that is asked about, refused
)

// HashBuckets is how many features a column of more than MaxOneHot categories has.
const HashBuckets = 256

// A Transform is what turns records as they stand in a file into rows of numbers. It is
// part of a model, as JSON. Columns do not count the label.
type Transform struct {
	Columns    int        `json:"columns"`              // of a record
	Names      []string   `json:"names,omitempty"`      // of the columns, if the file has them
	Shape      []int      `json:"shape,omitempty"`      // of a record, if it is no plain list
	Sparse     bool       `json:"sparse,omitempty"`     // rows of a set are kept sparse
	Categories []Category `json:"categories,omitempty"` // by column, ascending
	Missing    Missing    `json:"missing"`
	Fill       []float64  `json:"fill,omitempty"` // by column, for a missing number, if Missing is mean
	Scale      Scale      `json:"scale"`
	Label      *Label     `json:"label,omitempty"`
}

// A Category is a column of texts.
type Category struct {
	Column int       `json:"column"`
	Values []string  `json:"values,omitempty"` // a feature each, in this order
	Shares []float64 `json:"shares,omitempty"` // of Values in the training data, for a missing one
	Hash   int       `json:"hash,omitempty"`   // features that texts are hashed to, if there are no Values
}

// A Scale is y = (x − Mean)/Deviation: one of each for Bytes, one of each a column for
// Columns, where categories have 0 and 1.
type Scale struct {
	Kind      Scaling   `json:"kind"` // none, bytes, columns
	Mean      []float64 `json:"mean,omitempty"`
	Deviation []float64 `json:"deviation,omitempty"`
}

// A Label is what is learnt.
type Label struct {
	Name    string   `json:"name,omitempty"`
	Column  int      `json:"column"` // among all columns of the file; -1: in a file of its own
	Target  Target   `json:"target"`
	Classes []string `json:"classes,omitempty"` // by class
}

// MarshalText writes the target's name.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a target's name.
func (t *Target) UnmarshalText(b []byte) error {
	for _, v := range []Target{NoTarget, Classes, Numbers} {
		if v.String() == string(b) {
			*t = v
			return nil
		}
	}
	return job.Fail(job.FaultInput, "unknown target %q: want none, classes or numbers", b)
}

// Transform makes the transform of what all parts say, which is Merge's.
func (s *Source) Transform(ctx context.Context, all *Summary) (*Transform, error) {
	if all.rows == 0 {
		return nil, job.Fail(job.FaultInput, "%s: there are no rows to learn from", s.in.URL)
	}
	t := &Transform{Columns: s.columns, Names: s.names, Shape: s.shape, Sparse: s.sparse, Missing: s.in.Missing, Scale: Scale{Kind: None}}
	if s.sparse {
		if t.Columns = int(all.width); t.Columns == 0 {
			return nil, job.Fail(job.FaultInput, "%s: no row has a feature", s.in.URL)
		}
	}
	if s.in.Target != NoTarget {
		l := s.label
		l.Target = s.in.Target
		if l.Target == Classes {
			l.Classes = classes(all.labels)
		}
		t.Label = &l
	}
	for i := range all.columns {
		if err := s.decide(ctx, t, i, &all.columns[i]); err != nil {
			return nil, err
		}
	}
	if t.Missing == MissingMean && len(all.columns) > 0 {
		t.Fill = make([]float64, t.Columns)
		for i := range all.columns {
			if !t.category(i) {
				t.Fill[i], _ = all.columns[i].moments()
			}
		}
	}
	if err := s.utf8(t); err != nil {
		return nil, err
	}
	return t, s.scale(t, all)
}

// utf8 refuses texts that are no UTF-8, which JSON would not give back as they were.
func (s *Source) utf8(t *Transform) error {
	named := func(what string, texts ...string) error {
		for _, v := range texts {
			if !utf8.ValidString(v) {
				return job.Fail(job.FaultInput, "%s: %s %s is no UTF-8, as a model keeps texts: convert the file, by iconv for one", s.in.URL, what, quote([]byte(v)))
			}
		}
		return nil
	}
	err := named("the column name", t.Names...)
	for _, c := range t.Categories {
		err = cmp.Or(err, named("in column "+s.columnName(c.Column)+" the value", c.Values...))
	}
	if l := t.Label; l != nil {
		err = cmp.Or(err, named("the column name", l.Name), named("the label", l.Classes...))
	}
	return err
}

// decide says whether a column is one of numbers or of categories.
func (s *Source) decide(ctx context.Context, t *Transform, i int, c *column) error {
	switch {
	case c.numbers+c.texts == 0:
		return job.Fail(job.FaultInput, "%s: column %s has no value in any row: leave it out of the file", s.in.URL, s.columnName(i))
	case c.texts == 0:
		return nil
	case c.oddText.What == "": // nothing but numbers and infinite ones
		return s.malformed(ctx, c.infinite, "%s in column %s is no finite number", c.infinite.What, s.columnName(i))
	case c.over && c.numbers > 0:
		return s.malformed(ctx, c.oddText, "%s is no number, as others in column %s are", c.oddText.What, s.columnName(i))
	case c.over:
		t.Categories = append(t.Categories, Category{Column: i, Hash: HashBuckets})
	default:
		k := Category{Column: i, Values: slices.Sorted(maps.Keys(c.values))}
		if t.Missing == MissingMean {
			for _, v := range k.Values {
				k.Shares = append(k.Shares, float64(c.values[v])/float64(c.numbers+c.texts))
			}
		}
		t.Categories = append(t.Categories, k)
	}
	return nil
}

func (t *Transform) category(column int) bool {
	return slices.ContainsFunc(t.Categories, func(c Category) bool { return c.Column == column })
}

func (c *column) moments() (mean, deviation float64) {
	return moments(c.numbers, c.sums.value(), c.squares.value())
}

// scale fills in the scaling.
func (s *Source) scale(t *Transform, all *Summary) error {
	bytes := all.bytes != nil || len(all.columns) > 0 && len(t.Categories) == 0 && !slices.ContainsFunc(all.columns, func(c column) bool { return c.wide })
	switch {
	case s.in.Scale == Columns && s.sparse:
		return job.Fail(job.FaultInput, "%s: sparse rows cannot be scaled by columns: they would not stay sparse", s.in.URL)
	case s.in.Scale == Columns:
		t.Scale.Kind = Columns
		for i := range all.columns {
			mean, deviation := all.columns[i].moments()
			if t.category(i) {
				mean, deviation = 0, 1
			}
			t.Scale.Mean, t.Scale.Deviation = append(t.Scale.Mean, mean), append(t.Scale.Deviation, orOne(deviation))
		}
	case s.in.Scale == Auto && bytes && !s.sparse:
		mean, deviation := all.bytesMoments()
		t.Scale = Scale{Bytes, []float64{mean}, []float64{orOne(deviation)}}
	}
	return nil
}

// orOne is a deviation to divide by.
func orOne(deviation float64) float64 {
	if deviation == 0 {
		return 1
	}
	return deviation
}

// Features returns the length of a row that records are turned into.
func (t *Transform) Features() int {
	n := t.Columns
	for _, c := range t.Categories {
		n += len(c.Values) + c.Hash - 1
	}
	return n
}

// Validate returns what is wrong with a transform that was read from a file.
func (t *Transform) Validate() error {
	bad := func(what string) error { return job.Fail(job.FaultInput, "the model's transform is damaged: %s", what) }
	length := 1
	for _, d := range t.Shape {
		if d < 1 || d > MaxFeatures || length > MaxFeatures/d {
			return bad("its shape")
		}
		length *= d
	}
	switch {
	case t.Columns < 1 || t.Columns > MaxFeatures:
		return bad("the number of columns")
	case len(t.Names) != 0 && len(t.Names) != t.Columns:
		return bad("the number of names")
	case len(t.Shape) > 0 && length != t.Columns:
		return bad("its shape")
	case len(t.Categories) > 0 && t.Columns > maxColumns:
		return bad("the number of columns")
	case t.Sparse && (len(t.Categories) > 0 || t.Scale.Kind != None):
		return bad("sparse rows have neither categories nor a scale")
	case !slices.Contains([]Missing{MissingError, MissingMean, MissingDrop}, t.Missing):
		return bad("what is done about missing values")
	case len(t.Fill) != 0 && len(t.Fill) != t.Columns || !finite(t.Fill):
		return bad("the means")
	}
	if what := t.Label.damage(t.Columns); what != "" {
		return bad(what)
	}
	width, last := t.Columns, -1
	for _, c := range t.Categories {
		n := len(c.Values)
		if c.Column <= last || c.Column >= t.Columns || n > MaxOneHot || (n > 0) == (c.Hash > 0) || c.Hash < 0 || c.Hash > 1<<16 ||
			!slices.IsSorted(c.Values) || twice(c.Values) || len(c.Shares) != 0 && len(c.Shares) != n || !finite(c.Shares) {
			return bad("its categories")
		}
		last, width = c.Column, width+n+c.Hash-1
	}
	if width > MaxFeatures {
		return bad("the number of features")
	}
	want := map[Scaling]int{None: 0, Bytes: 1, Columns: t.Columns}
	n, ok := want[t.Scale.Kind]
	if !ok || len(t.Scale.Mean) != n || len(t.Scale.Deviation) != n || !finite(t.Scale.Mean) || !finite(t.Scale.Deviation) || slices.Contains(t.Scale.Deviation, 0) {
		return bad("its scale")
	}
	return nil
}

// damage returns what is wrong with the label of so many columns, if there is one.
func (l *Label) damage(columns int) string {
	switch {
	case l == nil:
		return ""
	case l.Target != Classes && l.Target != Numbers, l.Column < -1, l.Column > columns:
		return "the label"
	case (l.Target == Classes) != (len(l.Classes) > 0):
		return "the classes"
	case twice(slices.Sorted(slices.Values(l.Classes))):
		return "two classes of one name"
	}
	return ""
}

// twice reports whether a sorted list has an element twice.
func twice(sorted []string) bool { return len(slices.Compact(slices.Clone(sorted))) < len(sorted) }

func finite(xs []float64) bool {
	return !slices.ContainsFunc(xs, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
}
