package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"scalar/bsp/client"
	"scalar/cmd/bsp/internal/cluster"
	"scalar/cmd/bsp/internal/fault"
)

// app is one call of bsp.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	cluster        cluster.Flags
	format         string        // of -o
	limit          time.Duration // --timeout of the job that is waited for; 0: not known
	election       time.Duration // how long masters are asked that answer and do not lead; 0: as long as any
	notes          io.Writer     // where the client says what it waits for; nil: stderr
	help           helpWriter    // stdout for what cobra prints
	running        bool          // the command line was right: errors from now on are no usage errors
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "bsp",
		Short: "Run BSP programs, on this machine or on a cluster",
		Long: `bsp runs BSP programs: built-in ones and your own, on this machine or on a cluster.

A cluster is found by --context, or by --addr or BSP_ADDR (with --token and --ca, or BSP_TOKEN
and BSP_CA), else in the folder BSP_DATA that "bsp dev" fills, else by the current context.

Exit codes: 0 ok, 1 the job failed, 2 wrong use or the output exists, 3 not found, 4 denied,
5 cluster unreachable, 6 timed out, 7 stopped, 8 internal error.`,
		Example: `  bsp job submit --local pi -- --samples 1000000
  bsp dev
  bsp job submit --input graph.e --output ranks pagerank -- --iterations 20`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE:          groupRun,
		Version:       theVersion(),
	}
	root.SetVersionTemplate(versionLine())
	a.help.w = a.stdout
	root.SetOut(&a.help)
	root.SetErr(a.stderr)
	a.clusterFlags(root)
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) { f.Hidden = true }) // shown where they count
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		a.running = true
		root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Changed {
				err = fault.Usage("%s asks no cluster and takes no --%s", cmd.CommandPath(), f.Name)
			}
		})
		return err
	}
	root.AddCommand(
		a.devCmd(), a.initCmd(), a.masterCmd(), a.groomCmd(), a.clusterFlags(a.jobCmd()), a.clusterFlags(a.nodeCmd()), a.programCmd(),
		a.dataCmd(), a.modelCmd(), a.predictCmd(), a.serveCmd(), a.clusterFlags(a.aclCmd()), a.operatorCmd(), a.tlsCmd(), a.contextCmd(), a.versionCmd(),
	)
	root.SetHelpCommand(helpCmd())
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Args, c.RunE = cobra.ArbitraryArgs, groupRun
		}
	}
	nameArgs(root)
	root.SetFlagErrorFunc(a.flagError)
	return root
}

// flagError is the error of a flag that a command does not have. Where there is no such command,
// that is what is wrong.
func (a *app) flagError(cmd *cobra.Command, err error) error {
	if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 {
		a.running = true // what to do next is in groupRun's error
		return groupRun(cmd, args)
	}
	return err
}

// nameArgs has commands say which arguments they want, where cobra says how many.
func nameArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if _, named := errors.AsType[*fault.Error](err); named || err == nil {
				return err
			}
			want := strings.TrimSuffix(cmd.UseLine(), " [flags]")
			return fmt.Errorf("want `%s`, got `%s`", want, strings.Join(append([]string{cmd.CommandPath()}, args...), " "))
		}
	}
	for _, sub := range c.Commands() {
		nameArgs(sub)
	}
}

// clusterFlags adds what says which cluster is meant to a command and those below it.
// The root has these flags too, so that they may stand before the command's name; a
// command that asks no cluster refuses them.
func (a *app) clusterFlags(c *cobra.Command) *cobra.Command {
	f := c.PersistentFlags()
	a.addressFlags(f)
	f.StringVar(&a.cluster.Context, "context", "", "name of the context to use (BSP_CONTEXT)")
	return c
}

func (a *app) addressFlags(f *pflag.FlagSet) {
	f.StringVar(&a.cluster.Addr, "addr", "", "address of the masters' API, https://HOST:PORT, several by commas (BSP_ADDR)")
	f.StringVar(&a.cluster.Token, "token", "", "token, or @FILE (BSP_TOKEN)")
	f.StringVar(&a.cluster.CA, "ca", "", "file: CA certificate of the cluster (BSP_CA)")
}

