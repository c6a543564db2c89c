package program

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"scalar"
	"scalar/cmd/bsp/internal/fault"
	"scalar/storage"
)

// first is the program that a new folder starts with.
//
//go:embed pi.go.txt
var first []byte

// apiDir is where a program's folder has the sources of the API. The go command
// leaves folders with a dot alone, so "./..." is the user's code.
const apiDir = ".scalar"

// New writes a first program into dir, which must be missing or empty: main.go,
// go.mod, go.sum and the API's sources. Of what it cannot write whole nothing stays.
func New(dir string) error {
	if dir == "" {
		return fault.Usage("which folder? name one that is new or empty")
	}
	entries, err := os.ReadDir(dir)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case len(entries) > 0:
		return fault.Usage("%s is not empty: name a folder that is new or empty", dir)
	case err != nil && !missing:
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := write(dir); err != nil {
		return errors.Join(err, unwrite(dir, missing))
	}
	return nil
}

// write writes the files of a first program.
func write(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, apiDir), 0o755); err != nil {
		return err
	}
	if err := copySource(filepath.Join(dir, apiDir)); err != nil {
		return fmt.Errorf("write the API's sources: %w", err)
	}
	needs, sums, version, err := dependencies()
	if err != nil {
		return err
	}
	name := moduleName(filepath.Base(dir))
	files := map[string][]byte{
		"main.go":          first,
		"go.mod":           goMod(name, version, append([]string{"scalar v0.0.0"}, needs...), "replace scalar => ./"+apiDir+"\n"),
		"go.sum":           sums,
		apiDir + "/go.mod": goMod("scalar", version, needs, ""),
		apiDir + "/go.sum": sums,
	}
	for path, content := range files {
		if err := os.WriteFile(filepath.Join(dir, path), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// unwrite removes what write has made in a folder that was empty, or was missing.
func unwrite(dir string, missing bool) error {
	if missing {
		return storage.RemoveAll(context.Background(), dir)
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

func copySource(to string) error {
	return fs.WalkDir(scalar.Source, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == "go.mod" || path == "go.sum" {
			return err
		}
		target := filepath.Join(to, filepath.FromSlash(path))
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		content, err := scalar.Source.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
}

// dependencies returns "path version" of each module that the API's sources
// need, their lines of go.sum, and the version of Go.
func dependencies() (needs []string, sums []byte, version string, err error) {
	mod, err := scalar.Source.ReadFile("go.mod")
	if err != nil {
		return nil, nil, "", err
	}
	chosen := map[string]string{}
	for line := range strings.Lines(string(mod)) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		switch {
		case len(fields) >= 2 && fields[0] == "go":
			version = fields[1]
		case len(fields) >= 2 && slices.Contains(scalar.Modules, fields[0]):
			chosen[fields[0]] = fields[1]
			needs = append(needs, fields[0]+" "+fields[1])
		}
	}
	if len(needs) != len(scalar.Modules) || version == "" {
		return nil, nil, "", fmt.Errorf("go.mod lacks some of %v", scalar.Modules)
	}
	sum, err := scalar.Source.ReadFile("go.sum")
	if err != nil {
		return nil, nil, "", err
	}
	for line := range bytes.Lines(sum) {
		fields := strings.Fields(string(line))
		if len(fields) == 3 && chosen[fields[0]] == strings.TrimSuffix(fields[1], "/go.mod") {
			sums = append(sums, line...)
		}
	}
	return needs, sums, version, nil
}

func goMod(module, version string, needs []string, end string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "module %s\n\ngo %s\n\nrequire (\n", module, version)
	for _, n := range needs {
		mark := " // indirect"
		if module == "scalar" || strings.HasPrefix(n, "scalar ") {
			mark = ""
		}
		fmt.Fprintf(&b, "\t%s%s\n", n, mark)
	}
	fmt.Fprintf(&b, ")\n")
	if end != "" {
		fmt.Fprintf(&b, "\n%s", end)
	}
	return b.Bytes()
}

// moduleName makes a module path of a folder's name. It is below a domain, since a
// path without a dot in front, "sort" say, would be the standard library's.
func moduleName(base string) string {
	name := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, base)
	if name = strings.Trim(name, "-._"); name == "" {
		name = "program"
	}
	return "example.com/" + name
}
