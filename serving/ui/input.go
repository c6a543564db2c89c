package ui

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"scalar/serving/protocol"
)

// ask is the form for a target.
type ask struct {
	Target  string
	Choices []choice
	Input   input
	Problem string // why there is no input
}

// input is what a version takes.
type input struct {
	Version string
	Text    string // in words
	Example string // a row
	Image   *image // nil: its rows are no images
}

// image says how a drawing becomes a row: the middle of side × side numbers from 0 to Ink.
type image struct {
	Side, Margin int
	Ink          int
	Pen          int // of 280
}

// ask returns the form for a target.
func (p *Page) ask(u User, to string) ask {
	a := ask{Target: to}
	q := questionOf(to)
	lease, err := p.config.Host.Acquire(u.Namespace, q.Model, q.Version, q.Label)
	if err != nil {
		a.Problem = err.Error()
		return a
	}
	defer lease.Release()
	a.Input = inputOf(lease.Signature())
	return a
}

// form answers with the part of the form that depends on the target.
func (p *Page) form(r request) error {
	return p.html(r.ctx, rows(p.ask(r.user, field(r.ctx.URI().QueryString(), "target"))))
}

// A Question is rows for a model, in the short form of JSON or CSV. Without a version and a label, traffic decides.
type Question struct {
	Model, Version, Label []byte
	Rows                  []byte
}

// questionOf reads a target.
func questionOf(to string) (q Question) {
	if model, version, ok := strings.Cut(to, versionsOf); ok {
		return Question{Model: []byte(model), Version: []byte(version)}
	}
	if model, label, ok := strings.Cut(to, labelsOf); ok {
		return Question{Model: []byte(model), Label: []byte(label)}
	}
	return Question{Model: []byte(to)}
}

const (
	mostNamed = 64  // columns, that an example has by name
	mostZeros = 256 // columns of an example without names
	mostWords = 12  // names of columns in the words about an input
)

// inputOf describes what a signature takes.
func inputOf(s *protocol.Signature) input {
	in := input{Version: s.Version, Image: imageOf(s)}
	n := s.Width()
	in.Text = fmt.Sprintf("A row is %d values", n)
	if s.Inputs[0].Datatype == protocol.FP32 {
		in.Text = fmt.Sprintf("A row is %d numbers", n)
	}
	if len(s.Columns) > 0 && in.Image == nil {
		names := strings.Join(s.Columns[:min(n, mostWords)], ", ")
		if n > mostWords {
			names += ", …"
		}
		in.Text += ": " + names
	}
	in.Text += "."
	switch {
	case in.Image != nil:
	case len(s.Columns) > 0 && n <= mostNamed:
		in.Example = named(s)
	case n <= mostZeros:
		in.Example = "[" + strings.TrimSuffix(strings.Repeat("0, ", n), ", ") + "]"
	}
	return in
}

// named returns a row by names of columns.
func named(s *protocol.Signature) string {
	fields := make([]string, len(s.Columns))
	for i, name := range s.Columns {
		key, err := json.Marshal(name)
		if err != nil {
			panic(err) // a text can be written
		}
		value := "0"
		if s.Texts != nil && s.Texts[i] {
			value = `""`
		}
		fields[i] = string(key) + ": " + value
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

// Sides of images that are drawn, in pixels; those of 28 and 8 have names in the trade: MNIST, and the UCI digits.
const (
	leastSide = 8
	mostSide  = 64
)

// imageOf returns how a model's image is drawn, nil if its input is none: it has to classify, and take squares of numbers.
func imageOf(s *protocol.Signature) *image {
	t := &s.Inputs[0]
	classifies := slices.ContainsFunc(s.Outputs, func(o protocol.Tensor) bool { return len(o.Labels) > 1 })
	if t.Datatype != protocol.FP32 || !classifies {
		return nil
	}
	side := map[int]int{28 * 28: 28, 8 * 8: 8}[s.Width()]
	for _, also := range t.Also {
		// [−1, 1, side, side], or without the channel, or with it at the end
		if i := slices.IndexFunc(also[1:], func(d int) bool { return d > 1 }); i >= 0 && also[1+i]*also[1+i] == s.Width() {
			side = also[1+i]
		}
	}
	if side < leastSide || side > mostSide {
		return nil
	}
	if side < 20 { // the UCI digits: counts of 4 × 4 pixels, up to the edge
		return &image{Side: side, Ink: 16, Pen: 40}
	}
	return &image{Side: side, Margin: side / 7, Ink: 255, Pen: 24} // MNIST's digits are 20 of 28 pixels
}

// test answers a question.
func (p *Page) test(r request) error {
	form, err := r.form(questions)
	if err != nil {
		return err
	}
	q := questionOf(field(form, "target"))
	q.Rows = []byte(field(form, "rows"))
	reply, err := r.visit.Predict(q)
	if known, ok := errors.AsType[*protocol.Error](err); ok {
		r.ctx.SetStatusCode(known.Status)
		return p.html(r.ctx, refusal(known))
	}
	if err != nil {
		return err
	}
	return p.html(r.ctx, answer(answerOf(reply)))
}
