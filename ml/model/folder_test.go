package model_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/ml/nn"
)

// small is a model of three classes with its tensors.
func small(tb testing.TB) (*model.Model, []model.Tensor, *nn.Graph, []float32) {
	tb.Helper()
	t := plain(2)
	t.Label = &data.Label{Column: 2, Target: data.Classes, Classes: []string{"a", "b", "<c>"}}
	net := nn.MLP(2, nil, 3)
	g := compile(tb, net)
	arena := make([]float32, g.Size())
	g.Init(arena, 7)
	return &model.Model{Kind: "softmax", Transform: t, Net: net}, model.Tensors(g, arena), g, arena
}

func TestFolder(t *testing.T) {
	m, tensors, g, arena := small(t)
	slices.Reverse(tensors) // any order
	files, err := m.Files(tensors)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	save(t, dir, files)
	for _, url := range []string{dir, dir + "/", "file://" + dir} {
		got, loaded, err := model.Open(t.Context(), url)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Fatalf("%+v, want %+v: %v", got, m, err)
		}
		back, err := model.Arena(g, loaded)
		if err != nil || !slices.Equal(back, arena) {
			t.Errorf("%v, want %v: %v", back, arena, err)
		}
	}
	if want := []model.Port{
		{Name: "probabilities", Datatype: "FP32", Shape: []int{-1, 3}, Labels: []string{"a", "b", "<c>"}},
		{Name: "label", Datatype: "BYTES", Shape: []int{-1, 1}},
	}; !reflect.DeepEqual(m.Outputs, want) {
		t.Errorf("outputs %+v", m.Outputs)
	}
	again, err := m.Files(tensors)
	if err != nil || !reflect.DeepEqual(again, files) {
		t.Error("the same model has other files")
	}
	sum := sha256.Sum256(bytes.Replace(bytes.TrimSuffix(files[0].Content, []byte("\n")), []byte(`,"digest":"`+m.Digest+`"}`), []byte("}"), 1))
	if hex.EncodeToString(sum[:]) != m.Digest {
		t.Errorf("the digest %s is not that of the JSON without it", m.Digest)
	}
}

// Names of files may have any bytes.
func TestNamesOfFiles(t *testing.T) {
	m, tensors, _, _ := small(t)
	m.Training.Data.URL, m.Training.Options = "/caf\xe9.csv", map[string]string{"test": "/\xff", "seed": "1"}
	if _, err := m.Files(tensors); err != nil {
		t.Fatal(err)
	}
	if m.Training.Data.URL != "/caf\ufffd.csv" || !maps.Equal(m.Training.Options, map[string]string{"test": "/\ufffd", "seed": "1"}) {
		t.Errorf("%+v", m.Training)
	}
}

// A convolutional net takes rows and images, and answers the same for both.
func TestImages(t *testing.T) {
	m, _, _, _ := small(t)
	m.Net, m.Transform.Columns, m.Transform.Shape, m.Transform.Label.Column = nn.LeNet5(3), 784, []int{28, 28}, -1
	g := compile(t, m.Net)
	arena := make([]float32, g.Size())
	g.Init(arena, 1)
	tensors := model.Tensors(g, arena)
	if _, err := m.Files(tensors); err != nil {
		t.Fatal(err)
	}
	if want := []model.Port{{Name: "input", Datatype: "FP32", Shape: []int{-1, 784}, Also: [][]int{{-1, 1, 28, 28}}}}; !reflect.DeepEqual(m.Inputs, want) {
		t.Errorf("%+v", m.Inputs)
	}
	p, err := model.NewPredictor(cpu(t, 1), m, tensors)
	if err != nil {
		t.Fatal(err)
	}
	e, x := p.NewExecutor(cpu(t, 2)), random(3*784, 5)
	a, err := e.Predict(dense(t, x, 3, 784))
	if err != nil {
		t.Fatal(err)
	}
	rows := slices.Clone(a.Probabilities.Values())
	a, err = e.Predict(dense(t, x, 3, 1, 28, 28))
	if err != nil || !slices.Equal(a.Probabilities.Values(), rows) || slices.Equal(rows[:3], rows[3:6]) {
		t.Errorf("%v, want %v: %v", a, rows, err)
	}
	_, err = e.Predict(dense(t, x, 3, 28, 28))
	refused(t, err, "want rows of 784 features")
}

