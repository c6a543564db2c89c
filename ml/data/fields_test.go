package data_test

import (
	"encoding/csv"
	"reflect"
	"strings"
	"testing"

	"scalar/ml/data"

	"pgregory.net/rapid"
)

// fields compares the splitter with encoding/csv: what that takes, without line ends in
// quotes, is cut alike, but for blanks around fields; what it refuses is refused unless
// blanks stand beside a quote.
func fields(t rapid.TB, text string) {
	t.Helper()
	got, err := data.Fields([]byte(text), ',')
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	want, oracle := r.ReadAll()
	if oracle != nil {
		if err == nil && !strings.Contains(text, ` "`) && !strings.Contains(text, `" `) && !strings.Contains(text, "\t\"") && !strings.Contains(text, "\"\t") {
			t.Fatalf("%q: taken as %q; encoding/csv: %v", text, got, oracle)
		}
		return
	}
	for _, line := range want {
		for i, f := range line {
			if strings.Contains(f, "\n") {
				if err == nil {
					t.Fatalf("%q: a line end in quotes was taken: %q", text, got)
				}
				return
			}
			if strings.Contains(f, "\r") {
				return // kept or dropped: no matter
			}
			line[i] = strings.Trim(f, " \t")
		}
	}
	if err != nil {
		if strings.Contains(text, "\r") { // in quotes, before a line's end
			return
		}
		t.Fatalf("%q: %v; encoding/csv: %q", text, err, want)
	}
	for _, line := range got {
		for i, f := range line {
			line[i] = strings.Trim(f, " \t") // those in quotes keep theirs
		}
	}
	if len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: %q, want %q", text, got, want)
	}
}

var lines = []string{
	"a,b\nc,d\n", "a,b", "", "\n\n", "a,\n,b\n", "\"a,b\",c\n", "\"a\"\"b\",\"\"\n", "\"\"\"\"", "a\"b,c", "\"a\nb\",c\n", "\"a", "\"a\"b,c", "a , b\r\nc,\td\r\n", " \"a\" ,b\n", ",", " ",
}

func TestFields(t *testing.T) {
	for _, text := range lines {
		fields(t, text)
	}
	rapid.Check(t, func(t *rapid.T) { fields(t, rapid.StringMatching(`[ab ,",\n]{0,24}`).Draw(t, "text")) })
}

func FuzzFields(f *testing.F) {
	for _, text := range lines {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { fields(t, text) })
}
