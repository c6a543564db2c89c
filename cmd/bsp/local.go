package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/fault"
	"scalar/cmd/bsp/internal/program"
	"scalar/internal/memory"
	"scalar/storage"
)

// submitLocal runs a job in this process, or in processes of this machine. The end
// of early stops it, the end of late ends this process.
func (a *app) submitLocal(early, late context.Context, s *submission, p *program.Program) (err error) {
	scratch, err := os.MkdirTemp("", "bsp-local-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	ended := make(chan struct{})
	defer context.AfterFunc(late, func() {
		killChildren()
		leave(ended, func() { s.remove(scratch, p) })
	})()
	defer close(ended)
	bar := newProgress(a.stderr)
	cfg := bsp.LocalConfig{Spec: s.spec, Exe: p.Path, ScratchDir: scratch, Stdout: bar.writer(), Stderr: bar.writer()}
	cfg.Progress = func(now bsp.Progress) { bar.now("%s", live(s.spec.Name, now.Phase, now.Superstep, now.Note)) }
	var told traced
	cfg.Trace = told.take
	info, out, err := s.runLocal(early, p, cfg)
	bar.close()
	if err != nil {
		return err
	}
	if f := info.Error; f != nil && info.Attempts == 0 && (f.Code == job.ExitUsage || f.Code == job.ExitNotFound || f.Code == job.ExitDenied) {
		return &fault.Error{Code: f.Code, Err: f} // a cluster would not have accepted it: there is no job to show
	}
	switch {
	case info.State != job.Succeeded:
	case a.format != formatTable:
		info.Result = string(out) // the whole: nobody keeps what would be left out
	default:
		if _, err := a.stdout.Write(out); err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
	}
	a.limit = s.spec.Timeout
	a.report(s.report, info, told.list(info.Attempts), nil)
	return a.finish(info)
}

// runLocal runs the job; how it ends is in the Info, an error is about its start.
func (s *submission) runLocal(ctx context.Context, p *program.Program, cfg bsp.LocalConfig) (info job.Info, out []byte, err error) {
	var runner bsp.Runner
	if p.Builtin != nil {
		if runner, err = p.Builtin.New(s.spec.Args); err != nil {
			return info, nil, fault.Default(job.ExitUsage, err)
		}
		if cfg.Exe, err = os.Executable(); err != nil {
			return info, nil, err
		}
	}
	if err := memory.Limit(); err != nil {
		return info, nil, err
	}
	if err := s.surroundings(filepath.Join(cfg.ScratchDir, "files")); err != nil {
		return info, nil, err
	}
	info, out, _ = bsp.RunLocal(ctx, runner, cfg) // the error is in info
	return info, out, nil
}

// remove removes what this process has on disk for a job.
func (s *submission) remove(scratch string, p *program.Program) {
	_ = errors.Join(os.RemoveAll(scratch), p.Close()) // nobody waits to be told
	out, err := storage.Path(s.spec.Output)
	if err != nil {
		return
	}
	entries, _ := os.ReadDir(filepath.Dir(out)) // what cannot be listed stays
	mine := "-" + strconv.Itoa(os.Getpid()) + "-"
	for _, e := range entries { // OUT.tmp-JOB-PID-ATTEMPT
		if strings.HasPrefix(e.Name(), filepath.Base(out)+".tmp-") && strings.Contains(e.Name(), mine) {
			_ = os.RemoveAll(filepath.Join(filepath.Dir(out), e.Name())) // as above
		}
	}
}

// killChildren kills the processes that this one started, and their groups.
func killChildren() {
	threads, _ := filepath.Glob("/proc/self/task/*/children") // none: they end with their sockets
	for _, t := range threads {
		list, _ := os.ReadFile(t) // of a thread that is gone
		for field := range strings.FieldsSeq(string(list)) {
			if pid, err := strconv.Atoi(field); err == nil {
				_ = syscall.Kill(-pid, syscall.SIGKILL) // it has ended already
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
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
