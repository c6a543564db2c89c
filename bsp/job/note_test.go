package job_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"scalar/bsp/job"

	"pgregory.net/rapid"
)

func TestCleanNote(t *testing.T) {
	for text, want := range map[string]string{
		"":  "",
		" ": "",
		"epoch 2/3, loss 0.0912, error 2.9\u00a0%": "epoch 2/3, loss 0.0912, error 2.9 %",
		"\n two\r\nlines\t ":                       "two  lines",
		"\x1b[2Jgone \x07\x00":                     "[2Jgone",
		"right\u202eleft\u2028next":                "right left next",
		"bad \xff\xfe bytes":                       "bad \ufffd\ufffd bytes",
		strings.Repeat("a", 201):                   strings.Repeat("a", 200),
		strings.Repeat("a", 199) + "é":             strings.Repeat("a", 199),
		strings.Repeat("a", 198) + " é":            strings.Repeat("a", 198),
		strings.Repeat("é", 101):                   strings.Repeat("é", 100),
	} {
		if got := job.CleanNote(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
		if got := job.ValidNote(text); got != (text == want) {
			t.Errorf("%q is valid: %v", text, got)
		}
	}
}

// Whatever the text, a note is one line that is valid and changes no more.
func TestCleanNoteAlways(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text")
		text = strings.Repeat(text, rapid.IntRange(1, 30).Draw(t, "times"))
		note := job.CleanNote(text)
		if !job.ValidNote(note) || len(note) > job.MaxNote || !utf8.ValidString(note) || strings.ContainsFunc(note, unicode.IsControl) || note != strings.TrimSpace(note) {
			t.Fatalf("%q became %q", text, note)
		}
		if name := job.CurveName(text); len(name) > job.MaxCurveName || name != job.CurveName(name) {
			t.Fatalf("%q became the name %q", text, name)
		}
	})
}
