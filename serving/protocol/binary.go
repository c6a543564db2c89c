package protocol

import (
	"encoding/binary"
	"math"

	"scalar/serving/internal/raw"
)

// binaryIn takes an input from the bytes after the JSON.
func (p *v2) binaryIn(t *inTensor) error {
	in := &p.s.Inputs[0]
	if t.size > len(p.bytes) {
		return refuse("input %q has binary_data_size %d, and %d bytes follow the JSON", in.Name, t.size, len(p.bytes))
	}
	b := p.bytes[:t.size:t.size]
	p.bytes = p.bytes[t.size:]
	n := t.rows * in.width
	if in.Datatype == BYTES {
		return p.textsIn(b, n)
	}
	size := 4
	kind := integersOf(t.datatype)
	if kind != nil {
		size = kind.bytes
	} else if string(t.datatype) == fp64 {
		size = 8
	}
	if t.size != n*size {
		return refuse("input %q has binary_data_size %d: its shape of %s takes %d", in.Name, t.size, t.datatype, n*size)
	}
	if size == 4 && kind == nil {
		p.view(b, n)
		return nil
	}
	p.r.room(n)
	if kind != nil {
		wholeNumbers(p.r.X, b, kind)
		return nil
	}
	for i := range p.r.X {
		v := math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		if x := float32(v); !math.IsInf(float64(x), 0) || math.IsInf(v, 0) {
			p.r.X[i] = x
			continue
		}
		return refuse("%v is beyond float32, whose largest number is 3.4028235e38", v)
	}
	return nil
}

// view takes n numbers where they are, if they lie there as float32s do.
func (p *v2) view(b []byte, n int) {
	var ok bool
	if p.r.X, ok = raw.View(b); !ok {
		p.r.room(n)
		raw.Copy(p.r.X, b)
	}
}

// bare takes a body without JSON (Triton's raw binary request): it is the input, as many rows of FP32 as it has bytes for, and the
// answer is in binary.
func (p *v2) bare() error {
	in, n := &p.s.Inputs[0], len(p.bytes)
	size := 4 * in.width
	switch {
	case in.Datatype != FP32:
		return refuse("Inference-Header-Content-Length is 0, and input %q is of texts: JSON has to say how they are shaped", in.Name)
	case n == 0 || n%size != 0:
		return refuse("Inference-Header-Content-Length is 0, and the body has %d bytes: want those of rows of FP32, %d each", n, size)
	}
	p.r.Rows = n / size
	if err := p.s.checkRows(p.r.Rows); err != nil {
		return err
	}
	p.view(p.bytes, n/4)
	p.bytes, p.input, p.binary = nil, true, true
	return nil
}

// wholeNumbers converts whole numbers of a type.
func wholeNumbers(x []float32, b []byte, t *integers) {
	for i := range x {
		var v uint64
		for k := t.bytes - 1; k >= 0; k-- {
			v = v<<8 | uint64(b[i*t.bytes+k])
		}
		if unused := 64 - 8*t.bytes; t.signed {
			x[i] = float32(int64(v<<unused) >> unused)
		} else {
			x[i] = float32(v)
		}
	}
}

// textsIn takes n texts, each after its length in 4 bytes.
func (p *v2) textsIn(b []byte, n int) error {
	in := &p.s.Inputs[0]
	for i := range n {
		if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
			return refuse("input %q ends within text %d of the %d of its shape", in.Name, i, n)
		}
		size := int(binary.LittleEndian.Uint32(b))
		p.r.Cells = append(p.r.Cells, Cell{Kind: Text, Text: b[4 : 4+size : 4+size]})
		b = b[4+size:]
	}
	if len(b) > 0 {
		return refuse("input %q has %d bytes after the %d texts of its shape", in.Name, len(b), n)
	}
	return nil
}
