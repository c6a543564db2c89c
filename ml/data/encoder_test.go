package data_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/ml/data"
)

const mixed = `{"columns":3,"names":["a","c","h"],"categories":[{"column":1,"values":["2","x"],"shares":[0.25,0.75]},{"column":2,"hash":2}],
"missing":"mean","fill":[4,0,0],"scale":{"kind":"columns","mean":[1,0,0],"deviation":[2,1,1]},"label":{"name":"l","column":1,"target":"classes","classes":["no","yes"]}}`

func TestRecord(t *testing.T) {
	e := encoder(t, mixed)
	for _, c := range []struct {
		record []any
		want   []float32
	}{
		{[]any{5., "x", "any"}, []float32{2, 0, 1, 1, 0}},
		{[]any{"5", 2., "other"}, []float32{2, 1, 0, 0, 1}},
		{[]any{nil, nil, nil}, []float32{1.5, .25, .75, 0, 0}},
		{[]any{math.NaN(), "?", ""}, []float32{1.5, .25, .75, 0, 0}},
	} {
		row := make([]float32, e.Features())
		if err := e.Record(row, c.record); err != nil || !slices.Equal(row, c.want) {
			t.Errorf("%v: %v, %v; want %v", c.record, row, err, c.want)
		}
	}
	row := make([]float32, e.Features())
	for want, record := range map[string][]any{
		`the record has 1 features, and training had 3: "a", "c", "h"`:          {1.},
		`"y" is no value that column "c" had in training: want one of "2", "x"`: {1., "y", "z"},
		`"one" in column "a" is no number`:                                      {"one", "x", "z"},
		`+Inf in column "a" is no finite number`:                                {math.Inf(1), "x", "z"},
		`column "a": bool is neither a number nor a text`:                       {true, "x", "z"},
	} {
		if err := e.Record(row, record); err == nil || err.Error() != want {
			t.Errorf("%v; want %s", err, want)
		}
	}
	if err := e.Values(row, []float32{1, 2, 3}); err == nil || err.Error() != `column "c" holds texts: the record has to be given with them, not as numbers alone` {
		t.Error(err)
	}
	for label, want := range map[string]uint32{"no": 0, "yes": 1} {
		if class, ok := e.Class([]byte(label)); !ok || class != want {
			t.Errorf("%s: class %d, %v", label, class, ok)
		}
	}
	if _, ok := e.Class([]byte("maybe")); ok {
		t.Error("maybe is a class")
	}
}

// Rows of numbers alone are made without allocation, and in place.
func TestValues(t *testing.T) {
	e := encoder(t, `{"columns":2,"missing":"error","scale":{"kind":"bytes","mean":[2],"deviation":[4]}}`)
	x := []float32{2, 6, 0, -2}
	if err := e.Batch(x); err != nil || !slices.Equal(x, []float32{0, 1, -.5, -1}) {
		t.Errorf("%v, %v", x, err)
	}
	row := make([]float32, 2)
	if n := testing.AllocsPerRun(100, func() { _ = e.Values(row, x[:2]) }); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
	if err := e.Batch([]float32{1, 2, 3, float32(math.NaN())}); err == nil || err.Error() != "row 1: column 2: a value is missing" {
		t.Error(err)
	}
	if err := e.Batch(x[:3]); err == nil {
		t.Error("three numbers are taken as rows of two")
	}
}

// Rows of numbers have the bits and the errors that records one value at a time have, wherever
// a value is missing or too large.
func TestValuesTwin(t *testing.T) {
	const columns = 9
	fill, mean, deviation := "[1,2,3,4,5,6,7,8,9]", "[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9]", "[0.01,3,5,7,1e-30,2,3,4,5]"
	for _, scale := range []string{
		`{"kind":"none"}`, `{"kind":"bytes","mean":[33.3],"deviation":[78.6]}`, `{"kind":"columns","mean":` + mean + `,"deviation":` + deviation + `}`,
	} {
		for _, missing := range []string{`"mean","fill":` + fill, `"error"`} {
			e := encoder(t, fmt.Sprintf(`{"columns":%d,"missing":%s,"scale":%s}`, columns, missing, scale))
			rng := rand.New(rand.NewPCG(1, 2))
			for range 2000 {
				x, record := make([]float32, columns), make([]any, columns)
				for i := range x {
					switch x[i] = float32(rng.NormFloat64() * 100); rng.IntN(16) {
					case 0:
						x[i] = float32(math.NaN())
					case 1:
						if rng.IntN(8) == 0 {
							x[i] = []float32{math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1))}[rng.IntN(3)]
						}
					}
					record[i] = float64(x[i])
				}
				want := make([]float32, columns)
				werr := e.Record(want, record)
				err := e.Values(x, x)
				if fmt.Sprint(err) != fmt.Sprint(werr) || err == nil && !slices.Equal(x, want) {
					t.Fatalf("%s: %v, %v; want %v, %v", scale, x, err, want, werr)
				}
			}
		}
	}
}

