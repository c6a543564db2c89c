package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"scalar/bsp/client"
	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/fault"
	"scalar/cmd/bsp/internal/program"
	"scalar/storage"
)

// submission is what bsp job submit was told.
type submission struct {
	spec   job.Spec
	memory string
	files  []string
	env    []string
	local  bool
	detach bool
	report string         // path of the page; empty: none
	flags  *pflag.FlagSet // which of them were given
}

func (a *app) submitCmd() *cobra.Command {
	s := &submission{}
	c := &cobra.Command{
		Use:   "submit [flags] PROGRAM [-- ARGS...]",
		Short: "Run a program and wait for it",
		Long: `Run a program and wait for it.

PROGRAM is a built-in (see "bsp program list"), a static binary, or a folder of Go source
(see "bsp program new"). What comes after -- is the program's own.

Without --output the result goes to stdout. Progress goes to stderr. The first ^C stops the
job, a second one leaves at once. The exit code is the job's: see "bsp --help".`,
		Example: `  bsp job submit --local pi -- --samples 1000000
  bsp job submit --peers 8 --input graph.e --output ranks pagerank -- --iterations 20
  bsp job submit --report ranks.html --input graph.e --output ranks pagerank
  bsp job submit -d --name nightly ./myprogram -- --verbose
  bsp job submit -o json --local ./prog/`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch n := cmd.ArgsLenAtDash(); {
			case len(args) == 0 || n == 0:
				return fault.Usage("which program? name a built-in, a static binary or a folder of Go source")
			case n < 0 && len(args) > 1, n > 1:
				return fault.Usage("what is %q? the program's own arguments come after --", args[1])
			}
			return nil
		},
		ValidArgsFunction: completePrograms,
		RunE: func(cmd *cobra.Command, args []string) error {
			s.flags = cmd.Flags()
			return a.submit(cmd.Context(), s, args[0], args[1:])
		},
	}
	f := c.Flags()
	f.IntVar(&s.spec.Peers, "peers", 0, "number of peers (default: the cores with --local, else min(free slots, 8))")
	f.IntVar(&s.spec.Tasks, "tasks", 0, "number of processes (default: the fewest that fit; with --local 1)")
	f.Float64Var(&s.spec.Cores, "cores", 0, "cores of each peer")
	f.StringVar(&s.memory, "memory", "", "memory of each peer, as 512MiB")
	f.IntVar(&s.spec.GPUs, "gpus", 0, "GPUs of each peer")
	f.StringVar(&s.spec.Input, "input", "", "file or folder to read; path or URL, the same on every node")
	f.StringVar(&s.spec.Output, "output", "", "folder to make; must not exist")
	f.StringVar(&s.spec.Name, "name", "", "name of the job (default: the program's)")
	f.StringVar(&s.spec.Namespace, "namespace", "", "namespace (default: the token's, or \"default\" if it may use all)")
	f.IntVar(&s.spec.Priority, "priority", 0, "-100 to 100, higher first")
	f.IntVar(&s.spec.CheckpointEvery, "checkpoint-every", 0, "supersteps between checkpoints (default: every 30 s)")
	f.IntVar(&s.spec.MaxAttempts, "max-attempts", 0, "attempts until the program's faults end the job (default 4)")
	f.DurationVar(&s.spec.Timeout, "timeout", 0, "end the job after so long, as 90s or 2h")
	f.StringArrayVar(&s.files, "file", nil, "PATH[=NAME]: file to put into the working folder; repeatable")
	f.StringArrayVar(&s.env, "env", nil, "K=V: environment of the program; repeatable")
	f.BoolVar(&s.local, "local", false, "run here, without a cluster")
	f.BoolVarP(&s.detach, "detach", "d", false, "return as soon as the job is accepted, and print its id")
	f.StringVar(&s.report, "report", "", "FILE.html: write a page with pictures of the job's supersteps when it has ended")
	c.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if _, unknown := errors.AsType[*pflag.NotExistError](err); !unknown {
			return err
		}
		if args := cmd.Flags().Args(); len(args) > 0 {
			return fmt.Errorf("%w; what is for %s comes after --", err, args[0])
		}
		return fmt.Errorf("%w; what is for a program comes after its name and --", err)
	})
	return a.outputFlag(c)
}

