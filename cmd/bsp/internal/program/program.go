package program

import (
	"context"
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"scalar/bsp/builtin"
	"scalar/cmd/bsp/internal/fault"
)

// Program is what PROGRAM means.
type Program struct {
	Name    string           // shown to people
	Builtin *builtin.Program // or
	Path    string           // absolute path of a static binary
	built   string           // folder to remove
}

// Find decides what name means: a built-in, a static binary or a folder of Go
// source, which it builds; the compiler speaks on stderr.
func Find(ctx context.Context, builtins builtin.Catalog, name string, stderr io.Writer) (*Program, error) {
	if b, ok := builtins.Lookup(name); ok {
		return &Program{Name: b.Name, Builtin: &b}, nil
	}
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.NotFound("no program %q: it is neither a built-in (see `bsp program list`) nor a file or folder here", name)
	}
	if err != nil {
		return nil, err
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return build(ctx, path, stderr)
	}
	if err := CheckStatic(path); err != nil {
		return nil, err
	}
	return &Program{Name: filepath.Base(path), Path: path}, nil
}

// Close removes what Find built.
func (p *Program) Close() error {
	if p.built == "" {
		return nil
	}
	return os.RemoveAll(p.built)
}

func build(ctx context.Context, dir string, stderr io.Writer) (*Program, error) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return nil, fault.Failed("building %s needs Go 1.26 or newer in PATH: install it, or submit a static binary", dir)
	}
	if main, err := filepath.Glob(filepath.Join(dir, "*.go")); err != nil || len(main) == 0 {
		return nil, fault.NotFound("no Go source in %s: `bsp program new %s` writes a first program into an empty folder", dir, dir)
	}
	tmp, err := os.MkdirTemp("", "bsp-build-")
	if err != nil {
		return nil, err
	}
	p := &Program{Name: filepath.Base(dir), Path: filepath.Join(tmp, "program"), built: tmp}
	cmd := exec.CommandContext(ctx, goTool, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", p.Path, ".")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, stderr, stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	// The go command removes its temporary folder when it is interrupted. ^C on a
	// terminal must come from here alone, or it would fail before ctx ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = buildGrace
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case err != nil:
		err = fault.Failed("%s does not build", dir)
	case isArchive(p.Path):
		err = fault.Usage("%s is not package main: a program has a func main that calls bsp.Main", dir)
	default:
		err = CheckStatic(p.Path)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// buildGrace is how long the go command may take to clean up after ^C.
const buildGrace = 2 * time.Second

// isArchive reports whether a file is what a package that is not main builds.
func isArchive(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // read only
	magic := make([]byte, 8)
	_, err = io.ReadFull(f, magic)
	return err == nil && string(magic) == "!<arch>\n"
}

// CheckStatic reports whether the file at path is an executable that runs on a
// groom without any file of this machine.
func CheckStatic(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		if _, bad := errors.AsType[*elf.FormatError](err); bad || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fault.Usage("%s is no Linux executable: give a built-in, a static binary or a folder of Go source", path)
		}
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return fault.Usage("%s is an ELF file, but no executable", path)
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		loader, _ := io.ReadAll(io.LimitReader(p.Open(), 256)) // for the error's text only
		return fault.Usage("%s is linked dynamically (it wants %s), and grooms may lack its libraries: build it with CGO_ENABLED=0",
			path, strings.TrimRight(string(loader), "\x00"))
	}
	if libs, err := f.ImportedLibraries(); err == nil && len(libs) > 0 {
		return fault.Usage("%s needs %s: build it with CGO_ENABLED=0", path, strings.Join(libs, ", "))
	}
	return nil
}
