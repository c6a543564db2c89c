package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/config"
	"scalar/cmd/bsp/internal/dev"
	"scalar/cmd/bsp/internal/fault"
	"scalar/internal/memory"
	"scalar/serving/host"
	"scalar/serving/httpd"
)

func (a *app) serveCmd() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "serve --model NAME=DIR", Short: "Answer requests about models over HTTP", Args: cobra.NoArgs,
		Long: `Answer requests about models over HTTP: the Open Inference Protocol V2, TensorFlow Serving's REST, and
POST /predict/NAME. A model's folder is one that training wrote, or has such as versions 1, 2, …; what
changes there is loaded while the old version answers.

It needs TLS and tokens: a certificate and a configuration with keys, or a folder (--data) in which both
are made. With --insecure it is plain HTTP for everyone. One line, "ready: URL", goes to stdout when all
models are warm; it ends only if none of them can be served. SIGTERM ends it when the last request has
its answer.

Keys, routing, quotas and caches in the configuration, the certificate and the token of --data are taken
anew when their files change, or at once on SIGHUP.

Settings come from flags, before the environment (BSP_SERVE_ and the setting's name in capitals), before
the YAML file, before the defaults.`,
		Example: "  bsp serve --model digits=./digits --insecure\n  bsp serve --models ./models --data ./serve --listen :7400",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := untilEnded(cmd.Context())
			defer cancel()
			if err := dev.Watch(cancel, func() { os.Exit(job.ExitStopped) }); err != nil {
				return err
			}
			return a.serve(ctx, &reload{file: file, read: func() (config.Serve, error) {
				return config.Load[config.Serve](config.Sources{File: file, Env: os.Environ(), Role: "serve", Flags: cmd.Flags()})
			}})
		},
	}
	c.Flags().StringVar(&file, "config", "", "YAML file")
	_ = c.MarkFlagFilename("config", "yaml", "yml") // the flag is there
	config.AddFlags[config.Serve](c.Flags())
	return c
}

// serve runs the server until ctx ends.
func (a *app) serve(ctx context.Context, r *reload) (err error) {
	conf, err := r.read()
	if err != nil {
		return err
	}
	r.start = conf
	log, err := a.logger(conf.LogLevel, conf.LogFormat)
	if err != nil {
		return err
	}
	if err := memory.Limit(); err != nil {
		log.Debug("no memory limit", "reason", err)
	}
	conf.MaxBodies = maxBodies(conf, debug.SetMemoryLimit(-1))
	h, watchers, err := hostOf(conf, log) //nolint:contextcheck // it lives until Close
	if err != nil {
		return err
	}
	defer h.Close()
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cmp.Or(conf.Listen, "127.0.0.1:7400"))
	if err != nil {
		return fault.Usage("--listen: %w", err)
	}
	defer ln.Close() //nolint:errcheck // the server closes it too
	conf.Listen = ln.Addr().String()
	s, err := a.server(conf, h, found(watchers), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r.host, r.s, r.log, r.routing, r.set = h, s, log, conf.Routing, s.set
	end := r.keep(ctx, cmp.Or(conf.Poll, time.Second))
	defer end()
	serving := make(chan error, 1)
	go func() { serving <- s.Serve(ln) }() //nolint:contextcheck // until Shutdown
	err = a.answer(ctx, s, h, watchers, serving)
	drain := conf.Drain
	if drain == 0 {
		drain = 30 * time.Second
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if late := s.Shutdown(ending); late != nil {
		log.Warn("requests were cut off", "after", drain, "error", late)
	}
	return err
}

// answer loads the models, tells that they are ready, and looks after their folders until ctx or the server ends. It is an error
// if none of them can be served, unless the server waits; where some can, the others may be mended.
func (a *app) answer(ctx context.Context, s *server, h *host.Host, watchers []*host.Watcher, serving <-chan error) error {
	var wrong []error
	var reasons []string
	for _, w := range watchers {
		err := w.Look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			wrong, reasons = append(wrong, err), append(reasons, err.Error())
		}
	}
	if len(wrong) == len(watchers) && !s.wait {
		return fault.Default(job.ExitFailed, wrong[0])
	}
	var looking sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer looking.Wait()
	defer cancel()
	for _, w := range watchers {
		looking.Go(func() { w.Run(ctx) }) //nolint:errcheck // it ends with ctx
	}
	ready, err := a.untilReady(ctx, s, h, reasons, serving)
	if !ready || err != nil {
		return err
	}
	select {
	case err := <-serving:
		return err
	case <-ctx.Done():
		return nil
	}
}

