package model

import (
	"fmt"
	"reflect"

	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/nn"
)

// Format is the version of model.json that is written. All up to it are read.
const Format = 1

// The names of a model's files.
const (
	ModelFile   = "model.json"
	WeightsFile = "weights.safetensors"
)

// A Model is what model.json holds. A program that trains sets Kind, Transform, one of Net
// and Clusters, and Training; [Model.Files] fills in the rest, which follows from them.
type Model struct {
	Format    int             `json:"format"`
	Kind      string          `json:"kind"` // of the program: softmax, mlp, cnn, linear, logistic, kmeans
	Inputs    []Port          `json:"inputs"`
	Outputs   []Port          `json:"outputs"`
	Transform *data.Transform `json:"transform"`
	Net       *nn.Spec        `json:"net,omitempty"`
	Clusters  *Clusters       `json:"clusters,omitempty"`
	Training  Training        `json:"training"`
	Weights   FileRef         `json:"weights"`
	Digest    string          `json:"digest,omitempty"` // SHA-256 in hex of the JSON without it
}

// A Port is something that goes in or comes out.
type Port struct {
	Name     string   `json:"name"`
	Datatype string   `json:"datatype"`         // FP32, INT64 or BYTES, as in the Open Inference Protocol
	Shape    []int    `json:"shape"`            // -1: rows
	Also     [][]int  `json:"also,omitempty"`   // other shapes that it may have
	Labels   []string `json:"labels,omitempty"` // of the columns
}

// The datatypes of ports.
const (
	FP32  = "FP32"
	INT64 = "INT64"
	BYTES = "BYTES" // texts
)

// The names of ports.
const (
	InputPort         = "input"         // records in the units of the training file
	ProbabilitiesPort = "probabilities" // of each class
	LabelPort         = "label"         // of the likeliest class
	PredictionPort    = "prediction"    // the number that was learnt
	ClusterPort       = "cluster"       // the nearest one, from 0
	DistancePort      = "distance"      // from its centre
)

// Clusters are those of k-means. Their centres are the tensor "centers", K×features, after
// the transform.
type Clusters struct {
	K      int    `json:"k"`
	Metric string `json:"metric"` // euclidean or cosine
}

// The metrics of clusters. A cosine distance is 1 minus the cosine of the angle, and 1 if
// either is all zeros.
const (
	Euclidean = "euclidean"
	Cosine    = "cosine"
)

// CentersTensor is the name of the centres among the tensors.
const CentersTensor = "centers"

// A FileRef says which bytes a file has.
type FileRef struct {
	Digest string `json:"digest"` // SHA-256 in hex
	Bytes  int64  `json:"bytes"`
}

// A Training is how a model came to be.
type Training struct {
	Program string            `json:"program"`
	Options map[string]string `json:"options"` // as they count, defaults too
	Seed    uint64            `json:"seed"`
	Data    Data              `json:"data"`
	Epochs  int               `json:"epochs"`
	Steps   int               `json:"steps"`
	Shards  int               `json:"shards"`
	Loss    float64           `json:"loss"`  // of the last epoch, mean: nats, or squared error
	Error   float64           `json:"error"` // of the last epoch: 1 − accuracy; regression: root of the mean squared error

	Validation *Score  `json:"validation,omitempty"`
	Test       *Score  `json:"test,omitempty"`
	History    []Epoch `json:"history,omitempty"` // of nets: all epochs, the model is that of Epochs
	Stopped    string  `json:"stopped,omitempty"` // why training ended before its last epoch
	Version    string  `json:"version"`           // of bsp
}

// Data says which rows a model was trained on and chosen by: those of validation are among them.
type Data struct {
	URL     string `json:"url"`
	Digest  string `json:"digest"` // [data.Source.MergeDigests]
	Rows    int    `json:"rows"`
	Dropped int    `json:"dropped,omitempty"` // left out since a value was missing
}

// A Score is what a model gets right of rows that it was not trained on.
type Score struct {
	Rows  int     `json:"rows"`
	Loss  float64 `json:"loss"`
	Error float64 `json:"error"`
}

