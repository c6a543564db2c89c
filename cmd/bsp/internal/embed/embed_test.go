package embed_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write embed.go anew")

// root is the repository's.
const root = "../../../.."

// api are the packages that a user's program may import.
var api = []string{"./bsp", "./bsp/bsptest", "./bsp/graph", "./bsp/graph/algo", "./bsp/matrix", "./bsp/mtx", "./storage", "./superstep"}

const header = `// Package scalar holds the sources that a user's program is built from, embedded
// in the bsp binary: whoever writes a program needs no checkout. This file is written
// by "go test ./cmd/bsp/internal/embed -update", which finds out what the user's
// packages import.
package scalar

import "embed"

// Modules are the paths of the modules that the embedded sources need; go.mod and
// go.sum have their versions and hashes.
var Modules = []string{
%s}

// Source holds the packages of the user's API and all that they import, without
// tests, and go.mod and go.sum.
//
//go:embed go.mod go.sum
%svar Source embed.FS
`

// TestEmbedIsCurrent checks that embed.go names exactly the files of the user's
// API and of what it imports.
func TestEmbedIsCurrent(t *testing.T) {
	files, modules := needed(t)
	var m, f strings.Builder
	for _, path := range modules {
		fmt.Fprintf(&m, "\t%q,\n", path)
	}
	for _, name := range files {
		fmt.Fprintf(&f, "//go:embed %s\n", name)
	}
	want := fmt.Sprintf(header, m.String(), f.String())
	got, err := os.ReadFile(root + "/embed.go")
	if *update {
		err = os.WriteFile(root+"/embed.go", []byte(want), 0o644)
		got = []byte(want)
	}
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Fatal("embed.go is not current: run go test ./cmd/bsp/internal/embed -update")
	}
}

// needed asks the go command for the files and modules behind api.
func needed(t *testing.T) (files, modules []string) {
	t.Helper()
	args := append([]string{"list", "-deps", "-json=Dir,Module,GoFiles,IgnoredGoFiles,SFiles,HFiles,EmbedFiles"}, api...)
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir                                                 string
			Module                                              *struct{ Path string }
			GoFiles, IgnoredGoFiles, SFiles, HFiles, EmbedFiles []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch {
		case p.Module == nil: // the standard library
		case p.Module.Path != "scalar":
			modules = append(modules, p.Module.Path)
		default:
			for _, name := range slices.Concat(p.GoFiles, p.IgnoredGoFiles, p.SFiles, p.HFiles, p.EmbedFiles) {
				rel, err := filepath.Rel(top, filepath.Join(p.Dir, name))
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasSuffix(rel, "_test.go") {
					files = append(files, rel)
				}
			}
		}
	}
	slices.Sort(files)
	slices.Sort(modules)
	return slices.Compact(files), slices.Compact(modules)
}
