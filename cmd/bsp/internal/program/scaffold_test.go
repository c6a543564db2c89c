package program_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"scalar/cmd/bsp/internal/fault"
	"scalar/cmd/bsp/internal/program"
)

// TestNew looks at what is written; testdata/program.txtar of cmd/bsp builds it.
func TestNew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "Mein Programm 1")
	if err := program.New(dir); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, "_test.go") {
			t.Errorf("%s is a test", path)
		}
		files++
		return err
	})
	if err != nil || files < 40 {
		t.Errorf("%d files: %v", files, err)
	}
	for name, want := range map[string]string{
		"main.go":                "bsp.Main(pi)",
		"go.mod":                 "module example.com/Mein-Programm-1\n",
		".scalar/go.mod":         "module scalar\n",
		".scalar/go.sum":         "github.com/vmihailenco/msgpack/v5 v5.3.5 h1:",
		".scalar/bsp/doc.go":     "package bsp\n",
		".scalar/storage/doc.go": "package storage\n",
	} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v\n%s", name, err, b)
		}
	}
	if mod, _ := os.ReadFile(filepath.Join(dir, "go.mod")); strings.Contains(string(mod), "raft") || !strings.Contains(string(mod), "replace scalar => ./.scalar\n") {
		t.Errorf("go.mod:\n%s", mod)
	}
	if err := program.New(dir); fault.Code(err) != 2 {
		t.Errorf("a second time: %v", err)
	}
}

// TestNewBuilds builds programs in folders whose names mean something to the go
// command.
func TestNewBuilds(t *testing.T) {
	for _, name := range []string{"sort", "cmd", "all"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), name)
			if err := program.New(dir); err != nil {
				t.Fatal(err)
			}
			build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", filepath.Join(t.TempDir(), "program"), ".")
			build.Dir = dir
			build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOPROXY=off", "GOFLAGS=-mod=mod", "GOWORK=off")
			if out, err := build.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