// untilReady tells that the server is ready when it is. It returns false when ctx or the server ends before, and an error if no model
// can be served and the server does not wait. Folders says what is wrong with those of models.
func (a *app) untilReady(ctx context.Context, s *server, h *host.Host, folders []string, serving <-chan error) (bool, error) {
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for begun := false; !s.Ready(); {
		if !begun {
			loading, answering, reasons := stand(h)
			begun = !loading
			switch {
			case loading:
			case !answering && len(reasons) > 0 && !s.wait:
				return false, fault.Default(job.ExitFailed, fmt.Errorf("no model can be served: %s", strings.Join(reasons, "; ")))
			default:
				s.log.Warn("not ready until all models are: the others answer, and what cannot be served is loaded when its folder is mended", "wrong", strings.Join(slices.Concat(folders, reasons), "; "))
			}
		}
		select {
		case <-ticks.C:
		case err := <-serving:
			return false, err
		case <-ctx.Done():
			return false, nil
		}
	}
	if len(h.All()) == 0 {
		s.log.Info("there is no model yet: those that come into the folder are loaded")
	}
	_, err := fmt.Fprintf(a.stdout, "ready: %s\n", s.url)
	return true, err
}

// stand returns whether some versions have not been tried yet, whether some answer, and why others do not, a few of them.
func stand(h *host.Host) (loading, answering bool, reasons []string) {
	const most = 3
	more := 0
	for _, m := range h.All() {
		for _, v := range m.Versions {
			loading = loading || v.State == host.Loading
			answering = answering || v.State == host.Ready
			switch {
			case v.State != host.Unavailable:
			case len(reasons) < most:
				reasons = append(reasons, fmt.Sprintf("%s, version %s: %s", m.Name, v.Version, v.Reason))
			default:
				more++
			}
		}
	}
	if more > 0 {
		reasons = append(reasons, fmt.Sprintf("and %d more", more))
	}
	return loading, answering, reasons
}

// maxBodies returns the memory that all requests may have together: where the process may have so many bytes in all, no more than half of them,
// if nothing else is said.
func maxBodies(conf config.Serve, process int64) config.Size {
	const usual, usualBody = 1 << 30, 64 << 20
	if conf.MaxBodies != 0 {
		return conf.MaxBodies
	}
	return max(min(usual, config.Size(process/2)), 4*cmp.Or(conf.MaxBody, usualBody))
}

// found returns what reports whether the folders of all watchers were there.
func found(watchers []*host.Watcher) func() bool {
	return func() bool {
		return !slices.ContainsFunc(watchers, func(w *host.Watcher) bool { return !w.Found() })
	}
}

// hostOf returns the host of a configuration, and what looks after the folders of its models.
func hostOf(conf config.Serve, log *slog.Logger) (*host.Host, []*host.Watcher, error) {
	h, err := host.New(host.Config{
		Cores: conf.Cores, MaxBytes: int64(conf.MaxBytes), BatchRows: conf.BatchRows, QueueRows: conf.QueueRows, Poll: conf.Poll,
		Models: conf.Routing, Log: log,
	})
	if err != nil {
		return nil, nil, fault.Usage("%w", err)
	}
	watchers, err := watchersOf(h, conf)
	if err != nil {
		h.Close()
	}
	return h, watchers, err
}

// watchersOf returns what looks after the folders of models that a configuration names.
func watchersOf(h *host.Host, conf config.Serve) (all []*host.Watcher, err error) {
	names := map[string]bool{}
	for _, one := range conf.Model {
		name, dir, ok := strings.Cut(one, "=")
		switch {
		case !ok || name == "" || dir == "":
			return nil, fault.Usage("--model %q: want NAME=DIR", one)
		case names[name]:
			return nil, fault.Usage("--model: %s is there twice", name)
		}
		names[name] = true
		if dir, err = location("--model", dir); err != nil {
			return nil, err
		}
		w, err := h.WatchModel(name, dir)
		if err != nil {
			return nil, fault.Usage("--model %s: %w", one, err)
		}
		all = append(all, w)
	}
	if conf.Models != "" {
		dir, err := location("--models", conf.Models)
		if err != nil {
			return nil, err
		}
		all = append(all, h.Watch(dir))
	}
	if len(all) == 0 {
		return nil, fault.Usage("no model: give --model NAME=DIR or --models FOLDER")
	}
	return all, nil
}

// A server is an httpd.Server with what belongs to it.
type server struct {
	*httpd.Server

	url    string
	log    *slog.Logger
	wait   bool           // it goes on where no model can be served
	access *os.File       // nil: none of its own
	cert   *serverCert    // nil: plain HTTP
	set    httpd.Settings // that it was made with
}

// close closes the file of the access log.
func (s *server) close() error {
	if s.access == nil {
		return nil
	}
	return s.access.Close()
}
