package master

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"scalar/internal/gossip"
	"scalar/internal/netx"
	"scalar/internal/pki"
	"scalar/master/control"
	"scalar/storage"

	"golang.org/x/sync/errgroup"

	"github.com/hashicorp/raft"
)

// How long the steps of an end may take. With gossip's goodbye (500 ms at most,
// Raft ends beside it) an orderly end takes less than a second.
const (
	transferLimit = 300 * time.Millisecond
	drainLimit    = 100 * time.Millisecond // for answers under way
	closeLimit    = 5 * time.Second        // for Raft's loops, which takes milliseconds
	failedLimit   = time.Second            // after a failure

	houseInterval = time.Second // between syncs of the audit log and looks at the disk
)

// Master is one master. Run may be called once.
type Master struct {
	cfg Config
	id  string // server id
	log *slog.Logger

	own     *pki.Own
	keys    *gossip.Keys
	dir     *dataDir
	audit   *auditLog
	strange strangers
	disk    *diskGuard
	streams *streams
	web     net.Listener
	gossip  *gossip.Gossip
	roster  *roster
	metrics *metrics
	blobs   map[string]*storage.Blobs
	aside   *asides
	owner   *storeOwner
	archive *archives
	promise promise
	lead    *leadership
	clock   reignClock
	wall    func() time.Time // this machine's clock
	broken  chan error       // size 1: the first that ends this master; sent by whoever finds it, never closed
	ended   chan struct{}    // closed when the end begins

	node    *consensus     // from Run on
	control *control.Plane // from Run on

	wrap    func(stores) stores // tests only: a disk that misbehaves
	tune    func(*raft.Config)  // tests only: other limits
	abrupt  bool                // tests only: end as if killed
	release []func() error      // what New opened, in that order
}

// New opens the data folder and listens on all ports. Run or Close must follow.
func New(cfg Config) (*Master, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	m := &Master{
		cfg: cfg, log: cfg.Logger.With("master", cfg.Name), roster: newRoster(), lead: newLeadership(),
		wall: time.Now, broken: make(chan error, 1), ended: make(chan struct{}), blobs: make(map[string]*storage.Blobs),
		disk: &diskGuard{
			path: cfg.DataDir, min: cfg.MinFree, free: freeSpace,
			ballast: ballast{path: filepath.Join(cfg.DataDir, "ballast"), size: cfg.Ballast},
		},
	}
	m.metrics = newMetrics(m.log)
	for _, open := range []func() error{m.openFiles, m.openBlobs, m.listen, m.openGossip} {
		if err := open(); err != nil {
			return nil, errors.Join(err, m.Close())
		}
	}
	return m, nil
}

// Renew replaces the master's certificate by another one of it: connections that are
// made from then on have it. It reports whether it is another one. Safe for concurrent
// use with Run.
func (m *Master) Renew(cert, key []byte) (renewed bool, err error) {
	return m.own.Renew(pki.Pair{Cert: cert, Key: key}, time.Now())
}

// RenewGossip replaces the gossip keys, as Config.GossipKeys, and reports whether they
// are others. Safe for concurrent use with Run.
func (m *Master) RenewGossip(keys [][]byte) (renewed bool, err error) { return m.keys.Set(keys) }

func (m *Master) openFiles() error {
	var err error
	if m.keys, err = gossip.NewKeys(m.cfg.GossipKeys); err != nil {
		return err
	}
	if m.own, err = pki.NewOwn(m.cfg.CA, pki.Pair{Cert: m.cfg.Cert, Key: m.cfg.Key}, time.Now()); err != nil {
		return fmt.Errorf("master certificate: %w", err)
	}
	if m.dir, err = openDataDir(m.cfg.DataDir, m.cfg.Name); err != nil {
		return err
	}
	m.release = append(m.release, m.dir.close)
	m.id = m.dir.id()
	hasLog, err := m.dir.hasLog()
	if err != nil {
		return err
	}
	if err := m.disk.begin(hasLog); err != nil {
		return err
	}
	if m.audit, err = openAudit(m.dir.file("audit.log"), m.log); err != nil {
		return err
	}
	m.release = append(m.release, m.audit.close)
	return nil
}