// Parts of a record can be put into a row one by one.
func TestCells(t *testing.T) {
	e := encoder(t, mixed)
	row := make([]float32, e.Features())
	if err := errors.Join(e.Number(row, 0, 5), e.Text(row, 1, []byte("x")), e.Text(row, 2, []byte("any"))); err != nil || !slices.Equal(row, []float32{2, 0, 1, 1, 0}) {
		t.Errorf("%v, %v", row, err)
	}
	clear(row)
	if err := errors.Join(e.Missing(row, 0), e.Number(row, 1, 2), e.Text(row, 2, []byte("other"))); err != nil || !slices.Equal(row, []float32{1.5, 1, 0, 0, 1}) {
		t.Errorf("%v, %v", row, err)
	}
}

func TestNames(t *testing.T) {
	e := encoder(t, mixed)
	for want, names := range map[string][]string{
		"": {"a", "c", "h"},
		`the features are not those of training: missing: "c"; not in training: "d"`: {"a", "d", "h"},
		`the features are not those of training: not in training: "d", "e"`:          {"a", "c", "h", "d", "e"},
		`the features are not those of training: missing: "h"`:                       {"a", "c"},
		`the features are in another order than in training: "a", "c", "h"`:          {"c", "a", "h"},
	} {
		err := e.CheckNames(names)
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%q: %v; want %q", names, err, want)
		}
	}
}

// A model is applied to files with its columns, with the label or without.
func TestOpenFor(t *testing.T) {
	train := write(t, "train.csv", "a,l,b\n1,x,2.5\n3,y,4\n")
	set, text := mustLoad(t, data.Input{URL: train, Target: data.Classes, Label: "l"})
	e := encoder(t, text)
	apply := func(text string, labelled bool) (*data.Set, error) {
		s, err := data.OpenFor(t.Context(), data.Input{URL: write(t, "eval.csv", text)}, e, labelled)
		if err != nil {
			return nil, err
		}
		return s.Read(t.Context(), e, 0, 1)
	}
	for _, text := range []string{"a,l,b\n1,x,2.5\n3,y,4\n", "l,a,b\nx,1,2.5\ny,3,4\n", "1,x,2.5\n3,y,4\n"} {
		got, err := apply(text, true)
		if text[0] == '1' { // a text in the first line makes it a header
			refused(t, err, `the first line names no column of training, "a", "b": --header no if it is a row`)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, set)
	}
	for _, text := range []string{"a,b\n1,2.5\n3,4\n", "a,l,b\n1,?,2.5\n3,unknown,4\n", "1,2.5\n3,4\n"} {
		got, err := apply(text, false)
		if err != nil || got.Target() != data.NoTarget || got.Len() != 2 || rows(got)[1][1] != 4 {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, c := range []struct {
		text, want string
		labelled   bool
	}{
		{"a,b\n1,2\n", "there are no labels in it, only the 2 features", true},
		{"a,c\n1,2\n", `missing: "b"; not in training: "c"`, false},
		{"a,b,c,l\n1,2,3,x\n", `not in training: "c"`, false},
		{"1,2,3,4\n", `the rows have 4 features, and training had 2: "a", "b"`, false},
		{"a,l,b\n1,z,2\n", `eval.csv:2 (byte 8): the label "z" is none of the classes: want one of "x", "y"`, true},
		{"a,l,b\n1,x,two\n", `eval.csv:2 (byte 10): "two" in column "b" is no number`, true},
	} {
		_, err := apply(c.text, c.labelled)
		refused(t, err, c.want)
	}
	_, err := data.OpenFor(t.Context(), data.Input{URL: write(t, "eval.svm", "1 1:2\n")}, e, false)
	refused(t, err, "LIBSVM goes with LIBSVM only")
}

func TestBadTransform(t *testing.T) {
	for _, text := range []string{
		`{}`, `{"columns":2,"missing":"error","scale":{"kind":"auto"}}`, `{"columns":2,"missing":"x","scale":{"kind":"none"}}`,
		`{"columns":2,"names":["a"],"missing":"error","scale":{"kind":"none"}}`,
		`{"columns":2,"shape":[3],"missing":"error","scale":{"kind":"none"}}`,
		`{"columns":2,"missing":"error","scale":{"kind":"bytes","mean":[1],"deviation":[0]}}`,
		`{"columns":2,"missing":"error","scale":{"kind":"columns","mean":[1],"deviation":[1]}}`,
		`{"columns":2,"missing":"mean","fill":[1],"scale":{"kind":"none"}}`,
		`{"columns":1,"categories":[{"column":1,"hash":3}],"missing":"error","scale":{"kind":"none"}}`,
		`{"columns":1,"categories":[{"column":0}],"missing":"error","scale":{"kind":"none"}}`,
		`{"columns":1,"missing":"error","scale":{"kind":"none"},"label":{"column":0,"target":"classes"}}`,
		`{"columns":1,"missing":"error","scale":{"kind":"none"},"label":{"column":0,"target":"classes","classes":["b","a","b"]}}`,
		`{"columns":1,"categories":[{"column":0,"values":["a","a"]}],"missing":"error","scale":{"kind":"none"}}`,
	} {
		var transform data.Transform
		if err := json.Unmarshal([]byte(text), &transform); err != nil {
			t.Fatal(err)
		}
		_, err := data.NewEncoder(&transform)
		refused(t, err, "the model's transform is damaged")
	}
}
