package program_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
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

// TestNewOnAFullDisk: nothing of a program stays that could not be written whole, so that the same command
// works when there is room.
func TestNewOnAFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	}()
	empty := filepath.Join(disk, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{empty, filepath.Join(disk, "missing")} {
		if err := program.New(dir); fault.Code(err) != 1 || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s: %v", dir, err)
		}
	}
	left, err := fs.Glob(os.DirFS(disk), "*")
	inside, _ := os.ReadDir(empty)
	if err != nil || !slices.Equal(left, []string{"empty"}) || len(inside) > 0 {
		t.Errorf("there are %v, in the empty folder %v, %v", left, inside, err)
	}
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if err := program.New(filepath.Join(disk, "missing")); fault.Code(err) != 4 || strings.Contains(err.Error(), "\n") {
		t.Errorf("on a disk that is read-only: %v", err)
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
