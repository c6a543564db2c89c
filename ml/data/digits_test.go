package data_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"scalar/ml/data"
)

// The digits that are shipped are read, and the model's transform fits their test set.
func TestDigits(t *testing.T) {
	dir, err := filepath.Abs("../../examples/digits")
	if err != nil {
		t.Fatal(err)
	}
	set, text := mustLoad(t, data.Input{URL: filepath.Join(dir, "train.csv.gz"), Target: data.Classes, Label: "digit"})
	if set.Len() != 1438 || set.Features() != 64 || !slices.Equal(set.Classes(), []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}) {
		t.Fatalf("%d×%d of %q", set.Len(), set.Features(), set.Classes())
	}
	mean, squares := 0., 0.
	for _, row := range rows(set) {
		for _, x := range row {
			mean += float64(x) / 1438 / 64
			squares += float64(x) * float64(x) / 1438 / 64
		}
	}
	if mean < -1e-6 || mean > 1e-6 || squares < 1-1e-6 || squares > 1+1e-6 {
		t.Errorf("scaled pixels have mean %g and mean square %g", mean, squares)
	}
	e := encoder(t, text)
	s, err := data.OpenFor(t.Context(), data.Input{URL: filepath.Join(dir, "test.csv.gz")}, e, true)
	if err != nil {
		t.Fatal(err)
	}
	test, err := s.Read(t.Context(), e, 0, 1)
	if err != nil || test.Len() != 359 || test.Target() != data.Classes {
		t.Errorf("%v", err)
	}
}

func ExampleLoad() {
	file, err := filepath.Abs("../../examples/digits/train.csv.gz")
	if err != nil {
		panic(err)
	}
	set, e, err := data.Load(context.Background(), data.Input{URL: file, Target: data.Classes})
	if err != nil {
		panic(err)
	}
	row := make([]float32, set.Features())
	set.Row(row, 0)
	fmt.Println(set.Len(), len(row), set.Classes()[set.Class(0)], e.Transform().Scale.Kind)
	// Output: 1438 64 0 bytes
}
