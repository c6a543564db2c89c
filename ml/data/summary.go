package data

import (
	"maps"
	"math/big"
	"slices"

	"scalar/bsp/job"
)

// Limits of what is agreed upon.
const (
	MaxOneHot   = 64      // distinct values of a column of categories with a feature each
	MaxClasses  = 1 << 16 // distinct labels
	MaxFeatures = 1 << 26 // numbers of a row
	maxColumns  = 1 << 20 // of a CSV file
)

// A Summary is what a part of the rows says about all of them.
type Summary struct {
	rows    uint64 // that are kept
	width   uint64 // columns without the label; the largest index of LIBSVM
	columns []column
	bytes   *[256]uint64 // how often a byte occurs, of rows of bytes
	labels  map[string]uint64
}

// A column is what is known of one column of a text.
type column struct {
	numbers  uint64 // cells that are numbers
	texts    uint64 // cells that are none
	missing  uint64
	wide     bool              // some number is no whole number from 0 to 255
	sums     sum               // of the numbers, where they are needed
	squares  sum               //
	values   map[string]uint64 // how often each text occurs; nil if there are more than MaxOneHot
	over     bool              // there are
	oddText  place             // the first cell that is no number
	infinite place             // the first that is infinite
}

// A place is where a cell stands in its input.
type place struct {
	What   string // shortened; "" if there is none
	File   int
	Offset int64
}

// needs says which sums somebody will ask for.
type needs struct{ means, bytes bool }

// add takes on a cell. at is called for a cell that an error may show later.
func (c *column) add(b []byte, n needs, at func() place) {
	if missing(b) {
		c.missing++
		return
	}
	x, kind := parse32(b)
	switch kind {
	case infinite:
		if c.infinite.What == "" {
			c.infinite = at()
		}
		c.texts++
	case text:
		if c.oddText.What == "" {
			c.oddText = at()
		}
		c.texts++
	case number:
		c.numbers++
		c.wide = c.wide || !isByte(x)
		if n.means || n.bytes && !c.wide {
			v := float64(x)
			c.sums.add(v)
			c.squares.add(v * v)
		}
	}
	c.count(b)
}

func isByte(x float32) bool { return x >= 0 && x <= 255 && x == float32(uint8(x)) }

// count counts a text, until there are too many.
func (c *column) count(b []byte) {
	if c.over {
		return
	}
	if _, ok := c.values[string(b)]; !ok && len(c.values) == MaxOneHot {
		c.values, c.over = nil, true
		return
	}
	if c.values == nil {
		c.values = map[string]uint64{}
	}
	c.values[string(b)]++
}

// missing reports whether a cell stands for no value.
func missing(b []byte) bool {
	switch len(b) {
	case 0:
		return true
	case 1:
		return b[0] == '?'
	case 2:
		return b[0] == 'N' && b[1] == 'A'
	}
	return false
}

// merge takes on what a later part says.
func (c *column) merge(o *column) {
	c.numbers += o.numbers
	c.texts += o.texts
	c.missing += o.missing
	c.wide = c.wide || o.wide
	c.sums.merge(&o.sums)
	c.squares.merge(&o.squares)
	if c.oddText.What == "" {
		c.oddText = o.oddText
	}
	if c.infinite.What == "" {
		c.infinite = o.infinite
	}
	if c.over = c.over || o.over; !c.over {
		c.values = counted(c.values, o.values)
		c.over = len(c.values) > MaxOneHot
	}
	if c.over {
		c.values = nil
	}
}

// counted adds up counts.
func counted(a, b map[string]uint64) map[string]uint64 {
	if len(a) == 0 {
		return maps.Clone(b)
	}
	for v, n := range b {
		a[v] += n
	}
	return a
}

// label counts a label.
func (s *Summary) label(b []byte) error {
	if _, ok := s.labels[string(b)]; !ok && len(s.labels) == MaxClasses {
		return errManyClasses()
	}
	if s.labels == nil {
		s.labels = map[string]uint64{}
	}
	s.labels[string(b)]++
	return nil
}

func errManyClasses() error {
	return job.Fail(job.FaultInput, "more than %d different labels: these are no classes (--label names the column; linear learns numbers)", MaxClasses)
}

// Merge returns what all parts say together. They are given in the order of the parts, so
// that an error is about the first bad place; nothing else depends on their order. They
// are not changed.
func Merge(parts ...*Summary) (*Summary, error) {
	all := &Summary{}
	for _, p := range parts {
		if len(all.columns) == 0 {
			all.columns = make([]column, len(p.columns))
		}
		if len(p.columns) > 0 && len(p.columns) != len(all.columns) {
			return nil, job.Fail(job.FaultInput, "parts of the input have %d and %d columns", len(all.columns), len(p.columns))
		}
		all.rows += p.rows
		all.width = max(all.width, p.width)
		for i := range p.columns {
			all.columns[i].merge(&p.columns[i])
		}
		all.labels = counted(all.labels, p.labels)
		if len(all.labels) > MaxClasses {
			return nil, errManyClasses()
		}
		if p.bytes != nil {
			if all.bytes == nil {
				all.bytes = new([256]uint64)
			}
			for v, n := range p.bytes {
				all.bytes[v] += n
			}
		}
	}
	return all, nil
}

// classes returns the labels as classes: in the order of their numbers if all are
// numbers, else of their bytes. Texts of one number, such as 1 and +1, are one class, by
// the name that is shortest, then first.
func classes(labels map[string]uint64) []string {
	names := slices.SortedFunc(maps.Keys(labels), func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		if a < b {
			return -1
		}
		return 1
	})
	of := make(map[float64]string, len(names))
	for _, name := range names {
		x, kind := parse64([]byte(name))
		if kind != number {
			slices.Sort(names)
			return names
		}
		if _, ok := of[x]; !ok { // −0 is 0 here too
			of[x] = name
		}
	}
	sorted := make([]string, 0, len(of))
	for _, x := range slices.Sorted(maps.Keys(of)) {
		sorted = append(sorted, of[x])
	}
	return sorted
}

// bytesMoments returns the mean and the deviation of all numbers, which are bytes.
func (s *Summary) bytesMoments() (mean, deviation float64) {
	sums, squares, n := new(big.Rat), new(big.Rat), uint64(0)
	if s.bytes != nil {
		for v, count := range s.bytes {
			times := new(big.Rat).SetInt(new(big.Int).SetUint64(count))
			sums.Add(sums, new(big.Rat).Mul(times, big.NewRat(int64(v), 1)))
			squares.Add(squares, new(big.Rat).Mul(times, big.NewRat(int64(v*v), 1)))
			n += count
		}
	}
	for i := range s.columns {
		c := &s.columns[i]
		sums.Add(sums, c.sums.value())
		squares.Add(squares, c.squares.value())
		n += c.numbers
	}
	return moments(n, sums, squares)
}
