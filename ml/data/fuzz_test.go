package data_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"scalar/ml/data"
)

// try reads bytes in two parts and in one: both give the same rows, or errors.
func try(t *testing.T, file string, in data.Input, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	in.URL = file
	one, kept, err := load(t, in, 1)
	two, other, again := load(t, in, 2)
	if (err == nil) != (again == nil) {
		t.Fatalf("%q: in one part %v, in two %v", content, err, again)
	}
	if err != nil {
		return
	}
	if kept != other {
		t.Fatalf("%q: %s, in two parts %s", content, kept, other)
	}
	if one.Features() > 1<<16 { // LIBSVM: spreading rows out takes long
		return
	}
	same(t, two, one)
	for _, row := range rows(one) {
		for _, x := range row {
			if x-x != 0 {
				t.Fatalf("%q: %v", content, row)
			}
		}
	}
}

func FuzzCSV(f *testing.F) {
	for _, text := range append(lines, "a,b\n1,2\nx,3\n", "\nA0", "\r", "1,2\nnan,3\n", "1;2\n?;3\n", "\xef\xbb\xbf1,x\n2,y\n") {
		f.Add([]byte(text), uint8(0))
		f.Add([]byte(text), uint8(7))
	}
	file := filepath.Join(f.TempDir(), "a.csv")
	f.Fuzz(func(t *testing.T, content []byte, how uint8) {
		try(t, file, data.Input{
			Target: data.Target(how % 3), Scale: []data.Scaling{data.Auto, data.None, data.Columns}[how/3%3],
			Missing: []data.Missing{data.MissingError, data.MissingMean, data.MissingDrop}[how/9%3],
		}, content)
	})
}

func FuzzLIBSVM(f *testing.F) {
	for _, text := range []string{"1 1:1 2:.5\n-1 3:1\n", "1\n", "x 1:1 # c", "1 1:nan\n", "1 5:1 4:1"} {
		f.Add([]byte(text), uint8(1))
	}
	file := filepath.Join(f.TempDir(), "a.svm")
	f.Fuzz(func(t *testing.T, content []byte, how uint8) {
		try(t, file, data.Input{Target: data.Target(how % 3)}, content)
	})
}

// FuzzArrays reads IDX and NPY.
func FuzzArrays(f *testing.F) {
	files, err := filepath.Glob("testdata/npy/*.npy")
	if err != nil || len(files) < 20 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint8(0))
	}
	f.Add([]byte(images), uint8(0))
	f.Add([]byte(imageLabel), uint8(2))
	file := filepath.Join(f.TempDir(), "a.bin")
	f.Fuzz(func(t *testing.T, content []byte, how uint8) {
		try(t, file, data.Input{Format: data.NPY, Target: data.Target(how % 3), Scale: []data.Scaling{data.Auto, data.Columns}[how/3%2]}, content)
	})
}

// FuzzSummary decodes what may come from another peer, and merges it.
func FuzzSummary(f *testing.F) {
	file := filepath.Join(f.TempDir(), "a.csv")
	if err := os.WriteFile(file, []byte("1,x,y\n2.5,z,y\n"), 0o600); err != nil {
		f.Fatal(err)
	}
	s, err := data.Open(f.Context(), data.Input{URL: file, Target: data.Classes, Header: data.HeaderNo, Scale: data.Columns})
	if err != nil {
		f.Fatal(err)
	}
	part, err := s.Summarise(f.Context(), 0, 1)
	if err != nil {
		f.Fatal(err)
	}
	b, err := part.AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var told data.Summary
		if told.UnmarshalBinary(b) != nil {
			return
		}
		if all, err := data.Merge(part, &told); err == nil {
			_, _ = s.Transform(t.Context(), all) // no panic
		}
	})
}

// FuzzTransform decodes a transform of a model folder.
func FuzzTransform(f *testing.F) {
	f.Add([]byte(mixed))
	f.Add([]byte(`{"columns":2,"missing":"error","scale":{"kind":"none"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var transform data.Transform
		if json.Unmarshal(b, &transform) != nil || transform.Columns > 1<<16 {
			return
		}
		e, err := data.NewEncoder(&transform)
		if err != nil {
			return
		}
		row := make([]float32, e.Features())
		record := make([]any, transform.Columns)
		for i := range record {
			record[i] = float64(i)
		}
		if e.Record(row, record) != nil {
			return
		}
		for _, x := range row {
			if math.IsNaN(float64(x)) {
				t.Fatalf("%s: %v", b, row)
			}
		}
	})
}
