package bsp

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"scalar/bsp/job"
	"scalar/internal/memory"
)

// Main runs prog: as a task where a groom started this process, else as a local
// job by the command line:
//
//	PROGRAM [--peers N] [--tasks N] [--input URL] [--output URL] [--checkpoint-every K]
//	        [--max-attempts N] [--timeout D] [-o table|json] [-- ARGS…]
//
// It is the last call of main and exits with the job's code. ^C stops the job, a
// second one leaves at once. What prog prints to os.Stdout goes to standard error,
// as a task's goes to its log: results are written by Write and Output.
func Main[M any](prog Program[M], opts ...Option) {
	r := NewRunner(prog, opts...)
	if IsTask() {
		os.Exit(TaskMain(func(builtin string, _ []string) (Runner, error) {
			if builtin != "" {
				return nil, fmt.Errorf("this program is not the built-in %q", builtin)
			}
			return r, nil
		}))
	}
	stdout := os.Stdout
	os.Stdout = os.Stderr
	os.Exit(localMain(r, os.Args, stdout, os.Stderr))
}

// localMain runs a local job by a command line and returns the exit code.
func localMain(r Runner, args []string, stdout, stderr io.Writer) int {
	say := func(args ...any) { _, _ = fmt.Fprintln(stderr, args...) } // nobody can be told otherwise
	spec, format, err := parseArgs(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return job.ExitOK
	}
	if err != nil {
		say(err)
		return job.ExitUsage
	}
	if err := memory.Limit(); err != nil {
		say(err)
		return job.ExitInternal
	}
	cfg := LocalConfig{Spec: spec, Stdout: stderr, Stderr: stderr}
	if cfg.Exe, err = os.Executable(); err != nil {
		say(err)
		return job.ExitInternal
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // the second signal has its usual effect
	info, out, err := RunLocal(ctx, r, cfg)
	if err != nil {
		say(filepath.Base(args[0])+":", err)
		if f, ok := errors.AsType[*job.Failure](err); ok && f.Detail != "" {
			say(f.Detail)
		}
	}
	if err := printResult(stdout, format, info, out); err != nil {
		say(err)
		return job.ExitInternal
	}
	return info.ExitCode
}

func printResult(stdout io.Writer, format string, info job.Info, out []byte) error {
	if format == "json" {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(info)
	}
	_, err := stdout.Write(out)
	return err
}

// parseArgs reads the flags of Main; what flag has not printed is in the error.
func parseArgs(args []string, stderr io.Writer) (spec job.Spec, format string, err error) {
	name := filepath.Base(args[0])
	spec.Name, spec.Program.Name = name, name
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are printed by the caller, once
	flags.IntVar(&spec.Peers, "peers", 0, "number of peers (default: one per core)")
	flags.IntVar(&spec.Tasks, "tasks", 1, "number of processes; 2 or more talk over Unix sockets")
	flags.StringVar(&spec.Input, "input", "", "file or folder to read, `URL` or path")
	flags.StringVar(&spec.Output, "output", "", "folder to make, `URL` or path (default: write to standard output)")
	flags.IntVar(&spec.CheckpointEvery, "checkpoint-every", 0, "supersteps between checkpoints (default: 30 s)")
	flags.IntVar(&spec.MaxAttempts, "max-attempts", 0, "attempts until the job fails (default: 4, with one process 1)")
	flags.DurationVar(&spec.Timeout, "timeout", 0, "end the job after this time, such as 10m (default: never)")
	flags.StringVar(&format, "o", "table", "what is printed: table (the result) or json (one object)")
	if err := flags.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stderr)
			_, _ = fmt.Fprintf(stderr, "usage: %s [flags] [-- ARGS...]\nRuns the program on this machine. To run it on a cluster: bsp job submit %s\n", name, name)
			flags.PrintDefaults()
		}
		return spec, format, err
	}
	spec.Args = flags.Args()
	switch {
	case format != "table" && format != "json":
		return spec, format, fmt.Errorf("-o %s: want table or json", format)
	case len(spec.Args) > 0 && args[len(args)-len(spec.Args)-1] != "--":
		return spec, format, fmt.Errorf("unexpected argument %q: the program's own arguments come after --", spec.Args[0])
	case spec.CheckpointEvery < 0 || spec.MaxAttempts < 0 || spec.Timeout < 0:
		return spec, format, errors.New("--checkpoint-every, --max-attempts and --timeout cannot be negative")
	}
	for _, url := range []*string{&spec.Input, &spec.Output} {
		if *url == "" || strings.Contains(*url, "://") {
			continue
		}
		if *url, err = filepath.Abs(*url); err != nil {
			return spec, format, err
		}
	}
	return spec, format, nil
}
