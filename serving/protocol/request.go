package protocol

import "time"

// A Form is one of the forms of bodies.
type Form uint8

// The forms.
const (
	V2       Form = iota // Open Inference Protocol V2
	Rows                 // TensorFlow Serving's instances
	Columns              // TensorFlow Serving's inputs
	Classify             // TensorFlow Serving's examples, for classes
	Regress              // TensorFlow Serving's examples, for a number
	Native               // the short form
)

// A Kind says what a cell holds.
type Kind uint8

// The kinds of cells.
const (
	Text    Kind = iota // Cell.Text
	Number              // Cell.Number
	Missing             // nothing
)

// A Cell is a value of a BYTES input.
type Cell struct {
	Kind Kind
	// Number is finite. In a column of numbers it is a float32, rounded once from its text; in one of
	// texts a float64.
	Number float64
	Text   []byte // shares memory with the body or the request
}

// An OutputChoice is an output that a request asks for.
type OutputChoice struct {
	Index  int  // of Signature.Outputs
	Binary bool // as bytes after the JSON
	Top    int  // above 0: that many of the largest of a row, as texts "value:index:label"

	said triState // what the request said of Binary
}

// A Request is what a body asks. It is for one goroutine at a time, and reused: each Parse begins anew and
// keeps the memory. After an error its fields mean nothing. Slices are valid until the next Parse, and while the body is unchanged.
type Request struct {
	Form Form
	ID   []byte // a JSON text with its quotes, to be echoed; nil: none; shares the body's memory
	Rows int    // at least 1
	// X is rows × columns of an FP32 input, row-major; NaN is a missing value. Of a binary body it may share
	// the body's memory, which is then the caller's to keep or to change with it.
	X       []float32
	Cells   []Cell         // rows × columns of a BYTES input, row-major
	Outputs []OutputChoice // in the order of the answer; without a choice all of the signature's
	Timeout time.Duration  // of the parameters; 0: none
	Single  bool           // the native form had a row alone, and no array of rows

	floats []float32 // memory of X
	shape  []int
	keys   [][]byte // of the objects that are open
	text   []byte   // texts that had escapes
	order  []int32  // by field of a CSV line: its column
	named  uint32   // rows with names so far
	seen   []uint32 // by column: the last of them that had it

	common      []int32   // columns that all examples have from their context
	commonX     []float32 // by column: their values
	commonCells []Cell
}

// Size returns how many bytes of memory the answer has.
func (a *Answer) Size() (n int) {
	for i := range a.Outputs {
		o := &a.Outputs[i]
		n += 4*cap(o.F32) + 8*cap(o.I64) + 4*cap(o.Classes)
	}
	return n
}

// Reset forgets what was read, and keeps the memory.
func (r *Request) Reset() {
	r.Form, r.ID, r.Rows, r.X, r.Timeout, r.Single, r.named = V2, nil, 0, nil, 0, false, 0
	r.common = r.common[:0]
	r.Cells, r.Outputs, r.floats, r.shape, r.keys, r.text = r.Cells[:0], r.Outputs[:0], r.floats[:0], r.shape[:0], r.keys[:0], r.text[:0]
}

// Size returns how many bytes of memory the request keeps for the next one, so that a pool can let large ones go.
func (r *Request) Size() int {
	const cell, slice = 40, 24
	return 4*(cap(r.floats)+cap(r.seen)+cap(r.order)+cap(r.common)+cap(r.commonX)) + cell*(cap(r.Cells)+cap(r.commonCells)) + slice*(cap(r.keys)+cap(r.Outputs)) + 8*cap(r.shape) + cap(r.text)
}

// chooseAll asks for all outputs.
func (r *Request) chooseAll(s *Signature) {
	for i := range s.Outputs {
		r.Outputs = append(r.Outputs, OutputChoice{Index: i})
	}
}

// room makes X of n numbers.
func (r *Request) room(n int) {
	if cap(r.floats) < n {
		r.floats = make([]float32, n)
	}
	r.floats = r.floats[:n]
	r.X = r.floats
}

// triState is a choice that may not have been made.
type triState uint8

const (
	unsaid triState = iota
	no
	yes
)

func stateOf(v bool) triState {
	if v {
		return yes
	}
	return no
}

// MaxTimeout is the longest timeout of a request; longer ones are as long.
const MaxTimeout = 24 * time.Hour

// Values are those of an output, rows × its columns, row-major; one slice is set, by the
// datatype.
type Values struct {
	F32     []float32
	I64     []int64
	Classes []int32 // of BYTES: indices of Tensor.Labels
}

// An Answer is what a model says of a request's rows.
type Answer struct {
	Rows    int
	Outputs []Values // by index of Signature.Outputs; those that were not asked for may be empty
}
