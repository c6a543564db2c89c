// Command bsp is all of Scalar in one binary: the daemons of a cluster, the
// command line for people and scripts, and the program of every built-in.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"unicode"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/fault"
)

func main() {
	if bsp.IsTask() { // started by a groom or by a local run
		os.Exit(bsp.TaskMain(catalog().NewRunner))
	}
	os.Exit(run(context.Background(), os.Args[1:]))
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string) int {
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
	root := a.root() //nolint:contextcheck // cobra carries it
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		err, a.running = a.help.err, true
	}
	if err == nil {
		return job.ExitOK
	}
	code := fault.Code(err)
	if !a.running { // cobra's own complaints are about the command line
		code = job.ExitUsage
	}
	if e, ok := err.(*fault.Error); ok && e.Err == nil { //nolint:errorlint // only if it is the whole error
		return code
	}
	if unread(err) { // end as those do that have nothing to remove: by SIGPIPE
		signal.Reset(syscall.SIGPIPE)
		_, _ = os.Stdout.Write([]byte{'\n'}) // it ends this process
	}
	line := oneLine(err)
	if code == job.ExitStopped && errors.Is(err, context.Canceled) { // by ^C
		line = "stopped"
	}
	if code == job.ExitUsage && !a.running {
		line += fmt.Sprintf(" (see `%s --help`)", cmd.CommandPath())
	}
	fmt.Fprintf(a.stderr, "bsp: %s\n", line) //nolint:errcheck // nobody to tell
	return code
}

// helpWriter keeps the first error of its writes for run, which tells it: cobra prints it and goes on.
type helpWriter struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (h *helpWriter) Write(b []byte) (int, error) {
	if h.err == nil {
		_, h.err = h.w.Write(b)
	}
	return len(b), nil
}

// outlivePipes has writes to a pipe that nobody reads any more fail. They end the process
// otherwise, with files that it would remove.
func outlivePipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// unread reports whether an error is that nobody reads stdout any more, as in `| head`.
func unread(err error) bool {
	e, ok := errors.AsType[*fs.PathError](err)
	return ok && e.Path == os.Stdout.Name() && errors.Is(e, syscall.EPIPE)
}

// oneLine is what is said of an error; a program's may have many lines. Control characters, which may be of a file that
// it quotes, are no matter for a terminal.
func oneLine(err error) string { return lineOf(err.Error()) }

// lineOf is oneLine of a text.
func lineOf(text string) string {
	line := strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, line)
}

// version is set by the linker: -X main.version=….
var version string

// theVersion returns what this binary is called.
func theVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return "devel"
}
