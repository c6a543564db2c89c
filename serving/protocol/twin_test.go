package protocol_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"scalar/serving/protocol"
)

// A twin reads bodies by encoding/json: plain, slow, and as the protocols' documents have them.
type twin struct {
	rows    int
	x       []float32 // NaN: missing
	cells   []string  // a number is =TEXT, a text "TEXT", a missing value is empty
	outputs []protocol.OutputChoice
	id      string
	timeout uint64
	refused error
}

var errTwin = errors.New("refused")

func decode(doc []byte, v any) error {
	if !json.Valid(doc) || stricter(doc) {
		return errTwin
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	return d.Decode(v)
}

// flatten returns the leaves of nested arrays, whose lengths are those of shape, or of one flat array.
func flatten(v any, shape []int, top bool) ([]any, bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	deeper := slices.ContainsFunc(list, func(v any) bool { _, ok := v.([]any); return ok })
	if !deeper {
		want := shape[0]
		if top {
			for _, d := range shape[1:] {
				want *= d
			}
		}
		return list, len(list) == want && (top || len(shape) == 1)
	}
	if len(shape) == 1 || len(list) != shape[0] {
		return nil, false
	}
	var all []any
	for _, v := range list {
		leaves, ok := flatten(v, shape[1:], false)
		if !ok {
			return nil, false
		}
		all = append(all, leaves...)
	}
	return all, true
}

// add takes the values of rows.
func (w *twin) add(s *protocol.Signature, leaves []any, datatype string) error {
	for i, v := range leaves {
		if s.Inputs[0].Datatype == protocol.BYTES {
			text, err := cellText(s, i%s.Width(), v)
			if err != nil {
				return err
			}
			w.cells = append(w.cells, text)
			continue
		}
		if v == nil {
			w.x = append(w.x, float32(math.NaN()))
			continue
		}
		n, ok := v.(json.Number)
		if !ok {
			return errTwin
		}
		if strings.Contains(datatype, "INT") {
			bits, _ := strconv.Atoi(strings.TrimLeft(datatype, "UINT"))
			if strings.HasPrefix(datatype, "U") {
				u, err := strconv.ParseUint(strings.TrimPrefix(string(n), "-"), 10, bits)
				if err != nil || strings.HasPrefix(string(n), "-") && u > 0 {
					return errTwin
				}
			} else if _, err := strconv.ParseInt(string(n), 10, bits); err != nil {
				return err
			}
		}
		x, err := strconv.ParseFloat(string(n), 32)
		if err != nil {
			return err
		}
		w.x = append(w.x, float32(x))
	}
	return nil
}

func cellText(s *protocol.Signature, column int, v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return strconv.Quote(v), nil
	case bytesOf:
		return strconv.Quote(string(v)), nil
	case json.Number:
		if s.Texts != nil && s.Texts[column] {
			x, err := strconv.ParseFloat(string(v), 64)
			return fmt.Sprint("=", x), err
		}
		x, err := strconv.ParseFloat(string(v), 32)
		return fmt.Sprint("=", x), err
	}
	return "", errTwin
}

// cellsOf writes cells as the twin does.
func cellsOf(cells []protocol.Cell) (texts []string) {
	for _, c := range cells {
		switch c.Kind {
		case protocol.Number:
			texts = append(texts, fmt.Sprint("=", c.Number))
		case protocol.Text:
			texts = append(texts, strconv.Quote(string(c.Text)))
		default:
			texts = append(texts, "")
		}
	}
	return texts
}

// parseV2 reads a request of V2.
func parseV2(s *protocol.Signature, body []byte, header int) *twin {
	w, err := readV2(s, body, header)
	if err != nil {
		return &twin{refused: err}
	}
	return w
}

