package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"scalar/serving/protocol"
)

// A Reply is what a version said to a question.
type Reply struct {
	Version   string
	Signature *protocol.Signature
	Request   *protocol.Request
	Answer    *protocol.Answer
	Took      time.Duration
	Kept      bool // in the cache
}

const (
	mostRows = 10 // of an answer that are shown
	mostBars = 12 // of a row; of more classes the likeliest
	mostJSON = 4 << 10
)

// answerView is what the page shows of an answer.
type answerView struct {
	Model, Version string
	Took           time.Duration
	Kept           bool
	Rows           [][]outputView
	Hidden         int // rows that are not shown
	JSON           string
}

// outputView is an output of a row.
type outputView struct {
	Name   string
	Text   string // of what has no bars
	Bars   []bar
	Hidden int // classes that are not shown
}

// A bar is a class and how likely it is.
type bar struct {
	Label, Value, Width string // Width of 100
	Best                bool
}

func answerOf(r Reply) answerView {
	a := answerView{Model: r.Signature.Model, Version: r.Version, Took: r.Took, Kept: r.Kept, Hidden: max(0, r.Answer.Rows-mostRows)}
	for row := range r.Answer.Rows - a.Hidden {
		outputs := make([]outputView, 0, len(r.Request.Outputs))
		for _, choice := range r.Request.Outputs {
			outputs = append(outputs, outputOf(&r.Signature.Outputs[choice.Index], &r.Answer.Outputs[choice.Index], r.Answer.Rows, row))
		}
		a.Rows = append(a.Rows, outputs)
	}
	text := protocol.AppendNative(nil, r.Signature, r.Request, r.Answer)
	a.JSON = string(text[:min(len(text), mostJSON)])
	if len(text) > mostJSON {
		a.JSON += "…"
	}
	return a
}

// outputOf returns a row of an output of some rows.
func outputOf(t *protocol.Tensor, v *protocol.Values, rows, row int) outputView {
	o := outputView{Name: t.Name}
	switch t.Datatype {
	case protocol.FP32:
		of := part(v.F32, rows, row)
		if len(of) > 1 && len(t.Labels) == len(of) {
			o.Bars = bars(t.Labels, of)
			o.Hidden = len(of) - len(o.Bars)
			break
		}
		o.Text = join(of, func(x float32) string { return strconv.FormatFloat(float64(x), 'g', -1, 32) })
	case protocol.INT64:
		o.Text = join(part(v.I64, rows, row), func(n int64) string { return strconv.FormatInt(n, 10) })
	default:
		o.Text = join(part(v.Classes, rows, row), func(c int32) string { return t.Labels[c] })
	}
	return o
}

// part returns a row of values.
func part[T any](values []T, rows, row int) []T {
	n := len(values) / rows
	return values[row*n : (row+1)*n]
}

// join writes up to 100 values.
func join[T any](values []T, text func(T) string) (all string) {
	for i, v := range values {
		if i > 0 {
			all += ", "
		}
		if i == 100 {
			return all + "…"
		}
		all += text(v)
	}
	return all
}

// bars returns the likeliest classes in their order.
func bars(labels []string, p []float32) (all []bar) {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	best := order[0]
	order = order[:min(len(order), mostBars)]
	slices.Sort(order)
	for _, i := range order {
		x := min(max(float64(p[i]), 0), 1)
		all = append(all, bar{labels[i], fmt.Sprintf("%.1f %%", 100*x), strconv.FormatFloat(100*x, 'f', 2, 64), i == best})
	}
	return all
}
