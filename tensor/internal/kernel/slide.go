package kernel

import "slices"

// A Slide is a part of a convolution of an image that plain code takes as a product of
// gathered columns: rows of A by what each tap meets, taken from the image as it lies. Value
// c of row r of C is
//
//	φ(chain), chain = fma(A[K-1][r], From[c + Offsets[K-1]], … fma(A[0][r], From[c + Offsets[0]], Bias[r]))
//
// where c goes through the places of spans.
type Slide struct {
	a, from, c, bias []float32
	offsets          []int // of taps, in bytes
	stride           int   // bytes from one row of C to the next
	rows             int
	flags            int
	vectors          int
	spans            []Span
}

// A Span is a vector of neighbours in C, of which the first lie in one row of the image, and
// the others in the next one that has some.
type Span struct {
	first, second int // where they begin, in bytes; second as if lanes were before it
	at            int // in C, in bytes
	mask          [3]uint64
	lanes         [3][8]int32 // the same as mask: of first, of second, of both
}

// isWhole reports whether all lanes of AVX2's vectors are places of one row.
func (s *Span) isWhole() bool { return s.mask[0] == 1<<8-1 }

// Images are the sizes of a convolution of one image with its padding, and where its taps and
// its places lie. Pairs are down and across.
type Images struct {
	Channels          int
	Size, Window, Out [2]int
	Step              [2]int // across it is 1 for spans
	Offsets           []int  // of taps, in bytes
	Spans             []Span
}

const bytesOf = 4 // a float32

// Lay sets where taps and, if the set has vectors and the step allows it, spans lie: with AVX2 first those
// that lie in one row as a whole.
func (m *Images) Lay(i ISA) {
	m.Offsets, m.Spans = m.Offsets[:0], m.Spans[:0]
	for d := range 2 {
		if m.Step[d] < 1 || m.Window[d] < 1 || m.Out[d] < 1 || (m.Out[d]-1)*m.Step[d]+m.Window[d] > m.Size[d] {
			panic("kernel: windows beyond their image")
		}
	}
	for c := range m.Channels {
		for y := range m.Window[0] {
			for x := range m.Window[1] {
				m.Offsets = append(m.Offsets, bytesOf*((c*m.Size[0]+y)*m.Size[1]+x))
			}
		}
	}
	if i == Plain || m.Step[1] != 1 {
		return
	}
	places := m.Out[0] * m.Out[1]
	for at := 0; at < places; {
		y, x := at/m.Out[1], at%m.Out[1]
		first := min(m.Out[1]-x, i.Lanes(), places-at)
		second := min(m.Out[1], i.Lanes()-first, places-at-first)
		row := m.Step[0] * m.Size[1]
		s := Span{first: bytesOf * (y*row + x), second: bytesOf * ((y+1)*row - first), at: bytesOf * at}
		for part, in := range [3][2]int{{0, first}, {first, first + second}, {0, first + second}} {
			s.mask[part] = 1<<in[1] - 1<<in[0]
			for lane := in[0]; lane < in[1] && lane < 8; lane++ {
				s.lanes[part][lane] = -1
			}
		}
		m.Spans = append(m.Spans, s)
		at += first + second
	}
	if i == AVX2 { // it has code for these
		slices.SortStableFunc(m.Spans, func(a, b Span) int {
			switch {
			case a.isWhole() == b.isWhole():
				return 0
			case a.isWhole():
				return -1
			}
			return 1
		})
	}
}

// values is how many values an image has.
func (m *Images) values() int { return m.Channels * m.Size[0] * m.Size[1] }

// Filters are what images are convolved with.
type Filters struct {
	Panels []float32 // weights, packed in panels of [ISA.FilterRows] rows
	Bias   []float32 // of rows; nil: none
	ReLU   bool
}

// Convolve sets out, rows × places without gaps, to the convolution of an image by vectors of
// the spans, which must be laid.
func (i ISA) Convolve(out, image []float32, w Filters, m *Images) {
	places := m.Out[0] * m.Out[1]
	k, rows := len(m.Offsets), len(out)/places
	if len(m.Spans) == 0 || k == 0 || len(image) < m.values() || len(w.Panels) < rows*k || w.Bias != nil && len(w.Bias) < rows {
		panic("kernel: a convolution beyond its slices")
	}
	s := Slide{from: image, offsets: m.Offsets, stride: bytesOf * places}
	if w.ReLU {
		s.flags = ReLU
	}
	each := i.FilterRows(rows)
	for r := 0; r < rows; r += each {
		s.rows = min(each, rows-r)
		s.a, s.c = w.Panels[r*k:][:s.rows*k], out[r*places:]
		if w.Bias != nil {
			s.bias = w.Bias[r:]
		}
		i.slideAll(s, m.Spans)
	}
}

// slideAll goes through the spans.
func (i ISA) slideAll(s Slide, spans []Span) {
	for len(spans) > 0 {
		s.spans, s.vectors = spans, min(i.spansAtOnce(), len(spans))
		if w := i.wholeSpans(spans); w > 0 {
			s.flags |= whole
			s.vectors = w
		} else {
			s.flags &^= whole
		}
		i.slide(&s)
		spans = spans[s.vectors:]
	}
}

// FilterRows returns how many of so many rows are packed together: [ISA.MR] at most, as equal as can be.
func (i ISA) FilterRows(rows int) int {
	panels := max(1, (rows+i.MR()-1)/i.MR())
	return max(1, (rows+panels-1)/panels)
}

// spansAtOnce is how many vectors a call computes.
func (i ISA) spansAtOnce() int { return [...]int{0, 2, 3}[i] }

// wholeSpans returns how many of the first spans a call computes that takes vectors of one row; 0: none.
func (i ISA) wholeSpans(spans []Span) int {
	if i != AVX2 {
		return 0
	}
	n := 0
	for n < min(len(spans), 3) && spans[n].isWhole() {
		n++
	}
	return n
}