// What does not fit together is not written.
func TestFilesRefused(t *testing.T) {
	for want, change := range map[string]func(m *model.Model, ts *[]model.Tensor){
		"it has no kind":                       func(m *model.Model, _ *[]model.Tensor) { m.Kind = "" },
		"it has no transform":                  func(m *model.Model, _ *[]model.Tensor) { m.Transform = nil },
		"want either a net or clusters":        func(m *model.Model, _ *[]model.Tensor) { m.Net = nil },
		"either a net or clusters":             func(m *model.Model, _ *[]model.Tensor) { m.Clusters = &model.Clusters{K: 1, Metric: "cosine"} },
		"takes 2 features and its transform":   func(m *model.Model, _ *[]model.Tensor) { m.Transform.Columns = 3 },
		"gives 3 numbers and there are 2":      func(m *model.Model, _ *[]model.Tensor) { m.Transform.Label.Classes = []string{"a", "b"} },
		"no label to predict":                  func(m *model.Model, _ *[]model.Tensor) { m.Transform.Label = nil },
		"loss squared and its label is one of": func(m *model.Model, _ *[]model.Tensor) { m.Net.Loss = nn.Squared },
		"gives 3 numbers: want one": func(m *model.Model, _ *[]model.Tensor) {
			m.Net.Loss = nn.Squared
			m.Transform.Label.Target, m.Transform.Label.Classes = data.Numbers, nil
		},
		"transform is damaged": func(m *model.Model, _ *[]model.Tensor) { m.Transform.Missing = "x" },
		`by the metric "manhattan"`: func(m *model.Model, _ *[]model.Tensor) {
			m.Net, m.Clusters = nil, &model.Clusters{K: 1, Metric: "manhattan"}
		},
		`there is no tensor "output.bias"`:                          func(_ *model.Model, ts *[]model.Tensor) { *ts = (*ts)[:1] },
		`tensor "more" belongs to no layer`:                         func(_ *model.Model, ts *[]model.Tensor) { *ts = append(*ts, model.Tensor{Name: "more"}) },
		`tensor "output.weight" has the shape [2 3], and the model`: func(_ *model.Model, ts *[]model.Tensor) { (*ts)[0].Shape = []int{2, 3} },
		`has NaN at number 1: want finite`:                          func(_ *model.Model, ts *[]model.Tensor) { (*ts)[1].Data[1] = float32(math.NaN()) },
		"unsupported value":                                         func(m *model.Model, _ *[]model.Tensor) { m.Training.Loss = math.Inf(1) },
		"two tensors are named":                                     func(_ *model.Model, ts *[]model.Tensor) { *ts = append(*ts, (*ts)[0]) },
		"output gives":                                              func(m *model.Model, _ *[]model.Tensor) { m.Net.Layers[0].Units = 4 },
	} {
		m, tensors, _, _ := small(t)
		change(m, &tensors)
		if want == "output gives" {
			want = "gives 4 numbers and there are 3 classes"
		}
		_, err := m.Files(tensors)
		refused(t, err, want)
	}
}

// exits checks the exit code of an error about a folder.
func exits(t *testing.T, err error, code int) {
	t.Helper()
	f, ok := errors.AsType[*job.Failure](err)
	if !ok || f.Code != code {
		t.Errorf("%v: want a failure with exit code %d", err, code)
	}
}

