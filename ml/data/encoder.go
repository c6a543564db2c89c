package data

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"scalar/internal/splitmix"
	"scalar/tensor"
)

// An Encoder applies a Transform. It is safe for concurrent use.
type Encoder struct {
	t        *Transform
	features int
	starts   []int32 // of each column's features; nil: column i is feature i
	kinds    []int32 // index of Categories + 1 by column, 0 for a number; nil: all numbers
	index    []map[string]int
	table    *tensor.Table // rows of bytes, if all columns are scaled alike
	classes  map[string]uint32
	numbers  map[float64]uint32 // classes by number, if all are numbers
}

// NewEncoder checks a transform and makes it ready. The transform is not to be changed
// any more.
func NewEncoder(t *Transform) (*Encoder, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	e := &Encoder{t: t, features: t.Columns}
	if len(t.Categories) > 0 {
		e.layOut()
	}
	if t.Scale.Kind != Columns {
		var numbers [256]float32
		for v := range numbers {
			numbers[v] = e.scaled(0, float32(v))
		}
		e.table = tensor.NewTable(&numbers)
	}
	if t.Label != nil && t.Label.Target == Classes {
		e.nameClasses(t.Label.Classes)
	}
	return e, nil
}

func (e *Encoder) layOut() {
	e.starts, e.kinds = make([]int32, e.t.Columns), make([]int32, e.t.Columns)
	for k, c := range e.t.Categories {
		e.kinds[c.Column] = int32(k + 1)
		of := make(map[string]int, len(c.Values))
		for i, v := range c.Values {
			of[v] = i
		}
		e.index = append(e.index, of)
	}
	at := 0
	for i := range e.starts {
		e.starts[i] = int32(at)
		at++
		if k := e.kinds[i]; k > 0 {
			at += len(e.t.Categories[k-1].Values) + e.t.Categories[k-1].Hash - 1
		}
	}
	e.features = at
}

func (e *Encoder) nameClasses(names []string) {
	e.classes, e.numbers = make(map[string]uint32, len(names)), make(map[float64]uint32, len(names))
	for i, name := range names {
		e.classes[name] = uint32(i)
		x, kind := parse64([]byte(name))
		if kind != number {
			e.numbers = nil
		}
		if e.numbers != nil {
			e.numbers[x] = uint32(i)
		}
	}
}

// texts reports whether rows of training have texts in them, as headers do.
func (e *Encoder) texts() bool {
	label := e.t.Label
	return e.kinds != nil || label != nil && label.Target == Classes && label.Column >= 0 && e.numbers == nil
}

// Transform returns the transform. It is not to be changed.
func (e *Encoder) Transform() *Transform { return e.t }

// Features returns the length of a row.
func (e *Encoder) Features() int { return e.features }

// scaled scales a number of a column.
func (e *Encoder) scaled(column int, x float32) float32 {
	s := &e.t.Scale
	switch s.Kind {
	case Bytes:
		return float32((float64(x) - s.Mean[0]) / s.Deviation[0])
	case Columns:
		return float32((float64(x) - s.Mean[column]) / s.Deviation[column])
	default:
		return x
	}
}

// start returns the first feature of a column.
func (e *Encoder) start(column int) int {
	if e.starts == nil {
		return column
	}
	return int(e.starts[column])
}

// category returns the categories of a column, nil for one of numbers.
func (e *Encoder) category(column int) (*Category, map[string]int) {
	if e.kinds == nil || e.kinds[column] == 0 {
		return nil, nil
	}
	k := e.kinds[column] - 1
	return &e.t.Categories[k], e.index[k]
}

// errMissing is about a value that is not there and has no substitute.
var errMissing = errors.New("a value is missing")

// number puts a number of a record into its row.
func (e *Encoder) number(dst []float32, column int, x float32) error {
	if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
		return fmt.Errorf("%v in column %s is no finite number", x, e.t.columnName(column))
	}
	y := e.scaled(column, x)
	if math.IsInf(float64(y), 0) {
		return fmt.Errorf("%v in column %s is too large to be scaled", x, e.t.columnName(column))
	}
	dst[e.start(column)] = y
	return nil
}

