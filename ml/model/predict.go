package model

import (
	"fmt"
	"math"
	"slices"

	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/nn"
	"scalar/tensor"
)

// A Predictor is a model that is ready to answer. It never changes, and is safe for
// concurrent use.
type Predictor struct {
	model   *Model
	encoder *data.Encoder
	graph   *nn.Graph // nil for clusters
	weights *nn.Weights
	linear  *linear // of a model of sparse rows and one dense layer
	centers *centers
	unit    float32 // of distances, in those of the data
}

// NewPredictor makes a model ready, with the tensors that Open gives with it. The cpu is used
// until it returns.
func NewPredictor(cpu *tensor.CPU, m *Model, tensors []Tensor) (*Predictor, error) {
	p := &Predictor{model: m, unit: 1}
	var err error
	if p.encoder, err = data.NewEncoder(m.Transform); err != nil {
		return nil, err
	}
	if m.Clusters != nil {
		if tensors, err = arrange([]want{{CentersTensor, []int{m.Clusters.K, p.encoder.Features()}}}, tensors); err != nil {
			return nil, err
		}
		if s := m.Transform.Scale; s.Kind == data.Bytes && m.Clusters.Metric == Euclidean {
			p.unit = float32(s.Deviation[0])
		}
		p.centers, err = newCenters(cpu, m.Clusters, tensors[0].Data)
		return p, err
	}
	if p.graph, err = nn.Compile(m.Net); err != nil {
		return nil, err
	}
	arena, err := Arena(p.graph, tensors)
	if err != nil {
		return nil, err
	}
	if m.Transform.Sparse {
		p.linear = linearOf(m.Net, Tensors(p.graph, arena))
	}
	p.weights, err = p.graph.Pack(cpu, arena)
	return p, err
}

// Model returns the model. It is not to be changed.
func (p *Predictor) Model() *Model { return p.model }

// Encoder returns what turns records into rows.
func (p *Predictor) Encoder() *data.Encoder { return p.encoder }

// An Answer is what a model says of rows. Slices are valid until the next call, and those that
// the model does not give are nil.
type Answer struct {
	// Logits and Probabilities have a row of a classifier's classes each.
	Logits, Probabilities tensor.Dense[float32]
	Classes               []int32   // the class of the largest logit, the first of equals
	Predictions           []float32 // of a regression
	Clusters              []int64   // the nearest centre, the first of equals
	// Distances are those from the nearest centre, in the units of the data where it is scaled
	// by one number or none, else in deviations.
	Distances []float32
}

// A RowError is about a row of a batch, from 0.
type RowError struct {
	Row  int
	What string
}

// Error returns what is wrong with which row.
func (e *RowError) Error() string { return fmt.Sprintf("row %d: %s", e.Row, e.What) }

// Unwrap makes it an error about input.
func (e *RowError) Unwrap() error { return job.Fail(job.FaultInput, "%s", e.Error()) }

// An Executor answers with a predictor. It belongs to one goroutine at a time, and keeps
// buffers for the largest batch that it has seen.
type Executor struct {
	p             *Predictor
	cpu           *tensor.CPU
	net           *nn.Executor
	probabilities []float32
	products      []float32
	rows, logits  []float32
	dims          [2]int
	answer        Answer
}

// NewExecutor returns an executor that computes on a cpu, which it does not close.
func (p *Predictor) NewExecutor(cpu *tensor.CPU) *Executor {
	e := &Executor{p: p, cpu: cpu}
	if p.graph != nil {
		e.net = nn.NewExecutor(p.graph, cpu)
	}
	return e
}

// Predict answers for rows as the encoder makes them, rows×features, or rows of the shape that
// the net takes, without gaps. A row has the same
// answer alone or in any batch. A row for which numbers overflow is a *RowError.
func (e *Executor) Predict(x tensor.Dense[float32]) (*Answer, error) {
	if want := e.p.encoder.Features(); (x.Rank() != 2 || x.Dim(1) != want) && !e.p.takes(x.Shape()) {
		return nil, job.Fail(job.FaultInput, "rows are %v: want rows of %d features", x, want)
	}
	rows := x.Dim(0)
	switch {
	case e.p.centers != nil:
		return e.cluster(x)
	case rows == 0:
		return e.decide(tensor.New[float32](0, e.p.graph.Outputs()))
	}
	logits, err := e.net.InferPacked(e.p.weights, x)
	if err != nil {
		return nil, err
	}
	return e.decide(logits)
}

// fresh returns the answer to fill in.
func (e *Executor) fresh() *Answer {
	a := &e.answer
	a.Classes, a.Predictions, a.Clusters, a.Distances = a.Classes[:0], a.Predictions[:0], a.Clusters[:0], a.Distances[:0]
	return a
}

// decide turns a net's outputs into an answer.
func (e *Executor) decide(logits tensor.Dense[float32]) (*Answer, error) {
	values, width := logits.Values(), e.p.graph.Outputs()
	if err := finite(values, width); err != nil {
		return nil, err
	}
	a := e.fresh()
	if !e.p.model.Classifier() {
		a.Predictions = append(a.Predictions, values...)
		return a, nil
	}
	a.Logits = logits
	for row := range slices.Chunk(values, width) {
		a.Classes = append(a.Classes, int32(nn.Largest(row)))
	}
	e.probabilities = grown(e.probabilities, len(values))
	var err error
	e.dims = [2]int{len(a.Classes), width}
	if a.Probabilities, err = tensor.From(e.probabilities, e.dims[:]...); err != nil {
		return nil, err
	}
	if len(values) == 0 {
		return a, nil
	}
	return a, e.cpu.Softmax(a.Probabilities, logits)
}

// takes reports whether a batch is of rows in the shape of the net's input.
func (p *Predictor) takes(shape []int) bool {
	return p.graph != nil && len(shape) > 1 && slices.Equal(shape[1:], p.graph.Input())
}

// finite returns an error about the first row of a width with a number that is not.
func finite(values []float32, width int) error {
	for i, v := range values {
		if v-v != 0 {
			return &RowError{i / width, fmt.Sprintf("its numbers are too large for the model, whose answer is %v", v)}
		}
	}
	return nil
}

// grown returns a slice of n numbers, in the same memory if it is large enough.
func grown(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}

// cluster finds the nearest centre of each row.
func (e *Executor) cluster(x tensor.Dense[float32]) (*Answer, error) {
	a, c, rows := e.fresh(), e.p.centers, x.Dim(0)
	if rows == 0 {
		return a, nil
	}
	e.products = grown(e.products, rows*c.k)
	out, err := tensor.From(e.products, rows, c.k)
	if err != nil {
		return nil, err
	}
	if err := e.cpu.MatMulPacked(out, x, c.packed, tensor.Epilogue{}); err != nil {
		return nil, err
	}
	for i := range rows {
		k, d := c.nearest(x.Row(i).Values(), out.Row(i).Values())
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return nil, &RowError{i, "its numbers are not finite"}
		}
		a.Clusters, a.Distances = append(a.Clusters, int64(k)), append(a.Distances, float32(d*float64(e.p.unit)))
	}
	if err := finite(a.Distances, 1); err != nil {
		return nil, err
	}
	return a, nil
}
