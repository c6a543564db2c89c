package bsp

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/storage"
)

// LocalConfig is a job that runs on this machine without a cluster.
type LocalConfig struct {
	Spec       job.Spec                        // Input and Output are absolute; Peers 0: one per core; Tasks 0: 1. Files, Cores, Memory and Priority are not used
	Exe        string                          // what a task process executes: it must call TaskMain first. Needed for Tasks > 1 and without a Runner
	ScratchDir string                          // for checkpoints and results, removed by its owner; empty: one of its own in os.TempDir()
	Progress   func(Progress)                  // from one goroutine at a time; nil: nobody listens
	Trace      func(attempt int, t *job.Trace) // with Spec.Report, of every task that told; from one goroutine at a time; nil: dropped
	Stdout     io.Writer                       // what task processes print; nil: dropped
	Stderr     io.Writer                       // what they and Log print; nil: os.Stderr
}

// Progress is where a local job stands.
type Progress struct {
	Superstep int    // completed barriers, of the task that has fewest
	Phase     string // "runs", "starts again" or "writes"
	Note      string // while it runs, what Peer.Note has given
}

// local is one run of RunLocal.
type local struct {
	cfg     LocalConfig
	runner  Runner
	spec    job.Spec
	ranges  []job.Range
	output  string // Spec.Output as a path without a slash at its end; empty: none
	scratch string
	began   time.Time
	info    job.Info

	checkpoints []wire.Checkpoint // committed ones, oldest first; two are kept
	folders     []string          // of output, not yet committed
	parts       []bytes.Buffer    // output in memory, by peer
}

// RunLocal runs a job on this machine: in this process, or with Spec.Tasks > 1, or
// without a runner, in processes of cfg.Exe that talk over Unix sockets. Job, errors
// and exit codes are those of a cluster. A killed or failed task process makes the
// gang start again from the last checkpoint, until Spec.MaxAttempts (4) attempts
// have failed; in this process there is one attempt unless MaxAttempts says more. A
// checkpoint that is found bad counts apart: the one before is used.
//
// Without Spec.Output the second result is the output of all peers in peer order,
// in Info.Result too if it is at most 1 MiB. The error is the *job.Failure in
// Info.Error. If a program in this process ignores ctx, RunLocal waits for it.
func RunLocal(ctx context.Context, r Runner, cfg LocalConfig) (job.Info, []byte, error) {
	l := &local{cfg: cfg, runner: r, spec: cfg.Spec, began: time.Now()}
	l.cfg.Stderr = serialized(cmp.Or[io.Writer](cfg.Stderr, os.Stderr))
	if l.cfg.Stdout = l.cfg.Stderr; cfg.Stdout == nil || cfg.Stdout != cfg.Stderr {
		l.cfg.Stdout = serialized(cfg.Stdout)
	}
	if cfg.Spec.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, cfg.Spec.Timeout, context.DeadlineExceeded)
		defer cancel()
	}
	out, err := l.run(ctx)
	err = l.end(ctx, err)
	return l.info, out, err
}

// maxResult is the most bytes of output that are in Info.Result.
const maxResult = 1 << 20

func (l *local) run(ctx context.Context) (out []byte, err error) {
	if err := l.plan(ctx); err != nil {
		return nil, err
	}
	l.scratch = l.cfg.ScratchDir
	if l.scratch == "" {
		if l.scratch, err = os.MkdirTemp("", "bsp-local-"); err != nil {
			return nil, job.AsFailure(err, job.FaultInternal)
		}
	}
	defer l.clean(ctx)
	done, err := l.attempts(ctx)
	if err != nil {
		return nil, err
	}
	l.tell(Progress{Superstep: done.Supersteps, Phase: "writes"})
	written := time.Now()
	out, err = l.commit(ctx, done.Parts)
	if err != nil {
		return nil, err
	}
	l.info.Supersteps, l.info.Counters = done.Supersteps, done.Counters
	start := l.info.Seconds.Start
	l.info.Seconds = done.Seconds
	l.info.Seconds.Start = start
	l.info.Seconds.Write += time.Since(written).Seconds()
	return out, nil
}