// text puts a text of a record into its row, whose features of the column are 0.
func (e *Encoder) text(dst []float32, column int, b []byte) error {
	if missing(b) {
		return e.missing(dst, column)
	}
	c, index := e.category(column)
	if c == nil {
		x, kind := parse32(b)
		switch kind {
		case number:
			return e.number(dst, column, x)
		case infinite:
			return fmt.Errorf("%s in column %s is no finite number", quote(b), e.t.columnName(column))
		default:
			return fmt.Errorf("%s in column %s is no number", quote(b), e.t.columnName(column))
		}
	}
	at, ok := index[string(b)]
	switch {
	case c.Hash > 0:
		at = bucket(b, c.Hash)
	case !ok:
		return fmt.Errorf("%s is no value that column %s had in training: want one of %s", quote(b), e.t.columnName(column), listed(c.Values))
	}
	dst[e.start(column)+at] = 1
	return nil
}

// missing puts what stands for a missing value into a row.
func (e *Encoder) missing(dst []float32, column int) error {
	if e.t.Missing != MissingMean || len(e.t.Fill) == 0 {
		return fmt.Errorf("column %s: %w", e.t.columnName(column), errMissing)
	}
	c, _ := e.category(column)
	if c == nil {
		return e.number(dst, column, float32(e.t.Fill[column]))
	}
	for i, share := range c.Shares {
		dst[e.start(column)+i] = float32(share)
	}
	return nil
}

// bucket hashes a text to one of n features: FNV-1a of 64 bits, mixed by SplitMix64, and
// its rest by n.
func bucket(b []byte, n int) int {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return int(splitmix.Mix(h) % uint64(n))
}

// Class returns the class of a label, and false for one that training did not have.
func (e *Encoder) Class(label []byte) (class uint32, ok bool) {
	if class, ok = e.classes[string(label)]; ok || e.numbers == nil {
		return class, ok
	}
	x, kind := parse64(label)
	if kind != number {
		return 0, false
	}
	class, ok = e.numbers[x]
	return class, ok
}

// Values turns a record of numbers into a row: dst has Features numbers. NaN is a missing
// value. It allocates nothing but an error, which names the column.
func (e *Encoder) Values(dst, record []float32) error {
	if err := e.check(len(record)); err != nil {
		return err
	}
	if e.kinds != nil {
		return fmt.Errorf("column %s holds texts: the record has to be given with them, not as numbers alone", e.t.columnName(e.t.Categories[0].Column))
	}
	for i := 0; i < len(record); i++ {
		if i += e.plain(dst[i:len(record)], record[i:], i); i == len(record) {
			return nil
		}
		if err := e.value(dst, i, record[i]); err != nil {
			return err
		}
	}
	return nil
}

// plain scales numbers of the columns from first on, up to one that is not finite or becomes so,
// and returns how many these are: all but a few, at a third of the time that value takes.
func (e *Encoder) plain(dst, record []float32, first int) int {
	s := &e.t.Scale
	dst = dst[:len(record)]
	switch s.Kind {
	case Bytes:
		mean, deviation := s.Mean[0], s.Deviation[0]
		for i, x := range record {
			y := float32((float64(x) - mean) / deviation)
			if y-y != 0 {
				return i
			}
			dst[i] = y
		}
	case Columns:
		mean, deviation := s.Mean[first:][:len(record)], s.Deviation[first:][:len(record)]
		for i, x := range record {
			y := float32((float64(x) - mean[i]) / deviation[i])
			if y-y != 0 {
				return i
			}
			dst[i] = y
		}
	default:
		return copy(dst, record[:leading(record)])
	}
	return len(record)
}

// leading returns how many numbers are before one that is not finite: all but a few, eight at a time.
func leading(x []float32) int {
	n := 0
	for ; n+8 <= len(x); n += 8 {
		v := (*[8]float32)(x[n:])
		if (v[0]-v[0])+(v[1]-v[1])+((v[2]-v[2])+(v[3]-v[3]))+((v[4]-v[4])+(v[5]-v[5])+((v[6]-v[6])+(v[7]-v[7]))) != 0 {
			break
		}
	}
	for n < len(x) && x[n]-x[n] == 0 {
		n++
	}
	return n
}

