package nn_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/ml/nn"
	"scalar/tensor"
)

const lenet = `
input: [1, 28, 28]
loss: cross-entropy
layers:
  - {name: conv1, type: conv2d, filters: 6, kernel: 5, pad: 2, activation: relu}
  - {name: pool1, type: maxpool, window: [2, 2]}
  - {name: conv2, type: conv2d, filters: 16, kernel: [5, 5], activation: relu}
  - {name: pool2, type: maxpool, window: 2}
  - {name: flatten, type: flatten}
  - {name: dense1, type: dense, units: 120, activation: relu}
  - {name: dense2, type: dense, units: 84, activation: relu}
  - {name: output, type: dense, units: 10}
`

// TestParse compares a net file with the net in Go, and with what JSON keeps of it.
func TestParse(t *testing.T) {
	s, err := nn.Parse([]byte(lenet))
	if err != nil || !reflect.DeepEqual(s, nn.LeNet5(10)) {
		t.Fatalf("%+v, %v, want %+v", s, err, nn.LeNet5(10))
	}
	for _, spec := range nets() {
		spec = compile(t, spec).Spec()
		text, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		var back nn.Spec
		if err := d.Decode(&back); err != nil || !reflect.DeepEqual(spec, &back) {
			t.Errorf("%s: %+v, %v, want %+v", text, back, err, spec)
		}
		if back, err = yamlOf(text); err != nil || !reflect.DeepEqual(spec, &back) { // JSON is YAML
			t.Errorf("%s as YAML: %+v, %v, want %+v", text, back, err, spec)
		}
		if again := compile(t, &back).Spec(); !reflect.DeepEqual(again, spec) {
			t.Errorf("compiled twice: %+v, want %+v", again, spec)
		}
	}
}

func yamlOf(text []byte) (nn.Spec, error) {
	s, err := nn.Parse(text)
	if err != nil {
		return nn.Spec{}, err
	}
	return *s, nil
}

// TestParseBegins: a document's head, a comment or a directive before it, and an end behind it are no second document.
func TestParseBegins(t *testing.T) {
	const layers = "layers: [{type: dense, units: 4}]\n"
	for _, file := range []string{"---\n" + layers, "# a net\n---\n" + layers, "%YAML 1.2\n---\n" + layers, "# a net\n" + layers + "...\n"} {
		if s, err := nn.Parse([]byte(file)); err != nil || len(s.Layers) != 1 {
			t.Errorf("%q: %v", file, err)
		}
	}
}

// TestParseErrors checks that what is wrong with a net file is said in one line.
func TestParseErrors(t *testing.T) {
	for file, want := range map[string]string{
		"":                                     "net: the file has no layers",
		strings.Repeat("#", nn.MaxNetFile+1):   "net: the file has 65537 bytes: want at most 65536",
		"layers:\n- {type: dense, unit: 3}":    `net: line 2, column 17: unknown field "unit"`,
		"layers:\n- {type: dense, units: no}":  "net: line 2, column 24: want a whole number",
		"layers:\n- {type: dense, units: 3.5}": "net: line 2, column 24: units is 3.5: want a whole number",
		"layers:\n- {type: conv2d, filters: 2, kernel: [3, 2.5]}": "net: line 2, column 42: kernel is 2.5: want a whole number",
		"layers:\n- {type: dense, units: 99999999999999999999}":   "net: line 2, column 24: want a whole number",
		"layers:\n- {type: dropout, rate: x}":                     "net: line 2, column 25: want a number",
		"layers:\n- {type: dense, no_bias: 3}":                    "net: line 2, column 26: want true or false",
		"layers:\n- {name: [a], type: dense}":                     "net: line 2, column 10: want a text",
		"layers:\n- {type: maxpool, window: [1, 2, 3]}":           "net: line 2, column 27: want a number, or two in brackets",
		"layers:\n- {type: conv2d, kernel: x}":                    "net: line 2, column 26: want a number, or two in brackets",
		"layers:\n- type: flatten\n---\nlayers: []":               "net: line 3, column 1: a net file has one document",
		"layers:\n- from: &a [x, x]\n- from: [*a, *a]":            "net: line 2, column 9: a net file has no anchors and aliases",
		"layers: 7": "",
		"a: [":      "",
		"layers: [{from: " + strings.Repeat("[", 10000): "",
	} {
		_, err := nn.Parse([]byte(file))
		f, ok := errors.AsType[*job.Failure](err)
		if !ok || f.Kind != job.FaultInput || strings.Contains(err.Error(), "\n") || want != "" && err.Error() != want {
			t.Errorf("%.60q: error %v, want %s", file, err, want)
		}
	}
}

