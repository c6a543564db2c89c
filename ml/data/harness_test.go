package data_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/ml/data"
)

// write writes a file, compressed if its name says so.
func write(tb testing.TB, name, content string) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), name)
	if strings.HasSuffix(name, ".gz") {
		content = zipped(tb, content)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

func zipped(tb testing.TB, content string) string {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(content)); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// load reads an input in parts as peers do: summaries travel as bytes, the transform as
// JSON, which it returns.
func load(tb testing.TB, in data.Input, parts int) (*data.Set, string, error) {
	tb.Helper()
	s, err := data.Open(tb.Context(), in)
	if err != nil {
		return nil, "", err
	}
	told := make([]*data.Summary, parts)
	for i := range parts {
		part, err := s.Summarise(tb.Context(), i, parts)
		if err != nil {
			return nil, "", err
		}
		b, err := part.AppendBinary(nil)
		if err != nil {
			tb.Fatal(err)
		}
		told[i] = new(data.Summary)
		if err := told[i].UnmarshalBinary(b); err != nil {
			tb.Fatal(err)
		}
	}
	all, err := data.Merge(told...)
	if err != nil {
		return nil, "", err
	}
	transform, err := s.Transform(tb.Context(), all)
	if err != nil {
		return nil, "", err
	}
	text, err := json.Marshal(transform)
	if err != nil {
		tb.Fatal(err)
	}
	sets := make([]*data.Set, parts)
	e := encoder(tb, string(text))
	for i := range parts {
		if sets[i], err = s.Read(tb.Context(), e, i, parts); err != nil {
			return nil, "", err
		}
	}
	return data.Join(sets...), string(text), nil
}

// encoder makes the encoder of a transform in JSON.
func encoder(tb testing.TB, text string) *data.Encoder {
	tb.Helper()
	transform := new(data.Transform)
	if err := json.Unmarshal([]byte(text), transform); err != nil {
		tb.Fatal(err)
	}
	e, err := data.NewEncoder(transform)
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return e
}

// mustLoad is load of an input that is right, which is the same in any number of parts.
func mustLoad(tb testing.TB, in data.Input) (*data.Set, string) {
	tb.Helper()
	set, text, err := load(tb, in, 1)
	if err != nil {
		tb.Fatal(err)
	}
	for parts := 2; parts < 6; parts++ {
		again, other, err := load(tb, in, parts)
		if err != nil {
			tb.Fatalf("%d parts: %v", parts, err)
		}
		if other != text {
			tb.Fatalf("%d parts: %s\n1 part: %s", parts, other, text)
		}
		same(tb, again, set)
	}
	return set, text
}

// same compares sets, row by row.
func same(tb testing.TB, got, want *data.Set) {
	tb.Helper()
	if got.Len() != want.Len() || got.Features() != want.Features() || got.Target() != want.Target() || got.Dropped() != want.Dropped() {
		tb.Fatalf("%d×%d, %v, %d dropped; want %d×%d, %v, %d", got.Len(), got.Features(), got.Target(), got.Dropped(), want.Len(), want.Features(), want.Target(), want.Dropped())
	}
	a, b := rows(got), rows(want)
	for i := range a {
		if len(a[i]) != len(b[i]) {
			tb.Fatalf("row %d: %v, want %v", i, a[i], b[i])
		}
		for j := range a[i] {
			if a[i][j] != b[i][j] {
				tb.Fatalf("row %d: %v, want %v", i, a[i], b[i])
			}
		}
		if got.Target() == data.Classes && got.Class(i) != want.Class(i) || got.Target() == data.Numbers && got.Value(i) != want.Value(i) {
			tb.Fatalf("row %d: another target", i)
		}
	}
}

// rows returns all rows of a set.
func rows(s *data.Set) [][]float32 {
	all := make([][]float32, s.Len())
	for i := range all {
		all[i] = make([]float32, s.Features())
		s.Row(all[i], i)
	}
	return all
}

// labels returns the labels of all rows.
func labels(s *data.Set) []string {
	all := make([]string, s.Len())
	for i := range all {
		all[i] = s.Classes()[s.Class(i)]
	}
	return all
}

// refused checks that an error is one line about the input, which contains want.
func refused(tb testing.TB, err error, want string) {
	tb.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		tb.Errorf("%v; want %s", err, want)
		return
	}
	if f := job.AsFailure(err, job.FaultInternal); f.Kind != job.FaultInput {
		tb.Errorf("%v is a failure of kind %v", err, f.Kind)
	}
}
