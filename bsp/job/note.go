package job

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxNote is the most bytes of a note: what a job says of itself while it runs.
const MaxNote = 200

// CleanNote makes a note of any text: one line of at most MaxNote bytes, whole
// characters of UTF-8 that can be seen. All others, such as ends of lines and what
// moves a terminal's cursor, become spaces; at both ends there are none.
func CleanNote(text string) string { return clean(text, MaxNote) }

// ValidNote reports whether a text is a note as CleanNote makes them, or empty.
func ValidNote(text string) bool { return len(text) <= MaxNote && text == CleanNote(text) }

// clean is CleanNote with another limit in bytes.
func clean(text string, limit int) string {
	var b strings.Builder
	for _, r := range text { // bytes that are no UTF-8 come as U+FFFD
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			r = ' '
		}
		if r == ' ' && b.Len() == 0 {
			continue
		}
		if b.Len()+utf8.RuneLen(r) > limit {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimRight(b.String(), " ")
}
