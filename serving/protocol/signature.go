package protocol

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The datatypes of a model's tensors.
const (
	FP32  = "FP32"
	INT64 = "INT64"
	BYTES = "BYTES" // texts
)

// The limits of a signature that has none.
const (
	DefaultRows  = 1 << 20
	DefaultCells = 1 << 24 // 64 MiB of float32
)

// A Tensor is a port of a model.
type Tensor struct {
	Name     string
	Datatype string  // FP32, INT64 (outputs only) or BYTES
	Shape    []int   // Shape[0] is −1, rows; the others are fixed
	Also     [][]int // other shapes that it may come in, of as many numbers a row
	// Labels name the columns of FP32, and are the texts that Values.Classes choose from of BYTES.
	Labels []string

	width  int      // numbers of a row
	head   []byte   // of the tensor in a V2 answer: {"name":"…","datatype":"…","shape":[
	key    []byte   // the name as JSON, with a colon
	quoted [][]byte // labels as JSON
}

// A Signature is what protocols know of a version of a model. Init makes it ready; then it does not change, and is safe for
// concurrent use.
type Signature struct {
	Model, Version string
	Platform       string // of the metadata, such as "scalar_mlp"
	// Inputs is one tensor, FP32 or BYTES, of shape [−1, columns].
	Inputs  []Tensor
	Outputs []Tensor // at least one
	// Columns are the names of the input's columns, all different; nil: they have none.
	Columns []string
	// Texts says of each column of a BYTES input whether it holds texts (categories) rather than
	// numbers; nil: none does.
	Texts []bool
	// MaxRows and MaxCells limit the rows of a request, and rows × columns. Cells of a
	// BYTES input count eightfold. 0: DefaultRows and DefaultCells.
	MaxRows, MaxCells int

	columns map[string]int
	perRow  int    // bytes of memory of a row's answer and its text, about, at most
	model   []byte // "model_name":"…","model_version":"…","outputs":[
}

// Init checks the signature and makes it ready to be used.
func (s *Signature) Init() error {
	if len(s.Inputs) != 1 || len(s.Outputs) == 0 {
		return fmt.Errorf("a signature has %d inputs and %d outputs: want one input, and outputs", len(s.Inputs), len(s.Outputs))
	}
	if s.MaxRows <= 0 {
		s.MaxRows = DefaultRows
	}
	if s.MaxCells <= 0 {
		s.MaxCells = DefaultCells
	}
	in := &s.Inputs[0]
	if err := in.init(); err != nil {
		return err
	}
	if in.Datatype == INT64 || len(in.Shape) != 2 {
		return fmt.Errorf("input %q is %s %v: want FP32 or BYTES of shape [-1, columns]", in.Name, in.Datatype, in.Shape)
	}
	if s.Texts != nil && len(s.Texts) != in.width || s.Columns != nil && len(s.Columns) != in.width {
		return fmt.Errorf("there are %d names and %d kinds of columns: want %d", len(s.Columns), len(s.Texts), in.width)
	}
	s.columns = make(map[string]int, len(s.Columns))
	for i, name := range s.Columns {
		s.columns[name] = i
	}
	if len(s.columns) != len(s.Columns) {
		return errors.New("two columns have the same name")
	}
	for i := range s.Outputs {
		if err := s.Outputs[i].init(); err != nil {
			return err
		}
		if s.output([]byte(s.Outputs[i].Name)) != i {
			return fmt.Errorf("two outputs are named %q", s.Outputs[i].Name)
		}
	}
	for i := range s.Outputs {
		s.perRow += s.Outputs[i].perRow()
	}
	s.model = appendString([]byte(`"model_name":`), s.Model)
	s.model = append(appendString(append(s.model, `,"model_version":`...), s.Version), `,"outputs":[`...)
	return nil
}

func (t *Tensor) init() error {
	width, ok := widthOf(t.Shape)
	if !ok || !slices.Contains([]string{FP32, INT64, BYTES}, t.Datatype) {
		return fmt.Errorf("tensor %q is %s %v: want FP32, INT64 or BYTES, and a shape of -1 and dimensions above 0", t.Name, t.Datatype, t.Shape)
	}
	for _, also := range t.Also {
		if w, ok := widthOf(also); !ok || w != width {
			return fmt.Errorf("tensor %q has the shapes %v and %v", t.Name, t.Shape, also)
		}
	}
	t.width = width
	t.key = append(appendString(nil, t.Name), ':')
	t.head = appendString([]byte(`{"name":`), t.Name)
	t.head = append(t.head, `,"datatype":"`+t.Datatype+`","shape":[`...)
	t.quoted = make([][]byte, len(t.Labels))
	for i, label := range t.Labels {
		t.quoted[i] = appendString(nil, label)
	}
	return nil
}

