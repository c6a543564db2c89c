package groom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"scalar/bsp/wire"
	"scalar/groom/table"
	"scalar/internal/gossip"
	"scalar/internal/netx"
	"scalar/internal/pki"

	"golang.org/x/sync/errgroup"
)

// Groom is the node daemon. One process may hold several with different data
// folders.
type Groom struct {
	cfg  Config
	own  *pki.Own
	keys *gossip.Keys
}

// Renew replaces the groom's certificate by another one of it: connections that are
// made from then on have it. It reports whether it is another one. Safe for concurrent
// use with Run.
func (g *Groom) Renew(cert, key []byte) (renewed bool, err error) {
	return g.own.Renew(pki.Pair{Cert: cert, Key: key}, time.Now())
}

// RenewGossip replaces the gossip keys, as Config.GossipKeys, and reports whether they
// are others. Safe for concurrent use with Run.
func (g *Groom) RenewGossip(keys [][]byte) (renewed bool, err error) { return g.keys.Set(keys) }

// New checks the configuration and fills in its defaults. It touches nothing.
func New(cfg Config) (*Groom, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	own, err := pki.NewOwn(cfg.CA, pki.Pair{Cert: cfg.Cert, Key: cfg.Key}, time.Now())
	if err != nil {
		return nil, err
	}
	keys, err := gossip.NewKeys(cfg.GossipKeys)
	if err != nil {
		return nil, err
	}
	return &Groom{cfg: cfg, own: own, keys: keys}, nil
}

// node is one run of a groom.
type node struct {
	cfg      Config
	log      *slog.Logger
	dir      *dataDir
	host     string // that tasks listen on
	table    *table.Table
	programs *programs
	cgroups  *cgroups
	prober   *prober
	keeper   *storekeeper
	metrics  *metrics
}

// Run is one incarnation: it removes what an earlier one left, joins the cluster
// and runs tasks until ctx ends. Then it tells the leader, kills its tasks and
// returns when all of them are gone, usually well within a second.
func (g *Groom) Run(ctx context.Context) (err error) {
	dir, err := openDataDir(g.cfg.DataDir, time.Now())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.close()) }()
	n, err := g.open(dir)
	if err != nil {
		return err
	}
	defer n.cgroups.close() // work has done so, if it came that far
	orphans := n.clean(ctx)
	talk, err := g.gossip(n.host)
	if err != nil {
		return err
	}
	k, err := g.link(n, talk)
	if err != nil {
		return errors.Join(err, talk.Close())
	}
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return talk.Run(ctx) })
	all.Go(func() error { k.run(ctx); return nil })
	all.Go(func() error { n.work(ctx); return nil })
	all.Go(func() error { n.keepLogs(ctx, orphans); return nil })
	if g.cfg.Metrics != "" {
		all.Go(func() error { return n.metrics.serve(ctx, g.cfg.Metrics, n.log) })
	}
	n.log.Info("groom runs", "incarnation", dir.incarnation, "slots", g.cfg.Slots, "cores", g.cfg.Cores, "memory", g.cfg.Memory, "cgroups", n.cgroups.String())
	return all.Wait()
}

// open builds a node over its data folder.
func (g *Groom) open(dir *dataDir) (*node, error) {
	cluster, err := dir.cluster()
	if err != nil {
		return nil, err
	}
	host, _, err := netx.HostPort(g.cfg.Bind, defaultBind, 0)
	if err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	if g.cfg.Advertise != "" {
		host = g.cfg.Advertise
	}
	n := &node{
		cfg: g.cfg, dir: dir, host: netx.AdvertisedHost(host), cgroups: &cgroups{}, prober: newProber(probe), keeper: newStorekeeper(g.cfg.Store),
		log:   g.cfg.Logger.With("groom", g.cfg.Name),
		table: table.New(cluster, dir.setCluster),
	}
	if g.cfg.TaskUser != nil {
		if err := n.checkUser(); err != nil {
			return nil, err
		}
	}
	if n.programs, err = openPrograms(dir.programs(), g.cfg.Store, g.cfg.ProgramCache); err != nil {
		return nil, err
	}
	if !g.cfg.DisableCgroups {
		if n.cgroups, err = ownCgroups(g.cfg.Name, dir); err != nil {
			return nil, err
		}
		if len(n.cgroups.missing) > 0 {
			n.log.Info("some limits of tasks are not enforced by the kernel here; memory is watched instead", "missing", n.cgroups.missing)
		}
	}
	n.metrics = newMetrics(n)
	return n, nil
}

