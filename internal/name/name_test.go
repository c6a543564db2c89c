package name_test

import (
	"regexp"
	"strings"
	"testing"

	"scalar/internal/name"
)

// TestValid compares with a pattern: every byte at the beginning, in the middle and at the end, and lengths around the most.
func TestValid(t *testing.T) {
	pattern := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	texts := append(make([]string, 0, 1100), "", "ä", "a\n", "\na", strings.Repeat("a", 62), strings.Repeat("a", 63), strings.Repeat("a", 64))
	for c := range 256 {
		b := string([]byte{byte(c)})
		texts = append(texts, b, b+"a", "a"+b, "a"+b+"a")
	}
	for _, s := range texts {
		if got, want := name.Valid(s, 63), pattern.MatchString(s); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
}