func readV2(s *protocol.Signature, body []byte, header int) (*twin, error) {
	var rest []byte
	if header >= 0 {
		if header > len(body) {
			return nil, errTwin
		}
		body, rest = body[:header], body[header:]
	}
	if header == 0 {
		return bareV2(s, rest)
	}
	var doc any
	if err := decode(body, &doc); err != nil {
		return nil, err
	}
	top, ok := doc.(map[string]any)
	if !ok {
		return nil, errTwin
	}
	w := &twin{}
	if id, there := top["id"]; there && id != nil {
		if w.id, ok = id.(string); !ok {
			return nil, errTwin
		}
	}
	all, err := w.parametersOf(top)
	if err != nil {
		return nil, err
	}
	inputs, ok := top["inputs"].([]any)
	if !ok || len(inputs) != 1 {
		return nil, errTwin
	}
	if rest, err = w.input(s, inputs[0], rest); err != nil || len(rest) > 0 {
		return nil, errTwin
	}
	return w, w.choose(s, top, all)
}

// bareV2 reads a body that is numbers.
func bareV2(s *protocol.Signature, b []byte) (*twin, error) {
	w := &twin{rows: len(b) / 4 / s.Width()}
	if s.Inputs[0].Datatype == protocol.BYTES || w.rows == 0 || w.rows > s.MaxRows || w.rows > s.MaxCells/s.Width() || len(b) != 4*w.rows*s.Width() {
		return nil, errTwin
	}
	return w, errors.Join(w.bytes(s, b, "FP32"), w.choose(s, nil, true))
}

func (w *twin) parametersOf(top map[string]any) (all bool, err error) {
	v := top["parameters"]
	parameters, ok := v.(map[string]any)
	if v != nil && !ok {
		return false, errTwin
	}
	if v, there := parameters["timeout"]; there {
		n, ok := v.(json.Number)
		if w.timeout, err = strconv.ParseUint(string(n), 10, 64); !ok || err != nil || w.timeout > math.MaxInt64/1000 {
			return false, errTwin
		}
	}
	v, there := parameters["binary_data_output"]
	if all, ok = v.(bool); there && !ok {
		return false, errTwin
	}
	return all, nil
}

func (w *twin) input(s *protocol.Signature, v any, rest []byte) ([]byte, error) {
	in, ok := v.(map[string]any)
	if !ok || in["name"] != s.Inputs[0].Name {
		return nil, errTwin
	}
	shape, err := shapeOf(in["shape"])
	if err != nil {
		return nil, err
	}
	takes := false
	for _, want := range append([][]int{s.Inputs[0].Shape}, s.Inputs[0].Also...) {
		takes = takes || len(want) == len(shape) && slices.Equal(want[1:], shape[1:])
	}
	datatype, _ := in["datatype"].(string)
	types := []string{"FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"}
	if s.Inputs[0].Datatype == protocol.BYTES {
		types = []string{"BYTES"}
	}
	if !takes || !slices.Contains(types, datatype) || shape[0] > s.MaxRows || shape[0] > s.MaxCells/s.Width() {
		return nil, errTwin
	}
	w.rows = shape[0]
	size := -1
	if v := in["parameters"]; v != nil {
		parameters, ok := v.(map[string]any)
		if _, shared := parameters["shared_memory_region"]; !ok || shared {
			return nil, errTwin
		}
		if v, there := parameters["binary_data_size"]; there {
			n, ok := v.(json.Number)
			var err error
			if size, err = strconv.Atoi(string(n)); !ok || err != nil || strings.HasPrefix(string(n), "-") {
				return nil, errTwin
			}
		}
	}
	data, there := in["data"]
	if there == (size >= 0) || size > len(rest) {
		return nil, errTwin
	}
	if !there {
		return rest[size:], w.bytes(s, rest[:size], datatype)
	}
	leaves, ok := flatten(data, shape, true)
	if !ok {
		return nil, errTwin
	}
	return rest, w.add(s, leaves, datatype)
}

