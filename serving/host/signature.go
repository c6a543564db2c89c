package host

import (
	"fmt"
	"net/http"
	"slices"

	"scalar/ml/model"
	"scalar/serving/protocol"
)

// signatureOf returns what protocols know of a model.
func signatureOf(name, version string, m *model.Model) (*protocol.Signature, error) {
	t := m.Transform
	s := &protocol.Signature{Model: name, Version: version, Platform: "scalar_" + m.Kind}
	for _, p := range m.Inputs {
		s.Inputs = append(s.Inputs, protocol.Tensor{Name: p.Name, Datatype: p.Datatype, Shape: p.Shape, Also: p.Also, Labels: p.Labels})
	}
	for _, p := range m.Outputs {
		out := protocol.Tensor{Name: p.Name, Datatype: p.Datatype, Shape: p.Shape, Also: p.Also, Labels: p.Labels}
		if p.Name == model.LabelPort {
			out.Labels = t.Label.Classes
		}
		s.Outputs = append(s.Outputs, out)
	}
	if len(t.Categories) > 0 {
		s.Texts = make([]bool, t.Columns)
		for _, c := range t.Categories {
			s.Texts[c.Column] = true
		}
	}
	if sorted := slices.Sorted(slices.Values(t.Names)); len(slices.Compact(sorted)) == t.Columns {
		s.Columns = t.Names
	}
	return s, s.Init()
}

// encode turns rows [first, first+n) of a request into rows of features.
func (v *Version) encode(dst []float32, r *protocol.Request, first, n int) error {
	e, columns := v.encoder, v.columns
	for i := range n {
		row := dst[i*v.features : (i+1)*v.features]
		at := (first + i) * columns
		var err error
		if v.texts {
			err = v.cells(row, r.Cells[at:at+columns])
		} else {
			err = e.Values(row, r.X[at:at+columns])
		}
		if err != nil {
			return &protocol.Error{Status: http.StatusBadRequest, Message: fmt.Sprintf("row %d: %v", first+i, err)}
		}
	}
	return nil
}

// cells turns a record of texts and numbers into a row.
func (v *Version) cells(row []float32, record []protocol.Cell) (err error) {
	clear(row)
	for column := range record {
		switch c := &record[column]; c.Kind {
		case protocol.Text:
			err = v.encoder.Text(row, column, c.Text)
		case protocol.Number:
			err = v.encoder.Number(row, column, c.Number)
		default:
			err = v.encoder.Missing(row, column)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// begin empties an answer, and keeps its memory.
func (v *Version) begin(a *protocol.Answer) {
	a.Rows = 0
	if cap(a.Outputs) < len(v.ports) {
		a.Outputs = make([]protocol.Values, len(v.ports))
	}
	a.Outputs = a.Outputs[:len(v.ports)]
	for i := range a.Outputs {
		o := &a.Outputs[i]
		o.F32, o.I64, o.Classes = o.F32[:0], o.I64[:0], o.Classes[:0]
	}
}

// add appends rows [first, first+n) of what a model said to an answer.
func (v *Version) add(a *protocol.Answer, from *model.Answer, first, n int) {
	a.Rows += n
	for i, port := range v.ports {
		o := &a.Outputs[i]
		switch port {
		case model.ProbabilitiesPort:
			width := from.Probabilities.Dim(1)
			o.F32 = append(o.F32, from.Probabilities.Values()[first*width:(first+n)*width]...)
		case model.LabelPort:
			o.Classes = append(o.Classes, from.Classes[first:first+n]...)
		case model.PredictionPort:
			o.F32 = append(o.F32, from.Predictions[first:first+n]...)
		case model.ClusterPort:
			o.I64 = append(o.I64, from.Clusters[first:first+n]...)
		case model.DistancePort:
			o.F32 = append(o.F32, from.Distances[first:first+n]...)
		}
	}
}
