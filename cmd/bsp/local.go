package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/fault"
	"scalar/cmd/bsp/internal/program"
)

// submitLocal runs a job in this process, or in processes of this machine.
func (a *app) submitLocal(ctx context.Context, s *submission, p *program.Program) (err error) {
	scratch, err := os.MkdirTemp("", "bsp-local-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	cfg := bsp.LocalConfig{Spec: s.spec, Exe: p.Path, ScratchDir: scratch, Stdout: a.stderr, Stderr: a.stderr}
	var runner bsp.Runner
	if p.Builtin != nil {
		if runner, err = p.Builtin.New(s.spec.Args); err != nil {
			return fault.Default(job.ExitUsage, err)
		}
		if cfg.Exe, err = os.Executable(); err != nil {
			return err
		}
	}
	if err := s.surroundings(filepath.Join(scratch, "files")); err != nil {
		return err
	}
	ctx, cancel := interruptible(ctx)
	defer cancel()
	// A program may take its time to notice: a second ^C has its usual effect.
	defer context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt, syscall.SIGTERM) })()
	bar := newProgress(a.stderr)
	cfg.Progress = func(superstep int, phase string) { bar.now("%s %s, superstep %d", s.spec.Name, phase, superstep) }
	info, out, err := bsp.RunLocal(ctx, runner, cfg)
	bar.close()
	if a.format == formatTable && err == nil {
		if _, err := a.stdout.Write(out); err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
	}
	return a.finish(info) // err is in info
}

// surroundings gives the job what --env and --file say: this process's environment,
// and a working folder, which its task processes inherit.
func (s *submission) surroundings(dir string) error {
	for k, v := range s.spec.Env {
		if err := os.Setenv(k, v); err != nil {
			return fault.Usage("--env %s: %w", k, err)
		}
	}
	if len(s.files) == 0 {
		return nil
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for _, arg := range s.files {
		path, name, err := shipped(arg)
		if err != nil {
			return err
		}
		if err := copyFile(path, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("--file %s: %w", path, err)
		}
	}
	return os.Chdir(dir)
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // read only
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
