package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestModelsPage runs the examples of docs/models.md, which print what the page says.
func TestModelsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/models.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	copyModels(t, dir)
	test, err := os.ReadFile("../../examples/digits/test.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"test.csv.gz": string(test),
		"houses.csv":  "size,rooms,district,price\n70,3,south,180\n110,4,north,310\n,2,south,200\n",
		"other.csv":   "size,floors,district\n70,3,south\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run, command, want := 0, "", ""
	check := func() {
		if command == "" {
			return
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if got := strings.ReplaceAll(string(out), dir+"/", ""); err != nil || got != want {
			t.Errorf("%s\n%s\nwant\n%s\n%v", command, got, want, err)
		}
		run++
	}
	for line := range strings.Lines(string(page)) {
		text, indented := strings.CutPrefix(line, "    ")
		next, prompt := strings.CutPrefix(text, "$ ")
		switch {
		case indented && prompt:
			check()
			command, want = next, ""
		case indented && command != "":
			want += text
		default:
			check()
			command = ""
		}
	}
	if run != 8 {
		t.Errorf("%d examples ran", run)
	}
}
