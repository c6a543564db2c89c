package storage_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scalar/storage"
)

// A store goes to the first that claims it, and then only to an heir of that one.
func TestClaim(t *testing.T) {
	dir := t.TempDir()
	store := "file://" + dir + "/"
	if err := storage.CheckOwner(t.Context(), store, "a"); err == nil {
		t.Error("a store of nobody was taken for a's")
	}
	for _, row := range []struct {
		cluster string
		heirOf  []string
		owner   string // of the error; empty: taken
	}{
		{"a", nil, ""},
		{"a", []string{"z"}, ""},
		{"b", nil, "a"},
		{"b", []string{"", "c"}, "a"},
		{"b", []string{"c", "a"}, ""},
		{"a", nil, "b"},
	} {
		err := storage.Claim(t.Context(), store, row.cluster, row.heirOf...)
		e, other := errors.AsType[*storage.OwnerError](err)
		if (err == nil) != (row.owner == "") || other && e.Owner != row.owner {
			t.Errorf("%+v: %v", row, err)
		}
		if other && (!strings.Contains(err.Error(), "belongs to cluster "+row.owner) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("error %q", err)
		}
		if err := storage.CheckOwner(t.Context(), store, row.cluster); (err == nil) != (row.owner == "") {
			t.Errorf("%+v: check: %v", row, err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "cluster"))
	if err != nil || string(b) != "b\n" {
		t.Errorf("%q, %v", b, err)
	}
	for _, bad := range []string{"", "b", "b c\n", "b\nc\n", "\n", strings.Repeat("x", 300) + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, "cluster"), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := storage.Claim(t.Context(), store, "b"); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := storage.Claim(t.Context(), store, ""); err == nil {
		t.Error("a cluster without an id claimed a store")
	}
}