// widthOf returns how many numbers a row of a shape has.
func widthOf(shape []int) (width int, ok bool) {
	if len(shape) < 1 || len(shape) > maxRank || shape[0] != -1 {
		return 0, false
	}
	width = 1
	for _, d := range shape[1:] {
		if d < 1 || d > DefaultCells {
			return 0, false
		}
		if width *= d; width > DefaultCells {
			return 0, false
		}
	}
	return width, true
}

// perRow returns how much memory a row of an output takes, with its text, bytes.
func (t *Tensor) perRow() int {
	const number, text = 8, 24
	n := t.width*(number+text) + len(t.key)
	for _, label := range t.quoted {
		n += len(label)
	}
	return n
}

// AnswerSize returns how many bytes of memory the answer to some rows takes, with its text: about, and rather too many.
func (s *Signature) AnswerSize(rows int) int { return rows * s.perRow }

// RequestSize returns how many bytes of memory a request takes at most, besides its body of n bytes, whose numbers are in binary or not.
func (s *Signature) RequestSize(n int, binary bool) int {
	const number, cell, name = 4, 40, 24
	values := n/2 + 1 // of a digit and a comma
	if binary {
		values = n
	}
	if s.Inputs[0].Datatype == BYTES {
		return cell*min(values, s.MaxCells/8) + name*min(n/4, maxKeys) + n
	}
	return number*min(values, s.MaxCells) + name*min(n/4, maxKeys)
}

// Width returns how many numbers or texts a row of the input has.
func (s *Signature) Width() int { return s.Inputs[0].width }

// output returns the number of the output of a name, or −1.
func (s *Signature) output(name []byte) int {
	for i := range s.Outputs {
		if s.Outputs[i].Name == string(name) {
			return i
		}
	}
	return -1
}

// takes reports whether the tensor may come in a shape, and returns its rows.
func (t *Tensor) takes(shape []int) (rows int, ok bool) {
	if !fits(t.Shape, shape) && !slices.ContainsFunc(t.Also, func(also []int) bool { return fits(also, shape) }) {
		return 0, false
	}
	return shape[0], true
}

func fits(want, shape []int) bool {
	return len(want) == len(shape) && slices.Equal(want[1:], shape[1:])
}

// shapes lists the shapes of a tensor for an error.
func (t *Tensor) shapes() string {
	var b strings.Builder
	b.WriteString(shapeText(t.Shape))
	for _, also := range t.Also {
		b.WriteString(" or " + shapeText(also))
	}
	return b.String()
}

func shapeText(shape []int) string {
	b := []byte{'['}
	for i, d := range shape {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(b, int64(d), 10)
	}
	return string(append(b, ']'))
}

// classes returns the number of the output whose labels are classes, or −1.
func (s *Signature) classes() int {
	return slices.IndexFunc(s.Outputs, func(t Tensor) bool { return t.Datatype == FP32 && len(t.Labels) == t.width && t.width > 0 })
}

// number returns the output that is a number and all that a model says of a row, or −1.
func (s *Signature) number() int {
	if len(s.Outputs) == 1 && s.Outputs[0].Datatype == FP32 && s.Outputs[0].width == 1 && len(s.Outputs[0].Labels) == 0 {
		return 0
	}
	return -1
}

// outputs lists the names of outputs for an error.
func (s *Signature) outputs() string {
	names := make([]string, len(s.Outputs))
	for i := range s.Outputs {
		names[i] = strconv.Quote(s.Outputs[i].Name)
	}
	return strings.Join(names, ", ")
}

// checkRows returns an error for a number of rows that is out of limits.
func (s *Signature) checkRows(rows int) error {
	in := &s.Inputs[0]
	cost := in.width
	if in.Datatype == BYTES {
		cost *= 8
	}
	if most := min(s.MaxRows, s.MaxCells/cost); rows > most {
		return refuse("the request has more than %d rows, the most that this model takes at once: send fewer", most)
	}
	return nil
}