// plan checks the job before anything is started.
func (l *local) plan(ctx context.Context) error {
	s := &l.spec
	s.Peers = cmp.Or(s.Peers, runtime.GOMAXPROCS(0))
	s.Tasks = cmp.Or(s.Tasks, 1)
	name := cmp.Or(s.Name, s.Program.Name, "job")
	l.info = job.Info{
		ID: job.ID(name + "-local"), Name: name, Namespace: cmp.Or(s.Namespace, job.DefaultNamespace), Program: cmp.Or(s.Program.Name, name),
		State: job.Running, Peers: s.Peers, Tasks: s.Tasks, Output: s.Output, Checkpoint: -1, Submitted: l.began, Counters: map[string]int64{},
		DataPlane: "in-process",
	}
	if l.processes() {
		l.info.DataPlane = string(wire.PlaneUnix)
	}
	switch {
	case s.Peers < 1 || s.Peers > job.MaxPeers:
		return job.Usage("--peers %d: there can be 1 to %d", s.Peers, job.MaxPeers)
	case s.Tasks < 1 || s.Tasks > s.Peers || s.Tasks > job.MaxTasks:
		return job.Usage("--tasks %d: with %d peers there can be 1 to %d", s.Tasks, s.Peers, min(s.Peers, job.MaxTasks))
	case l.processes() && l.cfg.Exe == "":
		return job.Usage("task processes need an executable")
	case l.runner != nil && l.runner.options().files && s.Output == "":
		return job.Usage("the program writes files: say where by --output")
	case l.runner != nil && l.runner.check() != nil:
		return job.AsFailure(l.runner.check(), job.FaultProgram)
	}
	for i := range s.Tasks {
		l.ranges = append(l.ranges, job.Range{Lo: i * s.Peers / s.Tasks, Hi: (i + 1) * s.Peers / s.Tasks})
	}
	return l.checkPaths(ctx)
}

// processes says whether tasks are processes of their own.
func (l *local) processes() bool { return l.spec.Tasks > 1 || l.runner == nil }

// checkPaths looks at output and input before loading.
func (l *local) checkPaths(ctx context.Context) error {
	if l.spec.Output != "" {
		var err error
		var exists bool
		if l.output, err = storage.Path(l.spec.Output); err == nil {
			exists, err = storage.OutputExists(ctx, l.output)
		}
		switch {
		case exists:
			err = fmt.Errorf("output %s exists: remove it or name another", l.spec.Output)
		case err == nil:
			err = writable(l.output)
		}
		switch {
		case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
			return job.AsFailure(fmt.Errorf("output: %w", err), job.FaultOutput).WithCode(job.ExitDenied)
		case err != nil:
			return job.AsFailure(err, job.FaultOutput).WithCode(job.ExitUsage)
		}
	}
	if l.spec.Input != "" {
		if _, err := storage.Splits(ctx, l.spec.Input, 1); err != nil {
			return job.AsFailure(inputFailure(err), job.FaultInput)
		}
	}
	return nil
}

// writable returns an error if a folder at path could not be made, which a job would find out when
// all is computed.
func writable(path string) error {
	dir := filepath.Dir(path)
	err := unix.Access(dir, unix.W_OK|unix.X_OK)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return writable(dir) // it is made too
	case err != nil:
		return &fs.PathError{Op: "write in", Path: dir, Err: err}
	}
	return nil
}

// end writes how the job ended into info and gives the error its final form.
func (l *local) end(ctx context.Context, err error) error {
	l.info.Finished = time.Now()
	l.info.Seconds.Total = l.info.Finished.Sub(l.began).Seconds()
	if err == nil {
		l.info.State = job.Succeeded
		return nil
	}
	f := *job.AsFailure(err, job.FaultInternal)
	l.info.State = job.Failed
	if ctx.Err() != nil {
		if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			f = *job.Fail(job.FaultProgram, "timed out after %v", time.Since(l.began).Round(time.Millisecond))
			l.info.State, f.Code = job.TimedOut, job.ExitTimedOut
		} else {
			f = *job.Fail(job.FaultProgram, "stopped")
			l.info.State, f.Code = job.Stopped, job.ExitStopped
		}
	}
	l.info.ExitCode, l.info.Error = f.Code, &f
	return &f
}