func TestOpenRefused(t *testing.T) {
	m, tensors, _, _ := small(t)
	files, err := m.Files(tensors)
	if err != nil {
		t.Fatal(err)
	}
	text, weights := string(files[0].Content), files[1].Content
	other, otherDigest, err := model.Encode([]model.Tensor{{Name: "output.weight", Shape: []int{2, 3}, Data: make([]float32, 6)}, tensors[1]})
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(weights)
	damaged[len(damaged)-1] ^= 1
	signed := func(from, to string) string { return sign(t, strings.Replace(text, from, to, 1)) }
	for _, c := range []struct {
		name, want string
		text       string
		weights    []byte
	}{
		{"changed", "it was changed after training", strings.Replace(text, `"seed":0`, `"seed":1`, 1), weights},
		{"newer", "model.json: it has format 7, and this bsp reads format 1: use a newer bsp", signed(`"format":1`, `"format":7`), weights},
		{"newer with more", "it has format 2, and this bsp", strings.Replace(text, `"format":1`, `"format":2,"extra":[]`, 1), weights},
		{"old", `its format is "0": it is no model`, signed(`"format":1`, `"format":0`), weights},
		{"no format", `its format is "": it is no model`, "{}", weights},
		{"no JSON", "it is no model", "hello", weights},
		{"a list", "model.json: up to byte 1 there is a JSON array, which does not belong there: it is no model", "[1]", weights},
		{"cut", "it is no model", text[:len(text)/2], weights},
		{"unknown field", `unknown field "extra"`, signed(`"kind"`, `"extra":1,"kind"`), weights},
		{"more after it", "it is no model", text + "{}", weights},
		{"another type", "there is a JSON number, which does not belong there", signed(`"kind":"softmax"`, `"kind":7`), weights},
		{"ports", "its inputs and outputs are not those of its transform", signed(`"shape":[-1,2]`, `"shape":[-1,3]`), weights},
		{"net", "its net", signed(`"type":"dense"`, `"type":"dance"`), weights},
		{"weights damaged", "its digest is", text, damaged},
		{"weights cut", "bytes and the model wants", text, weights[:40]},
		{"no weights", "there is no weights.safetensors in it, which goes with model.json: copy the whole folder", text, nil},
		{"shape", `tensor "output.weight" has the shape [2 3], and the model wants [3 2]`, signed(m.Weights.Digest, otherDigest), other},
	} {
		dir := filepath.Join(t.TempDir(), "model")
		save(t, dir, []model.File{{Name: model.ModelFile, Content: []byte(c.text)}})
		if c.weights != nil {
			save(t, dir, []model.File{{Name: model.WeightsFile, Content: c.weights}})
		}
		_, _, err := model.Open(t.Context(), dir)
		t.Run(c.name, func(t *testing.T) {
			refused(t, err, c.want)
			refused(t, err, dir)
			exits(t, err, job.ExitFailed)
		})
	}
}

// sign gives changed JSON its digest, and that of the weights' size as it is.
func sign(t *testing.T, text string) string {
	t.Helper()
	at := strings.LastIndex(text, `,"digest":"`)
	sum := sha256.Sum256([]byte(text[:at] + "}"))
	return text[:at] + `,"digest":"` + hex.EncodeToString(sum[:]) + "\"}\n"
}

func TestNoModel(t *testing.T) {
	dir := t.TempDir()
	_, _, err := model.Open(t.Context(), dir+"/none")
	refused(t, err, "there is no model at "+dir+"/none")
	exits(t, err, job.ExitNotFound)
	_, _, err = model.Open(t.Context(), dir)
	refused(t, err, dir+" is no model: there is no model.json in it")
	exits(t, err, job.ExitFailed)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = model.Open(t.Context(), file)
	refused(t, err, "is a file: a model is a folder with model.json in it")
	exits(t, err, job.ExitFailed)
	_, _, err = model.Open(t.Context(), "relative/path")
	refused(t, err, "relative")
	if err := os.Truncate(file, model.MaxModel+1); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file, filepath.Join(dir, model.ModelFile)); err != nil {
		t.Fatal(err)
	}
	_, _, err = model.Open(t.Context(), dir)
	refused(t, err, "want at most 67108864")
	_, err = model.Parse(bytes.Repeat([]byte("{"), 1<<20+1))
	refused(t, err, "objects: want at most")
}

// What is parsed is encoded to what is parsed the same.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"digits", "houses", "points"} {
		b, err := os.ReadFile(filepath.Join(golden(f, name), model.ModelFile))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, text := range []string{"", "{}", `{"format":1}`, `{"format":1e9}`, `{"format":1,"net":{"layers":[{"type":"dense","units":1e9}]}}`, `{"format":1,"clusters":{"k":-1}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// Most changes leave the digest wrong: they are given the right one.
		var object map[string]json.RawMessage
		m := &model.Model{}
		if json.Unmarshal(b, &object) == nil && json.Unmarshal(b, m) == nil {
			m.Digest = ""
			if text, err := json.Marshal(m); err == nil {
				sum := sha256.Sum256(text)
				m.Digest = hex.EncodeToString(sum[:])
				if text, err = json.Marshal(m); err == nil {
					b = text
				}
			}
		}
		got, err := model.Parse(b)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q has lines", err)
			}
			return
		}
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		again, err := model.Parse(text)
		if err != nil || again.Digest != got.Digest {
			t.Fatalf("%s: %v", text, err)
		}
	})
}
