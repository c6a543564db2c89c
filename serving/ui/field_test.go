package ui_test

import (
	"bytes"
	"net/url"
	"testing"

	"scalar/serving/ui"
)

// A field is what net/url makes of a form that it takes, whose names are plain, as browsers write those of the page.
func FuzzField(f *testing.F) {
	for _, form := range []string{"", "rows=1", "a=1&rows=%5B1%2C+2%5D&rows=3", "rows", "&&rows=&", "rows=%", "rows=%zz", "xrows=1&rows==", "rows=a;b", "+rows=1"} {
		f.Add([]byte(form))
	}
	f.Fuzz(func(t *testing.T, form []byte) {
		for one := range bytes.SplitSeq(form, []byte{'&'}) {
			if name, _, _ := bytes.Cut(one, []byte{'='}); bytes.IndexByte(name, '%') >= 0 {
				return
			}
		}
		got := ui.Field(form, "rows")
		want, err := url.ParseQuery(string(form))
		if err == nil && got != want.Get("rows") {
			t.Fatalf("%q: %q, want %q", form, got, want.Get("rows"))
		}
	})
}
