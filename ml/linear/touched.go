package linear

import (
	"encoding/binary"
	"errors"
	"math"
)

// touched is a gradient of the columns that rows have, some of very many: a column takes
// memory for its values once it is touched, and four bytes before.
type touched struct {
	free    int
	slot    []int32   // by column: its place in columns, from 1; 0: none
	columns []uint32  // in the order in which they were touched
	values  []float64 // free of each
	bias    []float64
	loss    float64 // sum over rows
	wrong   float64 // rows with another label
}

func newTouched(f Form) *touched {
	return &touched{free: f.Free(), slot: make([]int32, f.Features), bias: make([]float64, f.Free())}
}

// reset forgets all.
func (t *touched) reset() {
	for _, j := range t.columns {
		t.slot[j] = 0
	}
	t.columns, t.values, t.loss, t.wrong = t.columns[:0], t.values[:0], 0, 0
	clear(t.bias)
}

// at returns the values of a column, which it touches.
func (t *touched) at(j uint32) []float64 {
	if t.slot[j] == 0 {
		t.columns = append(t.columns, j)
		t.slot[j] = int32(len(t.columns))
		for range t.free {
			t.values = append(t.values, 0)
		}
	}
	k := int(t.slot[j]-1) * t.free
	return t.values[k : k+t.free]
}

// touch adds the gradient of rows, whose slopes are z, a row of outputs each.
func (e *evaluator) touch(t *touched, rows []uint32, z []float32) {
	o, first := e.form.Outputs, e.form.First
	for i, row := range rows {
		d := z[i*o+first : (i+1)*o]
		for c, v := range d {
			t.bias[c] += float64(v)
		}
		columns, values := e.set.Entries(int(row))
		for k, j := range columns {
			v, to := float64(values[k]), t.at(j)
			for c := range to {
				to[c] += float64(v * float64(d[c]))
			}
		}
	}
}

// append encodes the gradient: little-endian, how many columns, loss, wrong rows and bias,
// then the columns, 4 bytes each, then their values; all others have 8 bytes.
func (t *touched) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(len(t.columns)))
	b = appendFloats(b, t.loss, t.wrong)
	b = appendFloats(b, t.bias...)
	for _, j := range t.columns {
		b = binary.LittleEndian.AppendUint32(b, j)
	}
	return appendFloats(b, t.values...)
}

func appendFloats(b []byte, xs ...float64) []byte {
	for _, x := range xs {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

var errTouched = errors.New("linear: malformed gradient of another peer")

// addEncoded adds a gradient that append has encoded, and returns what comes after it.
func (t *touched) addEncoded(b []byte) ([]byte, error) {
	head := 8 * (3 + t.free)
	if len(b) < head {
		return nil, errTouched
	}
	count := binary.LittleEndian.Uint64(b)
	if count > uint64(len(t.slot)) || uint64(len(b)-head) < count*uint64(4+8*t.free) {
		return nil, errTouched
	}
	number := func(at int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b[at:])) }
	t.loss += number(8)
	t.wrong += number(16)
	for c := range t.bias {
		t.bias[c] += number(24 + 8*c)
	}
	columns, values := b[head:], b[head+4*int(count):]
	for i := range int(count) {
		j := binary.LittleEndian.Uint32(columns[4*i:])
		if int(j) >= len(t.slot) {
			return nil, errTouched
		}
		to := t.at(j)
		for c := range to {
			to[c] += math.Float64frombits(binary.LittleEndian.Uint64(values[8*(i*t.free+c):]))
		}
	}
	return values[8*int(count)*t.free:], nil
}
