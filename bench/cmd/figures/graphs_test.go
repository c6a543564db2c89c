package main_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	figures "scalar/bench/cmd/figures"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSameRanks(t *testing.T) {
	dir := t.TempDir()
	ours := filepath.Join(dir, "ours")
	write(t, filepath.Join(ours, "part-00000"), "1\t0.25\n3\t0.5\n")
	write(t, filepath.Join(ours, "part-00001"), "2\t0.25\n")
	write(t, filepath.Join(ours, "_SUCCESS"), "")
	for name, c := range map[string]struct {
		text string
		same bool
	}{
		"same":               {"3\t0.5\n1\t2.5e-1\n2\t0.2500000000001\n", true},
		"far":                {"3\t0.5\n1\t0.25\n2\t0.250000001\n", false},
		"not a number":       {"3\tNaN\n1\t0.25\n2\t0.25\n", false},
		"one less":           {"3\t0.5\n1\t0.25\n", false},
		"one that is not it": {"3\t0.5\n1\t0.25\n7\t0.25\n", false},
		"no rank":            {"3\t0.5\n1\t0.25\n2\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := figures.SameRanks(ours, write(t, filepath.Join(dir, "theirs"), c.text)); (err == nil) != c.same {
				t.Error(err)
			}
		})
	}
}

func TestHub(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "graph"), "0 1\n2 1\n2 3\n2 4\n5 1\n5 2\n")
	if got, err := figures.Hub(path); err != nil || got != "2" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRewrite(t *testing.T) {
	dir := t.TempDir()
	from, to := write(t, filepath.Join(dir, "from"), "0 1\n12 0\n"), filepath.Join(dir, "to")
	lines, err := figures.Rewrite(from, to, func(dst []byte, id uint64) []byte { return strconv.AppendUint(append(dst, 'v'), id, 10) })
	if err != nil || lines != 2 {
		t.Fatalf("%d lines, %v", lines, err)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != "v0 v1\nv12 v0\n" {
		t.Errorf("%q, %v", got, err)
	}
}
