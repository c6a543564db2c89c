package train_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp/bsptest"
	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/ml/nn"
	"scalar/ml/train"
)

// fewDiffer writes rows that differ from (3, 3, …, 3, 0, 0, …) in a part of their columns, of three classes, and returns the file.
func fewDiffer(tb testing.TB, rows int, part float64, format string) string {
	tb.Helper()
	const features = 30
	r := rand.New(rand.NewPCG(5, 6))
	var b strings.Builder
	for range rows {
		class := r.IntN(3)
		var row []string
		for c := range features {
			v := 3 * (1 - c/(features/2))
			if r.Float64() < part {
				v = 1 + (c+class*7+r.IntN(2))%5
			}
			switch {
			case format == "csv":
				row = append(row, strconv.Itoa(v))
			case v != 0:
				row = append(row, fmt.Sprintf("%d:%d", c+1, v))
			}
		}
		if format == "csv" {
			fmt.Fprintf(&b, "%s,%d\n", strings.Join(row, ","), class)
		} else {
			fmt.Fprintf(&b, "%d %s\n", class, strings.Join(row, " "))
		}
	}
	name := filepath.Join(tb.TempDir(), "rows."+format)
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}

// A base is what most rows have, wherever the others lie; rows of which too many differ, and too few of them, have none.
func TestBase(t *testing.T) {
	load := func(rows int, part float64, format string) *data.Set {
		in := data.Input{URL: fewDiffer(t, rows, part, format), Target: data.Classes, Missing: data.MissingError, Scale: data.None}
		if format == "csv" {
			in.Label = "30"
		}
		set, _, err := data.Load(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	for _, format := range []string{"csv", "libsvm"} {
		set := load(1000, .2, format)
		base := train.BaseOf(set)
		if want := slices.Concat(slices.Repeat([]float32{3}, 15), slices.Repeat([]float32{0}, 15)); !slices.Equal(base, want) {
			t.Errorf("%s: the base is %v, want %v", format, base, want)
		}
		if base := train.BaseOf(load(1000, .7, format)); base != nil {
			t.Errorf("%s: 7 of 10 values differ from the base %v", format, base)
		}
		if base := train.BaseOf(load(15, 0, format)); base != nil {
			t.Errorf("%s: 15 rows have the base %v", format, base)
		}
	}
}

// Models are the same for any number of peers and tasks, from memory and from files, killed in the middle or not, where layers multiply what
// rows differ in from a base; and they are as good as the plain twin's.
func TestSameModelShifted(t *testing.T) {
	o := digits(t)
	o.Input = data.Input{URL: fewDiffer(t, 900, .2, "csv"), Label: "30", Target: data.Classes, Missing: data.MissingError, Scale: data.Columns}
	o.Batch, o.Shards, o.Validation, o.Test = 140, 4, 0, ""
	o.Net = func(row []int, outputs int) (*nn.Spec, error) { return nn.MLP(row[0], []int{72}, outputs), nil }
	_, want := trained(t, bsptest.Config{}, o)
	for _, c := range []bsptest.Config{
		{Peers: 2},
		{Peers: 2, Tasks: 2, RestartAt: 1},
		{Peers: 3, Tasks: 3, RestartAt: 8},
		{Peers: 4, RestartAt: 13},
	} {
		_, got := trained(t, c, o)
		for name := range want {
			if !bytes.Equal(want[name], got[name]) {
				t.Errorf("%+v: %s differs:\n%.2000s\nwant\n%.2000s", c, name, got[name], want[name])
			}
		}
	}
	o.Shards = 1
	_, files := trained(t, bsptest.Config{}, o)
	dir := t.TempDir()
	save(t, dir, files)
	_, tensors, err := model.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	set, _, err := data.Load(t.Context(), o.Input)
	if err != nil {
		t.Fatal(err)
	}
	if train.BaseOf(set) == nil {
		t.Fatal("the rows have no base")
	}
	w := newTwin(30, 72, 3, initial(t, o, 30, 3))
	for _, batch := range train.Batches(set.Len(), o.Batch, o.Epochs, o.Seed) {
		w.step(set, batch, .05, .9)
	}
	if worst := farthest(tensors, w.params); worst > 1e-5 || worst == 0 {
		t.Errorf("weights differ from the twin's by up to %v", worst)
	}
}

// Rows of bytes are trained on as the numbers that they are, to the bit: a net that takes them by what they differ in, one that takes
// whole rows too, and shards that are too small for it.
func TestSameModelOfBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	const rows, features = 400, 70
	codes, numbers, labels := make([]byte, rows*features), make([]byte, 0, 4*rows*features), make([]byte, rows)
	for i := range codes {
		if codes[i] = 9; r.IntN(5) == 0 {
			codes[i] = byte(r.IntN(20))
		}
		numbers = binary.LittleEndian.AppendUint32(numbers, math.Float32bits(float32(codes[i])))
	}
	for i := range labels {
		labels[i] = codes[i*features] % 3
	}
	dir := t.TempDir()
	array := func(name, kind, shape string, values []byte) string {
		header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", kind, shape)
		header += strings.Repeat(" ", 117-len(header)) + "\n"
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, slices.Concat([]byte("\x93NUMPY\x01\x00\x76\x00"), []byte(header), values), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	in := data.Input{Labels: array("labels.npy", "|u1", "400,", labels), Target: data.Classes, Missing: data.MissingError, Scale: data.None}
	type l = nn.Layer
	for _, layers := range [][]l{
		{{Type: "dense", Units: 72, Activation: "relu"}, {Type: "dense", Units: 3}},
		{{Name: "a", Type: "dense", Units: 64}, {Name: "b", Type: "concat", From: []string{"a", "input"}}, {Type: "dense", Units: 3}},
	} {
		for _, shards := range []int{1, 4, 8} {
			o := digits(t)
			o.Batch, o.Shards, o.Test, o.Optimizer.Rate = 100, shards, "", .001
			o.Net = func(row []int, _ int) (*nn.Spec, error) { return &nn.Spec{Input: row, Layers: layers}, nil }
			var want []byte
			for _, name := range []string{array("codes.npy", "|u1", "400, 70", codes), array("numbers.npy", "<f4", "400, 70", numbers)} {
				o.Input = in
				o.Input.URL = name
				_, files := trained(t, bsptest.Config{Peers: min(shards, 2)}, o)
				if got := files[model.WeightsFile]; want == nil {
					want = got
				} else if !bytes.Equal(got, want) || len(want) == 0 {
					t.Errorf("%d layers, %d shards: the weights of bytes are others", len(layers), shards)
				}
			}
		}
	}
}