// ownCgroups makes the groom's cgroups and writes down where, for a next life that is
// in another group itself.
func ownCgroups(name string, dir *dataDir) (*cgroups, error) {
	c := openCgroups(name, dir.root)
	before := dir.cgroups()
	c.adopt(before)
	if now := c.folders(); !slices.Equal(before, now) {
		if err := dir.setCgroups(now); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

func (g *Groom) gossip(host string) (*gossip.Gossip, error) {
	bind, port, err := netx.HostPort(g.cfg.Bind, defaultBind, 0)
	if err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	seeds := slices.Clone(g.cfg.Seeds)
	return gossip.New(gossip.Config{
		Member: gossip.Member{ID: g.cfg.Name, Role: pki.RoleGroom, Addr: host},
		Bind:   bind, Port: port, Advertise: host,
		Keys: g.keys, Seeds: func() []string { return seeds }, Logger: g.cfg.Logger,
		Remember: filepath.Join(g.cfg.DataDir, "masters"),
	})
}

// link prepares the RPC side; it connects to nothing yet.
func (g *Groom) link(n *node, talk *gossip.Gossip) (*link, error) {
	conf, err := g.own.ClientTLS(pki.RoleMaster+"."+g.cfg.Cluster, alpn)
	if err != nil {
		return nil, err
	}
	return &link{
		table: n.table,
		facts: wire.Report{
			Groom: g.cfg.Name, Incarnation: n.dir.incarnation, Addr: n.host, Version: g.cfg.Version,
			Slots: g.cfg.Slots, Cores: g.cfg.Cores, Memory: g.cfg.Memory, GPUs: g.cfg.GPUs,
		},
		tls: conf, members: talk.Members, changed: talk.Changed(), known: map[string]string{}, told: map[string]time.Time{},
		handler:   n.serve,
		heartbeat: g.cfg.Heartbeat, log: n.log,
	}, nil
}

// work starts what is ordered and waits for all of it. When ctx ends it ends
// everything: first the tasks and with them the groom's own cgroups, which nobody
// would remove if this process were killed while it brings logs to the store, or
// while gossip says goodbye.
func (n *node) work(ctx context.Context) {
	var tasks, rest sync.WaitGroup
	defer rest.Wait()
	defer n.cgroups.close()
	defer tasks.Wait()
	for {
		select {
		case <-n.table.Pending():
		case <-ctx.Done():
			return
		}
		ordered, storage := n.table.Take()
		for _, t := range ordered {
			tasks.Go(func() {
				logged, trace := n.live(ctx, t)
				if trace != nil {
					rest.Go(func() { n.keepTrace(ctx, t.Order.Start.Key, trace) })
				}
				if logged {
					rest.Go(func() { n.keepLog(ctx, t.Order.Start.Key) })
				}
			})
		}
		for _, w := range storage {
			rest.Go(func() { n.runStorage(ctx, w) })
		}
	}
}

// runStorage does one piece of storage work.
func (n *node) runStorage(ctx context.Context, w *table.Work) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !n.table.BeginStorage(w, cancel) {
		return
	}
	failure := runStorage(ctx, w.Owner, w.Order)
	if ctx.Err() != nil {
		return // nobody waits for it, or the next incarnation is asked again
	}
	if failure != nil {
		failure.Groom, failure.Message = n.cfg.Name, clip(failure.Message, maxMessage)
		n.log.Warn("storage order failed", "job", w.Order.Job, "epoch", w.Order.Epoch, "error", failure)
	}
	n.table.EndStorage(w, failure)
}

// hostOf returns the advertised form of an address that a task listens on.
func hostOf(addr, host string) string {
	h, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr // a unix socket
	}
	if ip := net.ParseIP(h); h == "" || ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort(host, port)
	}
	return addr
}