// shapeOf reads dimensions above 0.
func shapeOf(v any) (shape []int, err error) {
	dims, ok := v.([]any)
	if !ok {
		return nil, errTwin
	}
	for _, d := range dims {
		n, ok := d.(json.Number)
		x, err := strconv.Atoi(string(n))
		if !ok || err != nil || x < 1 || strings.HasPrefix(string(n), "-") {
			return nil, errTwin
		}
		shape = append(shape, x)
	}
	return shape, nil
}

// bytes takes a binary tensor by encoding/binary.
func (w *twin) bytes(s *protocol.Signature, b []byte, datatype string) error {
	n, r := w.rows*s.Width(), bytes.NewReader(b)
	switch datatype {
	case "BYTES":
		for range n {
			var size uint32
			if binary.Read(r, binary.LittleEndian, &size) != nil || int64(size) > int64(r.Len()) {
				return errTwin
			}
			text := make([]byte, size)
			_, _ = r.Read(text)
			w.cells = append(w.cells, strconv.Quote(string(text)))
		}
	case "FP32":
		w.x = make([]float32, n)
		if binary.Read(r, binary.LittleEndian, w.x) != nil {
			return errTwin
		}
	case "FP64":
		x := make([]float64, n)
		if binary.Read(r, binary.LittleEndian, x) != nil {
			return errTwin
		}
		for _, v := range x {
			if !math.IsInf(v, 0) && math.IsInf(float64(float32(v)), 0) {
				return errTwin
			}
			w.x = append(w.x, float32(v))
		}
	case "INT8":
		return wholes[int8](w, r, n)
	case "INT16":
		return wholes[int16](w, r, n)
	case "INT32":
		return wholes[int32](w, r, n)
	case "INT64":
		return wholes[int64](w, r, n)
	case "UINT8":
		return wholes[uint8](w, r, n)
	case "UINT16":
		return wholes[uint16](w, r, n)
	case "UINT32":
		return wholes[uint32](w, r, n)
	case "UINT64":
		return wholes[uint64](w, r, n)
	}
	if r.Len() > 0 {
		return errTwin
	}
	return nil
}

func wholes[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](w *twin, r *bytes.Reader, n int) error {
	x := make([]T, n)
	if binary.Read(r, binary.LittleEndian, x) != nil || r.Len() > 0 {
		return errTwin
	}
	for _, v := range x {
		w.x = append(w.x, float32(v))
	}
	return nil
}

// choose takes the outputs that are asked for.
func (w *twin) choose(s *protocol.Signature, top map[string]any, all bool) error {
	v := top["outputs"]
	outputs, ok := v.([]any)
	if v != nil && !ok {
		return errTwin
	}
	for _, v := range outputs {
		o, ok := v.(map[string]any)
		if !ok {
			return errTwin
		}
		c := protocol.OutputChoice{Index: -1, Binary: all}
		for i, t := range s.Outputs {
			if t.Name == o["name"] {
				c.Index = i
			}
		}
		if c.Index < 0 || slices.ContainsFunc(w.outputs, func(b protocol.OutputChoice) bool { return b.Index == c.Index }) {
			return errTwin
		}
		v := o["parameters"]
		parameters, ok := v.(map[string]any)
		if _, shared := parameters["shared_memory_region"]; v != nil && !ok || shared {
			return errTwin
		}
		if v, there := parameters["binary_data"]; there {
			if c.Binary, ok = v.(bool); !ok {
				return errTwin
			}
		}
		if v, there := parameters["classification"]; there {
			n, ok := v.(json.Number)
			k, err := strconv.ParseUint(string(n), 10, 64)
			if !ok || err != nil || k > 100 || k > 0 && s.Outputs[c.Index].Datatype != protocol.FP32 {
				return errTwin
			}
			width := 1
			for _, d := range s.Outputs[c.Index].Shape[1:] {
				width *= d
			}
			c.Top = min(int(k), width)
		}
		w.outputs = append(w.outputs, c)
	}
	if len(w.outputs) == 0 {
		for i := range s.Outputs {
			w.outputs = append(w.outputs, protocol.OutputChoice{Index: i, Binary: all})
		}
	}
	return nil
}