// Classifier reports whether the model tells classes.
func (m *Model) Classifier() bool {
	return m.Net != nil && m.Transform.Label != nil && m.Transform.Label.Target == data.Classes
}

// ports fills in what goes in and comes out.
func (m *Model) ports() {
	rows, t := -1, m.Transform
	in := Port{Name: InputPort, Datatype: FP32, Shape: []int{rows, t.Columns}}
	if len(t.Categories) > 0 {
		in.Datatype = BYTES
	}
	if m.Net != nil && len(m.Net.Input) > 1 {
		in.Also = [][]int{append([]int{rows}, m.Net.Input...)}
	}
	m.Inputs = []Port{in}
	switch {
	case m.Clusters != nil:
		m.Outputs = []Port{
			{Name: ClusterPort, Datatype: INT64, Shape: []int{rows, 1}},
			{Name: DistancePort, Datatype: FP32, Shape: []int{rows, 1}},
		}
	case m.Classifier():
		classes := t.Label.Classes
		m.Outputs = []Port{
			{Name: ProbabilitiesPort, Datatype: FP32, Shape: []int{rows, len(classes)}, Labels: classes},
			{Name: LabelPort, Datatype: BYTES, Shape: []int{rows, 1}},
		}
	default:
		m.Outputs = []Port{{Name: PredictionPort, Datatype: FP32, Shape: []int{rows, 1}}}
	}
}

// want is a tensor that a model has to have.
type want struct {
	name  string
	shape []int
}

// check returns what does not fit together in a model, and the tensors that it has to have,
// in the order of the arena. The weights' digest and the model's own are not looked at.
func (m *Model) check() ([]want, error) {
	bad := func(format string, args ...any) error {
		return job.Fail(job.FaultInput, "the model is damaged: %s", fmt.Sprintf(format, args...))
	}
	switch {
	case m.Kind == "":
		return nil, bad("it has no kind")
	case m.Transform == nil:
		return nil, bad("it has no transform")
	case (m.Net == nil) == (m.Clusters == nil):
		return nil, bad("want either a net or clusters")
	}
	if err := m.Transform.Validate(); err != nil {
		return nil, err
	}
	width := m.Transform.Features()
	if m.Clusters != nil {
		return m.checkClusters(width, bad)
	}
	g, err := nn.Compile(m.Net)
	if err != nil {
		return nil, bad("its net: %v", err)
	}
	takes := 1
	for _, d := range m.Net.Input {
		takes *= d
	}
	label := m.Transform.Label
	switch {
	case takes != width:
		return nil, bad("its net takes %d features and its transform gives %d", takes, width)
	case label == nil:
		return nil, bad("it has a net and no label to predict")
	case label.Target == data.Classes && g.Loss() == nn.Squared, label.Target == data.Numbers && g.Loss() != nn.Squared:
		return nil, bad("its net has the loss %s and its label is one of %v", g.Loss(), label.Target)
	case label.Target == data.Classes && g.Outputs() != len(label.Classes):
		return nil, bad("its net gives %d numbers and there are %d classes", g.Outputs(), len(label.Classes))
	case label.Target == data.Numbers && g.Outputs() != 1:
		return nil, bad("its net gives %d numbers: want one prediction", g.Outputs())
	}
	var wants []want
	for _, p := range g.Params() {
		wants = append(wants, want{p.Name, p.Shape})
	}
	return wants, nil
}

func (m *Model) checkClusters(width int, bad func(string, ...any) error) ([]want, error) {
	c := m.Clusters
	if c.K < 1 || c.Metric != Euclidean && c.Metric != Cosine {
		return nil, bad("%d clusters by the metric %q", c.K, c.Metric)
	}
	return []want{{CentersTensor, []int{c.K, width}}}, nil
}

// checkPorts returns an error if the ports are not those that follow from the rest.
func (m *Model) checkPorts() error {
	c := *m
	c.ports()
	if !reflect.DeepEqual(c.Inputs, m.Inputs) || !reflect.DeepEqual(c.Outputs, m.Outputs) {
		return job.Fail(job.FaultInput, "the model is damaged: its inputs and outputs are not those of its transform and its %s", m.Kind)
	}
	return nil
}