func (e *Encoder) value(dst []float32, column int, x float32) error {
	if math.IsNaN(float64(x)) {
		return e.missing(dst, column)
	}
	return e.number(dst, column, x)
}

// Record turns a record of float64, string and nil (missing) into a row.
func (e *Encoder) Record(dst []float32, record []any) error {
	if err := e.check(len(record)); err != nil {
		return err
	}
	clear(dst[:e.features])
	for i, v := range record {
		var err error
		switch v := v.(type) {
		case nil:
			err = e.missing(dst, i)
		case string:
			err = e.text(dst, i, []byte(v))
		case float64:
			err = e.Number(dst, i, v)
		default:
			err = fmt.Errorf("column %s: %T is neither a number nor a text", e.t.columnName(i), v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Number puts a number of a record into its row, whose features of the column are 0. It
// allocates nothing but an error, which names the column, and the text of a number among texts.
func (e *Encoder) Number(dst []float32, column int, x float64) error {
	if c, _ := e.category(column); c != nil {
		return e.text(dst, column, strconv.AppendFloat(nil, x, 'g', -1, 64))
	}
	return e.value(dst, column, float32(x))
}

// Text puts a text of a record into its row, whose features of the column are 0. It
// allocates nothing but an error, which names the column.
func (e *Encoder) Text(dst []float32, column int, text []byte) error {
	return e.text(dst, column, text)
}

// Missing puts what stands for a missing value into a row, whose features of the column are 0.
func (e *Encoder) Missing(dst []float32, column int) error { return e.missing(dst, column) }

// Batch turns rows of numbers into rows of features in place: x is rows×Columns,
// row-major. An error names the row, from 0.
func (e *Encoder) Batch(x []float32) error {
	if len(x)%e.t.Columns != 0 {
		return fmt.Errorf("%d numbers are no rows of %d", len(x), e.t.Columns)
	}
	for row := 0; len(x) > 0; row, x = row+1, x[e.t.Columns:] {
		record := x[:e.t.Columns]
		if err := e.Values(record, record); err != nil {
			return fmt.Errorf("row %d: %w", row, err)
		}
	}
	return nil
}

func (e *Encoder) check(columns int) error {
	if columns == e.t.Columns {
		return nil
	}
	return fmt.Errorf("the record has %d features, and training had %d%s", columns, e.t.Columns, named(e.t.Names))
}

// CheckNames returns an error that lists the columns that are missing or too many, for
// names that are not those of training in the same order.
func (e *Encoder) CheckNames(names []string) error {
	if len(names) == 0 || len(e.t.Names) == 0 {
		return nil
	}
	lacking, extra := without(e.t.Names, names), without(names, e.t.Names)
	if l := e.t.Label; l != nil && len(lacking)+len(extra) > 1 {
		extra = without(extra, []string{l.Name}) // it may be there
	}
	var what []string
	if len(lacking) > 0 {
		what = append(what, "missing: "+listed(lacking))
	}
	if len(extra) > 0 {
		what = append(what, "not in training: "+listed(extra))
	}
	if len(what) == 0 {
		for i, name := range names {
			if i >= len(e.t.Names) || name != e.t.Names[i] {
				return fmt.Errorf("the features are in another order than in training%s", named(e.t.Names))
			}
		}
		return nil
	}
	return fmt.Errorf("the features are not those of training: %s", strings.Join(what, "; "))
}

// FeatureNames returns the names of the features: those of the columns, or their numbers
// from 1; with =VALUE for one of a category, and #BUCKET for one of a hash.
func (e *Encoder) FeatureNames() []string {
	names := make([]string, 0, e.features)
	for i := range e.t.Columns {
		name := strconv.Itoa(i + 1)
		if len(e.t.Names) > 0 {
			name = e.t.Names[i]
		}
		c, _ := e.category(i)
		if c == nil {
			names = append(names, name)
			continue
		}
		for _, v := range c.Values {
			names = append(names, name+"="+v)
		}
		for b := range c.Hash {
			names = append(names, name+"#"+strconv.Itoa(b))
		}
	}
	return names
}
