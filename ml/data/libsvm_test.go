package data_test

import (
	"reflect"
	"slices"
	"testing"

	"scalar/ml/data"
)

func TestLIBSVM(t *testing.T) {
	text := "+1 1:.5 1000000:2 # comment\n\n# nothing\n-1\t3:-1e-3\r\n+1\n"
	set, kept := mustLoad(t, data.Input{URL: write(t, "a.txt", text), Target: data.Classes})
	if !set.Sparse() || set.Features() != 1000000 || set.Len() != 3 || !slices.Equal(labels(set), []string{"+1", "-1", "+1"}) {
		t.Fatalf("%d×%d, %v, %s", set.Len(), set.Features(), labels(set), kept)
	}
	columns, values := set.Entries(0)
	if !reflect.DeepEqual(columns, []uint32{0, 999999}) || !slices.Equal(values, []float32{.5, 2}) {
		t.Errorf("%v, %v", columns, values)
	}
	if columns, _ = set.Entries(2); len(columns) != 0 {
		t.Errorf("an empty row: %v", columns)
	}
	if row := rows(set)[1]; row[2] != -1e-3 || row[0] != 0 {
		t.Error("a row spread out is another")
	}
	set, _ = mustLoad(t, data.Input{URL: write(t, "a.svm.gz", "1.5 1:1\n"), Target: data.Numbers})
	if set.Value(0) != 1.5 || set.Features() != 1 {
		t.Errorf("%v", set.Value(0))
	}
	e := encoder(t, kept)
	s, err := data.OpenFor(t.Context(), data.Input{URL: write(t, "b.svm", "1 1:1\n0 2:1 1000001:1\n")}, e, false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Read(t.Context(), e, 0, 1)
	refused(t, err, "b.svm:2 (byte 12): the index 1000001 is no feature of training, which had 1000000")
}

// Rows to ask about may lack their labels, and those without a target too.
func TestLIBSVMUnlabelled(t *testing.T) {
	_, kept := mustLoad(t, data.Input{URL: write(t, "a.svm", "a 1:1\nb 3:2\n"), Target: data.Classes})
	e := encoder(t, kept)
	s, err := data.OpenFor(t.Context(), data.Input{URL: write(t, "b.svm", "1:4 2:5\n? 3:6\n \n# c\n\t2:7 # d\n")}, e, false)
	if err != nil {
		t.Fatal(err)
	}
	set, err := s.Read(t.Context(), e, 0, 1)
	if want := [][]float32{{4, 5, 0}, {0, 0, 6}, {0, 7, 0}}; err != nil || !reflect.DeepEqual(rows(set), want) {
		t.Errorf("%v, want %v: %v", set, want, err)
	}
	set, _ = mustLoad(t, data.Input{URL: write(t, "c.svm", "1:4\n2:5\n")})
	if want := [][]float32{{4, 0}, {0, 5}}; !reflect.DeepEqual(rows(set), want) {
		t.Errorf("%v, want %v", rows(set), want)
	}
}

func TestBadLIBSVM(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"1 2:1 2:1\n", "a.svm:1 (byte 6): the index 2 is not larger than the one before it, 2"},
		{"1 1:1\n1 0:1\n", "a.svm:2 (byte 8): the index 0 is out of range"},
		{"1 99999999999:1\n", "out of range"},
		{"1 1:nan\n", `a.svm:1 (byte 4): "nan" is no finite number`},
		{"1 1:\n", "want INDEX:VALUE"},
		{"1 x\n", "want INDEX:VALUE"},
		{"1 1:1\n2:1 3:1\n", `a.svm:2 (byte 6): the line begins with the entry "2:1": want a label before it`},
		{"1\n", "no row has a feature"},
		{"", "there are no rows to learn from"},
	} {
		_, _, err := load(t, data.Input{URL: write(t, "a.svm", c.text), Target: data.Classes}, 2)
		refused(t, err, c.want)
	}
	_, _, err := load(t, data.Input{URL: write(t, "a.svm", "x 1:1\n"), Target: data.Numbers}, 1)
	refused(t, err, `a.svm:1 (byte 0): the label "x" is no finite number`)
	_, _, err = load(t, data.Input{URL: write(t, "a.svm", "x 1:1\n"), Scale: data.Columns}, 1)
	refused(t, err, "would not stay sparse")
}