func (m *Master) openBlobs() error {
	m.aside = newAsides()
	m.owner = &storeOwner{store: m.cfg.Store, aside: m.aside}
	var err error
	if m.archive, err = openArchives(m.cfg.Store, m.aside); err != nil {
		return fmt.Errorf("store %s: %w", m.cfg.Store, err)
	}
	for _, kind := range []string{"programs", "files"} {
		b, err := storage.OpenBlobs(m.cfg.Store + "/" + kind)
		if err != nil {
			return fmt.Errorf("store %s: %w", m.cfg.Store, err)
		}
		m.blobs[kind] = b
	}
	return nil
}

func (m *Master) listen() error {
	l, err := netx.Listen(context.Background(), m.cfg.ClusterAddr) // returns at once
	if err != nil {
		return fmt.Errorf("listen for masters and grooms on %s: %w", m.cfg.ClusterAddr, err)
	}
	m.release = append(m.release, l.Close)
	if m.streams, err = newStreams(l, netx.Advertised(l, m.cfg.Advertise), m.own, m.cfg); err != nil {
		return err
	}
	if m.web, err = netx.Listen(context.Background(), m.cfg.APIAddr); err != nil {
		return fmt.Errorf("listen for clients on %s: %w", m.cfg.APIAddr, err)
	}
	m.release = append(m.release, m.web.Close)
	return nil
}

func (m *Master) openGossip() error {
	host, port, err := netx.HostPort(m.cfg.GossipAddr, "", 0)
	if err != nil {
		return fmt.Errorf("gossip: %w", err)
	}
	m.gossip, err = gossip.New(gossip.Config{
		Member: gossip.Member{ID: m.id, Role: pki.RoleMaster, Addr: m.streams.advertise, API: m.apiAddr()},
		Bind:   host, Port: port, Advertise: m.cfg.Advertise, Keys: m.keys,
		Seeds:    func() []string { return m.cfg.Seeds },
		Remember: m.dir.file("masters"),
		Logger:   m.log,
	})
	if err != nil {
		return err
	}
	m.release = append(m.release, m.gossip.Close)
	return nil
}

// apiAddr is where other masters and clients reach the API: the host that it
// listens on, or Advertise where that is every address of the machine.
func (m *Master) apiAddr() string {
	host, _, err := net.SplitHostPort(m.web.Addr().String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		host = m.cfg.Advertise
	}
	return netx.Join(host, netx.Port(m.web.Addr()))
}

// Addrs returns the addresses that others reach this master at.
func (m *Master) Addrs() Addrs {
	return Addrs{API: m.apiAddr(), Cluster: m.streams.advertise, Gossip: m.gossip.Addr()}
}

// ID returns the id of this server among the masters. It is made when the data
// folder is new, from the name and random digits.
func (m *Master) ID() string { return m.id }