// helpCmd is cobra's, but for the exit code of what is no command.
func helpCmd() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, rest, err := cmd.Root().Find(args)
			switch {
			case err != nil:
				return err
			case len(rest) > 0 && c.HasSubCommands():
				return groupRun(c, rest)
			case len(rest) > 0:
				return fault.Usage("no command %q: see `bsp --help`", "bsp "+strings.Join(args, " "))
			}
			return c.Help()
		},
	}
}

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(a.stdout, versionLine())
			return err
		},
	}
}

func versionLine() string {
	return fmt.Sprintf("bsp %s %s %s/%s\n", theVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// useList is the command that every group of things has.
const useList = "list"

// group returns a command that only holds others.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs, RunE: groupRun}
	c.AddCommand(subs...)
	return c
}

// groupRun is what a command does that only holds others.
func groupRun(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	near := ""
	cmd.SuggestionsMinimumDistance = 2 // as cobra's own
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		near = ", did you mean " + strings.Join(names, " or ")
	}
	return fault.Usage("unknown command %q%s: see `%s --help`", args[0], near, cmd.CommandPath())
}

// outputFlag adds -o.
func (a *app) outputFlag(c *cobra.Command) *cobra.Command {
	a.format = formatTable // before it is the flag's default
	c.Flags().VarP(&formatFlag{&a.format}, "output-format", "o", "table, json or yaml")
	_ = c.RegisterFlagCompletionFunc("output-format", cobra.FixedCompletions([]string{"table", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return c
}

// client connects to the cluster that is meant; patience 0 is the usual one.
func (a *app) client(ctx context.Context, patience time.Duration) (*client.Client, error) {
	where, err := cluster.Find(ctx, a.cluster, a.getenv)
	if err != nil {
		return nil, err
	}
	cfg, err := where.Client()
	if err != nil {
		return nil, err
	}
	cfg.Patience, cfg.Election = patience, a.election
	if a.election > 0 {
		cfg.Waiting = a.tellWaiting
	}
	cfg.UserAgent = "bsp/" + theVersion()
	c, err := client.New(cfg)
	if err != nil {
		return nil, fault.Usage("%w", err)
	}
	return c, nil
}

// withClient wraps what a command does with the cluster.
func (a *app) withClient(do func(ctx context.Context, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return a.connected(cmd.Context(), func(c *client.Client) error { return do(cmd.Context(), c, args) })
	}
}

// electionLimit is how long commands that wait for something go on while the masters answer that they
// elect a leader. It takes them a second as a rule, and many on a machine that has too much to do.
const electionLimit = 30 * time.Second

// waits makes this a command that waits for something: a leader, too.
func (a *app) waits() { a.election = electionLimit }

// tellWaiting says that the masters are asked for longer than usual.
func (a *app) tellWaiting(err error) {
	w := a.notes
	if w == nil {
		w = a.stderr
	}
	fmt.Fprintf(w, "waiting up to %s for a master that leads: %s\n", a.election, oneLine(err)) //nolint:errcheck // nobody to tell
}

// connected calls do with a client of the cluster.
func (a *app) connected(ctx context.Context, do func(c *client.Client) error) error {
	c, err := a.client(ctx, 0)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c)
}

// interruptible returns a context that ^C, SIGTERM and a closed terminal end.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, ending()...)
}

// ending are the signals that end what belongs to a terminal.
func ending() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// terminal reports whether w is one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// logger returns the log of a daemon or of bsp dev, on stderr.
func (a *app) logger(level, format string) (*slog.Logger, error) {
	l := slog.LevelInfo
	if level != "" {
		if err := l.UnmarshalText([]byte(level)); err != nil {
			return nil, fault.Usage("log_level %q: want debug, info, warn or error", level)
		}
	}
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(a.stderr, &slog.HandlerOptions{Level: l})), nil
	case "", "text":
		color := terminal(a.stderr) && a.getenv("NO_COLOR") == ""
		return slog.New(tint.NewTextHandler(a.stderr, &tint.Options{Level: l, NoColor: !color, TimeFormat: "2006-01-02T15:04:05.000Z07:00"})), nil
	}
	return nil, fault.Usage("log_format %q: want text or json", format)
}
