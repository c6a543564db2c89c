package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"

	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/config"
	"scalar/cmd/bsp/internal/dev"
	"scalar/cmd/bsp/internal/fault"
	"scalar/groom"
	"scalar/master"
)

// runner is a daemon.
type runner interface {
	renewer
	Run(ctx context.Context) error
}

func (a *app) masterCmd() *cobra.Command {
	return daemonCmd(a, "master", "Run a master of a cluster", `Run a master: it keeps the cluster's state with the other masters, schedules jobs and answers
the HTTPS API. Three masters survive the loss of one.`,
		func(c config.Master, log *slog.Logger) (runner, error) {
			cfg, err := c.Config()
			if err != nil {
				return nil, err
			}
			cfg.Logger, cfg.Version = log, theVersion()
			for _, p := range catalog() {
				cfg.Builtins = append(cfg.Builtins, p.Name)
			}
			return master.New(cfg)
		})
}

func (a *app) groomCmd() *cobra.Command {
	return daemonCmd(a, "groom", "Run a groom: the daemon of a node that runs tasks", "Run a groom: the daemon of a node that runs tasks.",
		func(c config.Groom, log *slog.Logger) (runner, error) {
			cfg, err := c.Config()
			if err != nil {
				return nil, err
			}
			cfg.Logger, cfg.Version = log, theVersion()
			return groom.New(cfg)
		})
}

// untilEnded is interruptible for daemons, whom SIGHUP tells to look at their
// certificate and gossip keys, unless it is that of the terminal they were started on.
func untilEnded(ctx context.Context) (context.Context, context.CancelFunc) {
	if terminal(os.Stdin) {
		return interruptible(ctx)
	}
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// common is what the configurations of all daemons say.
type common interface {
	Log() (level, format string)
	Own() (certFile, keyFile string)
	GossipFile() string
}

// daemonCmd is a command that runs a daemon with a configuration of type T.
func daemonCmd[T common](a *app, use, short, long string, start func(T, *slog.Logger) (runner, error)) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		Long: long + `

Settings come from flags, before the environment (BSP_ and the setting's name in capitals), before
the YAML file, before the defaults. "bsp init" writes a file with all settings explained. BSP_DATA and
BSP_CA are for commands that look for a cluster: here it is BSP_` + strings.ToUpper(use) + `_DATA and BSP_` + strings.ToUpper(use) + `_CA.

A certificate that was renewed (bsp tls renew) is taken within a minute, or at once on SIGHUP; gossip
keys that were changed (bsp operator keyring) too.`,
		Example: "  bsp " + use + " --config /etc/bsp/" + use + ".yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, err := config.Load[T](config.Sources{File: file, Env: os.Environ(), Role: use, Flags: cmd.Flags()})
			if err != nil {
				return err
			}
			log, err := a.logger(conf.Log())
			if err != nil {
				return err
			}
			ctx, cancel := untilEnded(cmd.Context())
			defer cancel()
			if err := dev.Watch(cancel, func() { os.Exit(job.ExitStopped) }); err != nil {
				return err
			}
			// A daemon in a cgroup collects garbage before it meets its limit.
			if _, err := memlimit.Set(memlimit.WithLogger(slog.New(slog.DiscardHandler))); err != nil {
				log.Debug("no memory limit", "reason", err)
			}
			d, err := start(conf, log)
			if err != nil {
				return fault.Default(job.ExitUsage, err)
			}
			var renewing sync.WaitGroup
			defer renewing.Wait()
			defer cancel()
			hup, stop := hangups()
			defer stop()
			renewing.Go(func() {
				cert, key := conf.Own()
				keepRenewed(ctx, log, hup, renewEvery, []*renewal{
					{what: "the certificate was", file: cert, renew: func(bool) (bool, error) { return renewCert(d, cert, key) }},
					{what: "the gossip keys were", file: conf.GossipFile(), renew: func(bool) (bool, error) { return renewGossip(d, conf.GossipFile()) }},
				})
			})
			return d.Run(ctx)
		},
	}
	c.Flags().StringVar(&file, "config", "", "YAML file")
	_ = c.MarkFlagFilename("config", "yaml", "yml") // the flag is there
	config.AddFlags[T](c.Flags())
	return c
}