// Close frees what New opened. Run does it by itself.
func (m *Master) Close() error {
	var errs []error
	for _, release := range slices.Backward(m.release) {
		if err := release(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	m.release = nil
	return errors.Join(errs...)
}

// Run serves until ctx ends, then hands over the leadership and returns nil
// within a second. It returns an error when a part of the master failed: a disk
// that hangs, a listener, a data folder of another cluster. The process should
// exit then, so that its supervisor starts it anew.
func (m *Master) Run(ctx context.Context) error {
	if err := m.open(); err != nil {
		return errors.Join(err, m.closeRaft(ctx), m.Close())
	}
	// What runs must outlive ctx until the leadership is handed over.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	parts, failed := errgroup.WithContext(running)
	server, err := m.newServer(running)
	if err != nil {
		return errors.Join(err, m.closeRaft(ctx), m.Close())
	}
	m.start(parts, failed, server)
	select {
	case <-ctx.Done():
		m.log.Info("ending")
	case <-failed.Done():
		m.log.Error("a part failed, ending", "error", context.Cause(failed))
	}
	close(m.ended)
	failure := context.Cause(failed) // cancel is a cause too, so look before
	m.stop(context.WithoutCancel(ctx), server, failure != nil)
	cancel()
	return m.awaitEnd(failure, func() error {
		raftEnded := make(chan error, 1)
		go func() { raftEnded <- m.closeRaft(context.WithoutCancel(ctx)) }() // beside gossip's goodbye
		return errors.Join(parts.Wait(), <-raftEnded, m.Close())
	})
}

// awaitEnd waits for end, but after a failure not for long: on a disk that hangs
// something may wait for ever, and the process must exit.
func (m *Master) awaitEnd(failure error, end func() error) error {
	if failure == nil {
		return end()
	}
	done := make(chan error, 1)
	go func() { done <- end() }() // left behind only when the process is about to exit
	timeout := time.NewTimer(failedLimit)
	defer timeout.Stop()
	select {
	case err := <-done:
		return err
	case <-timeout.C:
		return failure
	}
}

func (m *Master) open() error {
	var err error
	m.node, err = openConsensus(consensusConfig{
		id: m.id, dir: filepath.Join(m.cfg.DataDir, "raft"), streams: m.streams, addrs: m.roster,
		replica: newReplica(m.metrics.applied), clock: &m.clock, cluster: m.dir.cluster(), limit: m.cfg.DiskTimeout, wrap: m.wrap, tune: m.tune, logger: m.log,
	})
	if err != nil {
		return err
	}
	m.roster.raft.Store(m.node.raft)
	m.metrics.registry.MustRegister(newClusterCollector(m.node))
	m.control, err = control.New(control.Config{
		Propose: m.node.propose, State: m.node.State, Changed: m.node.Changed, Leader: m.leaderAddr,
		HistoryJobs: m.cfg.HistoryJobs, HistoryAge: m.cfg.HistoryAge,
		Store: m.cfg.Store, DataPlane: m.cfg.DataPlane, Compression: m.cfg.Compression, Logger: m.log, Clock: m.clock.now,
	})
	return err
}

// leaderAddr returns the cluster address of the leader, "" if none is known.
func (m *Master) leaderAddr() string {
	addr, id := m.node.raft.LeaderWithID()
	if peer, known := m.roster.find(string(id)); known {
		return peer.Addr
	}
	return string(addr)
}

// start starts all parts; each ends when ctx does.
func (m *Master) start(parts *errgroup.Group, ctx context.Context, server *http.Server) { //nolint:revive // the group comes first: ctx is the one that it ends
	parts.Go(func() error {
		return m.streams.serve(ctx, map[string]func(context.Context, net.Conn){alpnMeet: m.meet, alpnGroom: m.serveGroom})
	})
	parts.Go(func() error {
		if err := server.ServeTLS(m.web, "", ""); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("API: %w", err)
		}
		return nil
	})
	parts.Go(func() error { return m.gossip.Run(ctx) })
	parts.Go(func() error { return m.keepMembers(ctx) })
	parts.Go(func() error { return m.follow(ctx) })
	parts.Go(func() error { return m.learnCluster(ctx) })
	parts.Go(func() error { return m.keepHouse(ctx) })
	parts.Go(func() error { return m.keepStore(ctx) })
	parts.Go(func() error { return m.guardDisk(ctx) })
	parts.Go(func() error {
		select {
		case err := <-m.node.disk.report:
			return err
		case err := <-m.broken:
			return err
		case <-ctx.Done():
			return nil
		}
	})
}

// keepHouse brings the audit log to disk, every second and at the end.
func (m *Master) keepHouse(ctx context.Context) error {
	tick := time.NewTicker(houseInterval)
	defer tick.Stop()
	for {
		if e, some := m.strange.take(); some && !m.disk.full.Load() { // strangers must not fill the disk
			if err := m.audit.append(e); err != nil {
				m.log.Error("audit", "error", err)
			}
		}
		if err := m.audit.sync(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// stop hands over the leadership and ends the listeners. After a failure there
// is nothing to hand over in order.
func (m *Master) stop(ctx context.Context, server *http.Server, failed bool) {
	if !failed && !m.abrupt {
		transfer, cancel := context.WithTimeout(ctx, transferLimit)
		if err := m.node.stepDown(transfer); err != nil {
			m.log.Warn("ending without handing over the leadership", "error", err)
		}
		cancel()
		drain, cancel := context.WithTimeout(ctx, drainLimit)
		if err := server.Shutdown(drain); err != nil {
			m.log.Debug("calls cut short", "error", err)
		}
		cancel()
	}
	limit := closeLimit
	if failed { // the disk may hang
		limit = 0
	}
	ending, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	m.node.beginEnd(ending)
	if err := errors.Join(server.Close(), m.streams.Close()); err != nil {
		m.log.Debug("close listeners", "error", err)
	}
}

func (m *Master) closeRaft(ctx context.Context) error {
	if m.node == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, closeLimit)
	defer cancel()
	return m.node.close(ctx)
}