// attempts runs the gang until it succeeds or may not try again.
func (l *local) attempts(ctx context.Context) (wire.TaskDone, error) {
	limit := cmp.Or(l.spec.MaxAttempts, job.DefaultMaxAttempts)
	if !l.processes() && l.spec.MaxAttempts == 0 {
		limit = 1
	}
	for failed, lost := 0, 0; ; {
		l.info.Attempts++
		done, err := l.attempt(ctx)
		f, ok := errors.AsType[*job.Failure](err)
		if err == nil || !ok || ctx.Err() != nil {
			return done, err
		}
		switch f.Kind {
		case job.FaultInput, job.FaultOutput:
			return done, f
		case job.FaultCheckpoint: // the one before, or superstep 0, is used
			if lost++; lost >= job.MaxGroomLosses {
				return done, f
			}
			l.checkpoints = l.checkpoints[:max(len(l.checkpoints)-1, 0)]
		default:
			if failed++; failed >= limit {
				return done, f
			}
		}
		l.say("attempt %d failed: %v; starting again from superstep %d", l.info.Attempts, f, max(l.checkpoint(), 0))
		l.tell(Progress{Superstep: max(l.checkpoint(), 0), Phase: "starts again"})
	}
}

// attempt runs one epoch.
func (l *local) attempt(ctx context.Context) (wire.TaskDone, error) {
	if l.processes() {
		return l.gang(ctx)
	}
	start := l.start(0)
	l.info.Seconds.Start = time.Since(l.began).Seconds()
	cfg := TaskConfig{Runner: l.runner, Start: start, Stderr: l.cfg.Stderr, Report: l.inProcess()}
	if start.OutputTmp == "" {
		l.parts = make([]bytes.Buffer, l.spec.Peers)
		cfg.Output = func(peer int) io.Writer { return &l.parts[peer] }
	}
	return RunTask(ctx, cfg)
}

// checkpoint is the superstep of the last committed one, -1: none.
func (l *local) checkpoint() int {
	if n := len(l.checkpoints); n > 0 {
		return l.checkpoints[n-1].Superstep
	}
	return -1
}

// start is the order for one task of the current epoch.
func (l *local) start(task int) wire.TaskStart {
	epoch := l.info.Attempts
	s := wire.TaskStart{
		Key: wire.TaskKey{Job: l.info.ID, Epoch: job.Epoch(epoch), Task: task}, Name: l.info.Name, Builtin: l.spec.Program.Builtin,
		Args: l.spec.Args, Ranges: l.ranges, Input: l.spec.Input, DataPlane: wire.PlaneUnix, CheckpointEvery: l.spec.CheckpointEvery,
		Trace: l.spec.Report,
	}
	host, err := os.Hostname()
	if err != nil {
		host = localhost
	}
	for range l.ranges {
		s.Hosts = append(s.Hosts, host)
	}
	restartable := l.processes() || l.spec.MaxAttempts > 1 || l.spec.CheckpointEvery > 0
	if restartable {
		s.CheckpointDir = l.scratch + "/checkpoints"
	}
	switch {
	case l.output != "":
		s.OutputTmp = fmt.Sprintf("%s.tmp-%s-%d-%d", l.output, l.info.ID, os.Getpid(), epoch)
	case restartable:
		s.OutputTmp = fmt.Sprintf("%s/output-%d", l.scratch, epoch)
	}
	if s.OutputTmp != "" && (len(l.folders) == 0 || l.folders[len(l.folders)-1] != s.OutputTmp) {
		l.folders = append(l.folders, s.OutputTmp)
	}
	if n := len(l.checkpoints); n > 0 {
		s.Restore = &l.checkpoints[n-1]
	}
	return s
}

// serial lets several processes write to one writer, a piece at a time.
type serial struct {
	mu sync.Mutex // held during a write
	w  io.Writer
}

// Write implements io.Writer.
func (s *serial) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(b)
}

// serialized wraps w unless it is a file, which processes get themselves.
func serialized(w io.Writer) io.Writer {
	if _, ok := w.(*os.File); ok || w == nil {
		return w
	}
	return &serial{w: w}
}

// say writes a line to stderr.
func (l *local) say(format string, args ...any) {
	_, _ = fmt.Fprintf(l.cfg.Stderr, format+"\n", args...) // nobody can be told otherwise
}

func (l *local) tell(p Progress) {
	if l.cfg.Progress != nil {
		l.cfg.Progress(p)
	}
}
