package main

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestEdgesOf(t *testing.T) {
	index := `Package: a
Version: 1
Depends: libc6 (>= 2.36), mta | mail-transport-agent, python3:any, b [amd64], libc6
Pre-Depends: dpkg

Package: libc6
Description: no dependency
`
	got, err := edgesOf(strings.NewReader(index))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a\tb", "a\tdpkg", "a\tlibc6", "a\tmta", "a\tpython3"}
	if !slices.Equal(got, want) {
		t.Errorf("edgesOf = %q, want %q", got, want)
	}
}

// The shipped snapshot is what the demo runs on: it is whole and of the stated size.
func TestSnapshot(t *testing.T) {
	f, err := os.Open("depends.tsv.zst")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	names := map[string]bool{}
	for i, l := range lines {
		if i > 0 && l <= lines[i-1] {
			t.Fatalf("line %q after %q", l, lines[i-1])
		}
		from, to, ok := strings.Cut(l, "\t")
		if !ok || from == "" || to == "" || strings.ContainsAny(to, "\t ") {
			t.Fatalf("line %q is no edge", l)
		}
		names[from], names[to] = true, true
	}
	if len(names) != 63_597 || len(lines) != 274_855 {
		t.Errorf("%d names and %d edges", len(names), len(lines))
	}
}
