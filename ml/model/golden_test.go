package model_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/ml/nn"
)

var rewrite = flag.Bool("rewrite", false, "make the golden folders anew; those of a format that was released stay as they are")

// golden is the folder of a golden model.
func golden(tb testing.TB, name string) string {
	tb.Helper()
	return absolute(tb, "testdata/v1/"+name)
}

func absolute(tb testing.TB, path string) string {
	tb.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// The inputs of the golden models.
const (
	points = "0,0\n10,0\n0,10\n100,100\n90,100\n100,90\n"
	houses = "size,rooms,district,price\n50,2,north,150\n80,3,south,200\n120,5,north,330\n65,,south,170\n100,4,north,290\n40,1,south,110\n"
)

// digits is the UCI digits' folder.
const digits = "../../examples/digits/"

// goldenModels makes them; names are those of their folders.
func goldenModels(tb testing.TB) map[string][]model.File {
	tb.Helper()
	all := map[string][]model.File{}
	put := func(name string, m *model.Model, tensors []model.Tensor) {
		files, err := m.Files(tensors)
		if err != nil {
			tb.Fatal(err)
		}
		all[name] = files
	}
	set, e := read(tb, data.Input{URL: absolute(tb, digits+"train.csv.gz"), Target: data.Classes}, "")
	net := nn.MLP(64, []int{16}, 10)
	g := compile(tb, net)
	put("digits", &model.Model{Kind: "mlp", Transform: e.Transform(), Net: net, Training: model.Training{
		Program: "mlp", Options: map[string]string{"hidden": "16", "lr": "0.5"}, Seed: 1, Epochs: 300, Steps: 300, Shards: 1,
		Loss: 0.03, Error: 0.005, Validation: &model.Score{Rows: 143, Loss: 0.1, Error: 0.03}, Test: &model.Score{Rows: 359, Loss: 0.1, Error: 0.04},
		History: []model.Epoch{{Epoch: 299, Loss: 0.04, Error: 0.006, Validation: &model.Score{Rows: 143, Loss: 0.1, Error: 0.03}}, {Epoch: 300, Loss: 0.03, Error: 0.005}},
		Data:    model.Data{URL: "file:///digits/train.csv.gz", Digest: strings.Repeat("0123456789abcdef", 4), Rows: set.Len(), Dropped: 2}, Version: "golden",
	}}, model.Tensors(g, train(tb, g, set, 300, .5)))

	set, e = read(tb, data.Input{Target: data.Numbers, Missing: data.MissingMean, Scale: data.Columns}, houses)
	net = nn.MLP(4, nil, 1)
	net.Loss = nn.Squared
	g = compile(tb, net)
	put("houses", &model.Model{Kind: "linear", Transform: e.Transform(), Net: net, Training: model.Training{
		Program: "linear", Options: map[string]string{}, Seed: 1<<63 + 1, Stopped: "the loss is NaN at superstep 17", Data: model.Data{URL: "file:///houses.csv", Rows: set.Len()}, Version: "golden",
	}}, model.Tensors(g, train(tb, g, set, 400, .2)))

	set, e = read(tb, data.Input{}, points)
	x := rows(set)
	centers := make([]float32, 4)
	for k := range 2 {
		for j := range 2 {
			for i := range 3 {
				centers[2*k+j] += x.At(3*k+i, j) / 3
			}
		}
	}
	put("points", &model.Model{Kind: "kmeans", Transform: e.Transform(), Clusters: &model.Clusters{K: 2, Metric: model.Euclidean}, Training: model.Training{
		Program: "kmeans", Options: map[string]string{"k": "2"}, Data: model.Data{URL: "file:///points.csv", Rows: set.Len()}, Version: "golden",
	}}, []model.Tensor{{Name: "centers", Shape: []int{2, 2}, Data: centers}})
	return all
}

func compile(tb testing.TB, s *nn.Spec) *nn.Graph {
	tb.Helper()
	g, err := nn.Compile(s)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// What was written in format 1 is read for ever, and answers the same.
func TestGolden(t *testing.T) {
	if *rewrite {
		for name, files := range goldenModels(t) {
			save(t, golden(t, name), files)
		}
	}
	for name, digest := range goldenDigests {
		p := predictor(t, golden(t, name))
		if p.Model().Digest != digest {
			t.Errorf("%s: digest %s", name, p.Model().Digest)
		}
		text, err := os.ReadFile(filepath.Join(golden(t, name), model.ModelFile))
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(p.Model())
		if err != nil || string(again)+"\n" != string(text) {
			t.Errorf("%s: written %s and read as %s: %v", name, text, again, err)
		}
	}
	p := predictor(t, golden(t, "houses"))
	m := p.Model()
	if want := []model.Port{{Name: "input", Datatype: "BYTES", Shape: []int{-1, 3}}}; !reflect.DeepEqual(m.Inputs, want) {
		t.Errorf("inputs %v", m.Inputs)
	}
	if want := []model.Port{{Name: "prediction", Datatype: "FP32", Shape: []int{-1, 1}}}; !reflect.DeepEqual(m.Outputs, want) {
		t.Errorf("outputs %v", m.Outputs)
	}
	x := make([]float32, 4)
	if err := p.Encoder().Record(x, []any{100., 4., "north"}); err != nil {
		t.Fatal(err)
	}
	a, err := p.NewExecutor(cpu(t, 1)).Predict(dense(t, x, 1, 4))
	if err != nil || math.Abs(float64(a.Predictions[0])-290) > 10 {
		t.Errorf("a house of 290 costs %v: %v", a, err)
	}
}

// The golden models that are made today are those that were made then, but for the last
// bits of their weights.
func TestGoldenMade(t *testing.T) {
	for name, files := range goldenModels(t) {
		var now, then model.Model
		b, err := os.ReadFile(filepath.Join(golden(t, name), model.ModelFile))
		if err != nil {
			t.Fatal(err)
		}
		if json.Unmarshal(b, &then) != nil || json.Unmarshal(files[0].Content, &now) != nil {
			t.Fatal(name)
		}
		then.Weights, then.Digest, now.Weights, now.Digest = model.FileRef{}, "", model.FileRef{}, ""
		if !reflect.DeepEqual(now, then) {
			t.Errorf("%s: %+v, was %+v", name, now, then)
		}
	}
}

// The golden net gets nearly all digits right that it has not seen.
func TestGoldenDigits(t *testing.T) {
	p := predictor(t, golden(t, "digits"))
	s, err := data.OpenFor(t.Context(), data.Input{URL: absolute(t, digits+"test.csv.gz")}, p.Encoder(), true)
	if err != nil {
		t.Fatal(err)
	}
	set, err := s.Read(t.Context(), p.Encoder(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.NewExecutor(cpu(t, 2)).Predict(rows(set))
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for i, c := range a.Classes {
		if int(c) != set.Class(i) {
			wrong++
		}
	}
	if wrong > 18 || wrong == 0 {
		t.Errorf("%d of %d digits are wrong", wrong, set.Len())
	}
}

func TestClear(t *testing.T) {
	m, tensors, err := model.Open(t.Context(), golden(t, "points"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := m.Clear(tensors)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(c)
	if err != nil || !strings.Contains(string(b), `"centers":[[3.33333,3.33333],[96.66667,96.66667]]`) {
		t.Errorf("%s: %v", b, err)
	}
	m, tensors, err = model.Open(t.Context(), golden(t, "houses"))
	if err != nil {
		t.Fatal(err)
	}
	if c, err = m.Clear(tensors); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.Features); got != "[size rooms district=north district=south]" || len(c.Coefficients) != 1 {
		t.Fatalf("features %s, %v", got, c.Coefficients)
	}
	// 100 m², 4 rooms, north
	w := c.Coefficients[0]
	byHand := 100*w[0] + 4*w[1] + w[2] + c.Intercepts[0]
	p := predictor(t, golden(t, "houses"))
	x := make([]float32, 4)
	if err := p.Encoder().Record(x, []any{100., 4., "north"}); err != nil {
		t.Fatal(err)
	}
	a, err := p.NewExecutor(cpu(t, 1)).Predict(dense(t, x, 1, 4))
	if err != nil || math.Abs(float64(a.Predictions[0])-byHand) > 1e-3 {
		t.Errorf("by hand %g, predicted %v: %v", byHand, a, err)
	}
	m, tensors, err = model.Open(t.Context(), golden(t, "digits"))
	if err != nil {
		t.Fatal(err)
	}
	if c, err = m.Clear(tensors); err != nil || c.Coefficients != nil || c.Centers != nil {
		t.Errorf("a net of two layers in clear: %v, %v", c, err)
	}
}

// goldenDigests are those of the golden models.
var goldenDigests = map[string]string{
	"digits": "dcdd39c0368652aaab92ec5dfcb33f9c4a8d6223e75c3d2fdd89e56da674286d",
	"houses": "2152c6122ee7278847fc4e5cc9858d8beaa6f3a39de02ef9988c3a527ec1f1df",
	"points": "0ddeb92448ac82deb5b069cff078142bc8787736834361f482efd0c22fcfc353",
}