func (a *app) submit(ctx context.Context, s *submission, name string, args []string) (err error) {
	if b, ok := catalog().Lookup(name); ok && slices.Contains(args, "--help") {
		_, err := fmt.Fprint(a.stdout, b.Help())
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	early, late, stopping := stopper(ctx, s.signals())
	defer stopping.close()
	outlivePipes()
	p, err := program.Find(early, catalog(), name, a.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := s.name(p, args); err != nil {
		return err
	}
	if s.local {
		return a.submitLocal(early, late, s, p)
	}
	if err := s.checkText(); err != nil {
		return err
	}
	if !s.detach {
		a.waits()
	}
	return a.connected(early, func(c *client.Client) error {
		if err := s.upload(early, c, p); err != nil {
			if early.Err() != nil { // there is no job yet that could be left
				return &fault.Error{Code: job.ExitStopped, Err: early.Err()}
			}
			return err
		}
		return a.submitRemote(late, c, s, stopping)
	})
}

// signals are what stops the job. A job on a cluster outlives a closed terminal.
func (s *submission) signals() []os.Signal {
	if s.local {
		return ending()
	}
	return []os.Signal{os.Interrupt, syscall.SIGTERM}
}

// check refuses wrong flags and fills in what they say of the spec.
func (s *submission) check() error {
	p := &s.spec
	switch {
	case p.Peers < 0 || p.Peers > job.MaxPeers:
		return fault.Usage("--peers %d: want 1 to %d", p.Peers, job.MaxPeers)
	case p.Tasks < 0 || p.Tasks > job.MaxTasks || p.Peers > 0 && p.Tasks > p.Peers:
		return fault.Usage("--tasks %d: want 1 to %d, and no more than --peers", p.Tasks, job.MaxTasks)
	case math.IsNaN(p.Cores) || math.IsInf(p.Cores, 0):
		return fault.Usage("--cores %v: want a number", p.Cores)
	case p.Cores < 0 || p.GPUs < 0 || p.CheckpointEvery < 0 || p.MaxAttempts < 0 || p.Timeout < 0:
		return fault.Usage("--cores, --gpus, --checkpoint-every, --max-attempts and --timeout must not be negative")
	case p.Priority < -100 || p.Priority > 100:
		return fault.Usage("--priority %d: want -100 to 100", p.Priority)
	case s.local && s.detach:
		return fault.Usage("-d is for a cluster: a local job ends with this command")
	}
	if s.memory != "" {
		n, err := humanize.ParseBytes(s.memory)
		if err != nil || n == 0 || n > 1<<50 {
			return fault.Usage("--memory %q: want a number of bytes, as 512MiB", s.memory)
		}
		p.Memory = int64(n)
	}
	p.Env = map[string]string{}
	for _, kv := range s.env {
		k, v, ok := strings.Cut(kv, "=")
		if !ok || k == "" {
			return fault.Usage("--env %q: want K=V", kv)
		}
		if strings.HasPrefix(k, "BSP_") {
			return fault.Usage("--env %q: names with BSP_ are taken", k)
		}
		p.Env[k] = v
	}
	if err := s.checkGiven(); err != nil {
		return err
	}
	if err := checkReport(s.report, s.detach); err != nil {
		return err
	}
	p.Report = s.report != ""
	var err error
	if p.Input, err = location("--input", p.Input); err != nil {
		return err
	}
	p.Output, err = location("--output", p.Output)
	return err
}

// checkGiven refuses flags that were given and would count for nothing.
func (s *submission) checkGiven() error {
	for _, name := range []string{"peers", "tasks", "cores", "checkpoint-every", "max-attempts", "timeout"} {
		if f := s.flags.Lookup(name); f.Changed && (f.Value.String() == "0" || f.Value.String() == "0s") {
			return fault.Usage("--%s %s: want more, or leave it out for the default", name, f.Value)
		}
	}
	if !s.local {
		return nil
	}
	for _, name := range []string{"cores", "memory", "gpus", "priority", "namespace", "addr", "token", "ca", "context"} {
		if s.flags.Changed(name) {
			return fault.Usage("--%s is for a cluster: with --local it has no effect", name)
		}
	}
	return nil
}

// name puts the program and its arguments into the spec.
func (s *submission) name(p *program.Program, args []string) error {
	s.spec.Program = job.Program{Name: p.Name}
	s.spec.Args = args
	if s.spec.Name == "" {
		s.spec.Name = p.Name
	}
	if p.Builtin == nil {
		return nil
	}
	b := p.Builtin
	s.spec.Program.Builtin = b.Name
	wd, err := os.Getwd()
	if err != nil {
		return err
	}
	if s.spec.Args, err = b.Absolute(args, wd); err != nil {
		return fault.Default(job.ExitUsage, err)
	}
	for _, f := range []struct{ flag, rule, value string }{{"--input", b.Input, s.spec.Input}, {"--output", b.Output, s.spec.Output}} {
		switch {
		case f.rule == "required" && f.value == "":
			return fault.Usage("%s needs %s", b.Name, f.flag)
		case f.rule == "none" && f.value != "":
			return fault.Usage("%s takes no %s", b.Name, f.flag)
		}
	}
	return nil
}

// absolute makes a bare path absolute; a URL stays.
func absolute(path string) (string, error) {
	if path == "" || strings.Contains(path, "://") {
		return path, nil
	}
	return filepath.Abs(path)
}

// location is absolute for the value of a flag that names data.
func location(flag, path string) (string, error) {
	url, err := absolute(path)
	if err != nil || url == "" {
		return url, err
	}
	if _, _, err := storage.Resolve(url); err != nil {
		return "", fault.Usage("%s: %w", flag, err)
	}
	return url, nil
}

// shipped splits PATH[=NAME] of --file.
func shipped(arg string) (path, name string, err error) {
	path, name, named := strings.Cut(arg, "=")
	if !named {
		name = filepath.Base(path)
	}
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") {
		return "", "", fault.Usage("--file %q: want PATH or PATH=NAME with a plain NAME", arg)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", "", fault.NotFound("--file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", "", fault.Usage("--file %s is no regular file", path)
	}
	return path, name, nil
}

// checkText refuses what JSON, in which a cluster is asked, would replace.
func (s *submission) checkText() error {
	names := make([]string, len(s.files))
	for i, arg := range s.files {
		var err error
		if _, names[i], err = shipped(arg); err != nil {
			return err
		}
	}
	for _, said := range []struct {
		by    string
		texts []string
	}{{"--input", []string{s.spec.Input}}, {"--output", []string{s.spec.Output}}, {"argument", s.spec.Args}, {"--env", s.env}, {"--file", names}} {
		for _, text := range said.texts {
			if !utf8.ValidString(text) {
				return fault.Usage("%s %q: a cluster takes UTF-8 only (a job with --local takes any bytes)", said.by, text)
			}
		}
	}
	return nil
}

// upload puts the program and its files into the cluster's store.
func (s *submission) upload(ctx context.Context, c *client.Client, p *program.Program) error {
	if p.Path != "" {
		blob, err := c.Upload(ctx, client.Programs, p.Path)
		if err != nil {
			return err
		}
		s.spec.Program.Digest, s.spec.Program.Size = blob.Digest, blob.Size
	}
	for _, arg := range s.files {
		path, name, err := shipped(arg)
		if err != nil {
			return err
		}
		blob, err := c.Upload(ctx, client.Files, path)
		if err != nil {
			return err
		}
		s.spec.Files = append(s.spec.Files, job.File{Name: name, Digest: blob.Digest, Size: blob.Size})
	}
	return nil
}

// submitRemote submits and waits.
func (a *app) submitRemote(ctx context.Context, c *client.Client, s *submission, stopping *stops) error {
	ended := make(chan struct{})
	defer context.AfterFunc(ctx, func() { leave(ended, func() {}) })()
	defer close(ended)
	info, err := c.Submit(ctx, s.spec)
	if err != nil {
		return err
	}
	if s.detach {
		if a.format == formatTable {
			_, err = fmt.Fprintln(a.stdout, info.ID)
			return err
		}
		return a.print(info, nil)
	}
	a.limit = s.spec.Timeout
	return a.followThen(ctx, c, info.ID, stopping, func(info job.Info) {
		if s.report == "" {
			return
		}
		traces, err := fetchTraces(ctx, c, info)
		a.report(s.report, info, traces, err)
	})
}