// TestWithOutputs checks what the data fills in, and contradicts.
func TestWithOutputs(t *testing.T) {
	type l = nn.Layer
	open := net(nil, "", l{Type: "dense", Units: 5}, l{Type: "dense"}, l{Type: "batchnorm"}, l{Type: "relu"})
	s, err := open.WithOutputs([]int{7}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if g := compile(t, s); g.Features() != 7 || g.Outputs() != 3 || open.Layers[1].Units != 0 || open.Input != nil {
		t.Errorf("%+v of %+v", s, open)
	}
	images := nn.LeNet5(0)
	if s, err := images.WithOutputs([]int{784}, 26); err != nil || compile(t, s).Outputs() != 26 {
		t.Errorf("images of rows: %v", err)
	}
	flat := net(nil, "", l{Type: "flatten"}, l{Type: "dense"})
	if s, err := flat.WithOutputs([]int{28, 20}, 10); err != nil || !slices.Equal(s.Input, []int{1, 28, 20}) || flat.Input != nil {
		t.Errorf("images of one channel: %+v, %v", s, err)
	}
	for want, call := range map[string]func() (*nn.Spec, error){
		"net: a row of the input is [1, 28, 28], 784 values, and one of the data has 64": func() (*nn.Spec, error) { return images.WithOutputs([]int{64}, 26) },
		"net: layer output (dense): the net has 10 outputs, and the data wants 3":        func() (*nn.Spec, error) { return nn.LeNet5(10).WithOutputs([]int{784}, 3) },
		"net: layer dense1 (dense): units is 0: want 1 to 16777216": func() (*nn.Spec, error) {
			return net(nil, "", l{Type: "dense"}, l{Type: "dense"}).WithOutputs([]int{7}, 3)
		},
		"net: layer c (concat): the net has 14 outputs, and the data wants 3": func() (*nn.Spec, error) {
			return net(nil, "", l{Name: "d", Type: "dense", Units: 7}, l{Name: "c", Type: "concat", From: []string{"d", "input"}}).WithOutputs([]int{7}, 3)
		},
		"net: layer dense1 (dense): a row of input is [1, 28, 28]: want [features]; a flatten before makes it so": func() (*nn.Spec, error) {
			return net(nil, "", l{Type: "dense"}).WithOutputs([]int{28, 28}, 3)
		},
		"net: no layer has weights to learn": func() (*nn.Spec, error) { return net(nil, "", l{Type: "relu"}).WithOutputs([]int{7}, 3) },
		"net: layer c (conv2d): a row of input is [7]: want [channels, height, width]": func() (*nn.Spec, error) {
			return net(nil, "", l{Name: "c", Type: "conv2d", Filters: 2, Kernel: nn.Pair{2, 2}}).WithOutputs([]int{7}, 3)
		},
	} {
		if _, err := call(); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// FuzzParse checks that no net file makes anything panic, or need more than the limits say,
// and that a net that compiles runs.
func FuzzParse(f *testing.F) {
	f.Add([]byte(lenet))
	for _, s := range nets() {
		text, err := json.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, r := range append(errorRows(), valueRows()...) {
		if text, err := json.Marshal(r.spec); err == nil && len(text) < 2000 {
			f.Add(text)
		}
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("layers: [{<<: {type: dense, units: 3}}, {type: softmax, kernel: [1, 2, 3]}]"))
	cpu, err := tensor.NewCPU(tensor.Config{Cores: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(cpu.Close)
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := nn.Parse(file)
		if err == nil {
			s, err = s.WithOutputs([]int{6}, 2)
		}
		if err != nil {
			if s, again := nn.Parse(file); again == nil {
				_, err = nn.Compile(s)
			}
			if err == nil {
				return
			}
			if f, ok := errors.AsType[*job.Failure](err); !ok || f.Kind != job.FaultInput {
				t.Fatalf("error %v: want the input's fault", err)
			}
			return
		}
		run(t, cpu, s)
	})
}

// run trains a small net for a step.
func run(t *testing.T, cpu *tensor.CPU, s *nn.Spec) {
	t.Helper()
	g, err := nn.Compile(s)
	if err != nil {
		t.Fatalf("what WithOutputs gave: %v", err)
	}
	if g.Size() > 1<<16 || large(s) {
		return
	}
	b := nn.Batch{Arena: make([]float32, g.Size()), Grads: make([]float32, g.Size()), X: tensor.New[float32](2, 6), Labels: []int32{1, 0}, Targets: make([]float32, 4), Scale: 0.5}
	g.Init(b.Arena, 1)
	x := nn.NewExecutor(g, cpu)
	if _, err := x.Train(b); err != nil {
		t.Fatalf("%+v: %v", s, err)
	}
	if out, err := x.Infer(b.Arena, b.X); err != nil || fmt.Sprint(out) != "2×2" {
		t.Fatalf("%+v: %v, %v", s, out, err)
	}
}

// large reports whether a net has sizes that take long.
func large(s *nn.Spec) bool {
	for _, l := range s.Layers {
		for _, n := range []int{l.Units, l.Filters, l.Kernel[0], l.Kernel[1], l.Pad[0], l.Pad[1], l.Vocabulary} {
			if n > 1000 {
				return true
			}
		}
	}
	return len(s.Layers) > 50
}
