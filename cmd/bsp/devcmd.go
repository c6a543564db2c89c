package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"scalar/cmd/bsp/internal/cluster"
	"scalar/cmd/bsp/internal/dev"
)

func (a *app) devCmd() *cobra.Command {
	var cfg dev.Config
	c := &cobra.Command{
		Use: "dev", Short: "Run a whole cluster on this machine", Args: cobra.NoArgs,
		Long: `Run a whole cluster on this machine, on the loopback, with TLS: every master and groom a
process of its own, started again when it dies. All end with this command.

A prediction server serves the models in its folder models, those too that jobs write there while it runs
(--output FOLDER/models/NAME). Its URL is in the file serve.url, a token for it in serve.token.

With --data or BSP_DATA the cluster is kept in that folder, and commands find it by BSP_DATA. Without,
it lives in a temporary folder, is the context "dev" of your contexts, and is forgotten at the end.`,
		Example: "  bsp dev\n  bsp dev --data ./cluster --masters 1 --grooms 4 --slots 8 --serve 127.0.0.1:7400",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.dev(cmd.Context(), cfg)
		},
	}
	c.Flags().StringVar(&cfg.Dir, "data", "", "folder of the cluster, kept (default: BSP_DATA, else a temporary one)")
	c.Flags().IntVar(&cfg.Masters, "masters", 3, "number of masters")
	c.Flags().IntVar(&cfg.Grooms, "grooms", 2, "number of grooms")
	c.Flags().IntVar(&cfg.Slots, "slots", 2, "slots of each groom")
	c.Flags().StringVar(&cfg.Serve, "serve", "", "HOST:PORT of the prediction server, or off (default: a free port of 127.0.0.1)")
	return c
}

func (a *app) dev(ctx context.Context, cfg dev.Config) (err error) {
	ctx, cancel := interruptible(ctx)
	defer cancel()
	if cfg.Dir == "" {
		cfg.Dir = a.getenv("BSP_DATA")
	}
	temporary := cfg.Dir == ""
	if temporary {
		if cfg.Dir, err = os.MkdirTemp("", "bsp-dev-"); err != nil {
			return err
		}
		dir := cfg.Dir
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return err
	}
	if cfg.Logger, err = a.logger("", ""); err != nil {
		return err
	}
	if cfg.Exe, err = os.Executable(); err != nil {
		return err
	}
	var current cluster.Context // what is to be removed from the contexts
	cfg.Ready = func(c cluster.Context, url string) {
		if temporary { // a folder that a person named is found by its name
			current = c
			if err := a.register(devContext, c); err != nil {
				cfg.Logger.Warn("the cluster is no context of yours: use BSP_DATA", "error", err)
			}
		}
		models := ""
		if url != "" {
			models = ", models at " + url
		}
		fmt.Fprintf(a.stdout, "ready: %s, %s, %s%s. Next, in another shell: BSP_DATA=%s bsp job submit pi -- --samples 1000000\n", //nolint:errcheck // nobody to tell
			count(cfg.Masters, "master"), count(cfg.Grooms, "groom"), count(cfg.Grooms*cfg.Slots, "slot"), models, cfg.Dir)
	}
	err = dev.Run(ctx, cfg)
	if current.Addrs != nil {
		err = errors.Join(err, a.unregister(devContext, current))
	}
	return err
}

// devContext is the name of the context of a bsp dev in a temporary folder.
const devContext = "dev"
