package master

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"scalar/master/fsm"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"golang.org/x/sync/semaphore"
)

// Raft's settings. A failover takes 0.4 to 1.3 s with these, of which detection is up to
// twice the heartbeat's timeout. Raft alone took 1.2 s at the median and 1.6 s at most with
// 500 ms, but 0.65 s and 2.5 s with 200 ms.
const (
	heartbeatTimeout  = 500 * time.Millisecond
	leaderLease       = 400 * time.Millisecond // 250 flapped on a machine with six runnable threads a core
	appendEntries     = 64                     // log entries in one write and one message; with 8, 64 clients had a third of the commits
	appendBytes       = 2 << 20                // of those entries in one message, if it has several
	proposedBytes     = fsm.MaxCommand         // of commands that are not applied yet, and so of those entries in one write
	commitTimeout     = 20 * time.Millisecond  // followers learn of a commit this late; the leader does not wait for it. Idle CPU of three masters: 45 ms/s with 5 ms, 24 with 20, 15 with 50
	transportTimeout  = 3 * time.Second        // of one RPC between masters
	transportInFlight = 1                      // to one master: with more, one failed write of a follower may end its entries for good (hashicorp/raft#612), and Raft's end with it
	transportPool     = 3
	logCacheEntries   = 512
	walSegment        = 16 << 20 // bytes, preallocated
	snapshotsKept     = 2
	snapshotThreshold = 16384 // entries
	snapshotInterval  = time.Minute
	trailingLogs      = 8192
	enqueueTimeout    = 5 * time.Second
)

// ErrNotLeader is wrapped by the errors of writes to a master that does not
// lead. Whether the write was done is unknown: send it again with its request id.
var ErrNotLeader = errors.New("this master is not the leader")

// consensus is this master's part in Raft.
type consensus struct {
	*replica
	clock      *reignClock
	raft       *raft.Raft
	transport  *transport
	log        *wal.WAL
	disk       *watchdog
	leadership chan bool           // from raft: every gain and loss in order
	contacts   contacts            // while this master leads
	hadState   bool                // the log or a snapshot was there when it was opened
	inFlight   *semaphore.Weighted // bytes of commands that are proposed and not applied: what Raft may write at once
	logger     hclog.Logger
	asked      *semaphore.Weighted // calls of Raft under way, and all when it is shut down: see ask
	ending     atomic.Bool
	end        func() raft.Future // begins the shutdown, once
}

type consensusConfig struct {
	id      string
	dir     string
	streams raft.StreamLayer
	addrs   raft.ServerAddressProvider
	replica *replica
	clock   *reignClock
	cluster string        // UUID of the cluster that the folder belongs to, empty: none yet
	limit   time.Duration // watchdog's
	wrap    func(stores) stores
	tune    func(*raft.Config)
	logger  *slog.Logger
}

// openWAL opens Raft's log. bbolt, which keeps the log's list of files, maps its file and believes it: where that was cut
// off or overwritten it panics, or the kernel says SIGBUS.
func openWAL(dir string, logger hclog.Logger) (log *wal.WAL, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
		if err != nil {
			log, err = nil, fmt.Errorf("open the Raft log in %s: %w; if its files are damaged, restore the whole data folder, or wipe it and let the master join anew", dir, err)
		}
	}()
	return wal.Open(dir, wal.WithLogger(logger), wal.WithSegmentSize(walSegment))
}

func openConsensus(cfg consensusConfig) (*consensus, error) {
	c := &consensus{replica: cfg.replica, clock: cfg.clock, leadership: make(chan bool, 16), inFlight: semaphore.NewWeighted(proposedBytes), asked: semaphore.NewWeighted(math.MaxInt64)}
	c.logger = newHCLog(cfg.logger, "raft", &c.ending)
	disk, err := openWAL(cfg.dir, c.logger)
	if err != nil {
		return nil, err
	}
	c.log = disk
	if err := c.start(cfg); err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	return c, nil
}

func (c *consensus) start(cfg consensusConfig) error {
	snapshots, err := openSnapshots(cfg.dir, c.logger)
	if err != nil {
		return err
	}
	if err := mendFounding(c.log); err != nil {
		return fmt.Errorf("read the Raft log in %s: %w", cfg.dir, err)
	}
	if c.hadState, err = raft.HasExistingState(c.log, c.log, snapshots); err != nil {
		return fmt.Errorf("read the Raft log in %s: %w", cfg.dir, err)
	}
	if cfg.cluster != "" && !c.hadState {
		// With an empty log it would vote again in terms that it has voted in.
		return fmt.Errorf("%s holds no log of cluster %s, to which this data folder belongs: restore the folder, or wipe the whole of it to join as a new master", cfg.dir, cfg.cluster)
	}
	disk := stores{c.log, c.log, snapshots}
	if cfg.wrap != nil {
		disk = cfg.wrap(disk)
	}
	summed := summedLog{disk.log}
	kept := keptLog{summed, snapshots}
	if err := cmp.Or(summed.check(), kept.connects()); err != nil {
		return fmt.Errorf("open %s: %w", cfg.dir, err)
	}
	disk.log = kept
	c.disk = newWatchdog(cfg.limit)
	disk = c.disk.over(disk)
	cache, err := raft.NewLogCache(logCacheEntries, disk.log)
	if err != nil {
		return fmt.Errorf("log cache: %w", err)
	}
	c.transport = &transport{NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		ServerAddressProvider: cfg.addrs, Logger: c.logger, Stream: cfg.streams,
		MaxPool: transportPool, Timeout: transportTimeout, MaxRPCsInFlight: transportInFlight,
	})}
	if c.raft, err = raft.NewRaft(c.config(cfg), c.replica, cache, disk.stable, disk.snapshots, c.transport); err != nil {
		return errors.Join(fmt.Errorf("start Raft: %w", err), c.transport.Close())
	}
	c.end = sync.OnceValue(c.raft.Shutdown)
	c.contacts.watch(c.raft)
	return nil
}

// mendFounding undoes half of a founding. Raft writes term 1 and then the first
// entry of the log; after a crash in between it would call the folder used, and a
// master in use neither founds a cluster nor lets others found one. Nothing else
// leaves term 1 without a log: elections begin at term 2.
func mendFounding(store *wal.WAL) error {
	term, err := store.GetUint64([]byte("CurrentTerm"))
	if err != nil || term != 1 {
		return err
	}
	voted, err := store.GetUint64([]byte("LastVoteTerm"))
	if err != nil || voted != 0 {
		return err
	}
	last, err := store.LastIndex()
	if err != nil || last > 0 {
		return err
	}
	return store.SetUint64([]byte("CurrentTerm"), 0)
}

func (c *consensus) config(cfg consensusConfig) *raft.Config {
	rc := raft.DefaultConfig()
	rc.LocalID = raft.ServerID(cfg.id)
	rc.HeartbeatTimeout = heartbeatTimeout
	rc.ElectionTimeout = heartbeatTimeout
	rc.LeaderLeaseTimeout = leaderLease
	rc.CommitTimeout = commitTimeout
	rc.MaxAppendEntries = appendEntries
	rc.TrailingLogs = trailingLogs
	rc.SnapshotThreshold = snapshotThreshold
	rc.SnapshotInterval = snapshotInterval
	rc.ShutdownOnRemove = false
	rc.NoLegacyTelemetry = true
	rc.NotifyCh = c.leadership
	rc.Logger = c.logger
	if cfg.tune != nil {
		cfg.tune(rc)
	}
	return rc
}

// propose commits a command and returns what it did. Errors wrap ErrNotLeader
// when another master may know better.
func (c *consensus) propose(ctx context.Context, cmd fsm.Command) (fsm.Result, error) {
	if cmd.Now.IsZero() {
		now, leads := c.clock.stamp()
		if !leads {
			return fsm.Result{}, fmt.Errorf("commit: %w", ErrNotLeader)
		}
		cmd.Now = now
	}
	b, err := cmd.Encode()
	if err != nil {
		return fsm.Result{}, err
	}
	size := int64(len(b))
	if err := c.inFlight.Acquire(ctx, size); err != nil {
		return fsm.Result{}, fmt.Errorf("commit: %w", err)
	}
	response, err := await(ctx, func() (any, error) {
		defer c.inFlight.Release(size)
		return c.ask(func() (any, error) {
			f := c.raft.Apply(b, enqueueTimeout)
			if err := f.Error(); err != nil {
				return nil, err
			}
			return f.Response(), nil
		})
	})
	if err != nil {
		return fsm.Result{}, fmt.Errorf("commit: %w", err)
	}
	result, ok := response.(fsm.Result)
	if !ok {
		return fsm.Result{}, fmt.Errorf("commit: unexpected response %T", response)
	}
	return result, nil
}

// restore makes s the state of all masters. It returns when most of them have it; what
// is committed meanwhile is lost.
func (c *consensus) restore(ctx context.Context, s *fsm.State) error {
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		return err
	}
	meta := &raft.SnapshotMeta{
		Version: raft.SnapshotVersionMax, ID: "restored", Index: c.raft.LastIndex(), Term: c.raft.CurrentTerm(), Size: int64(b.Len()),
	}
	_, err := await(ctx, func() (any, error) {
		return c.ask(func() (any, error) { return nil, c.raft.Restore(meta, &b, restoreLimit) })
	})
	if err != nil {
		return fmt.Errorf("restore snapshot: %w", err)
	}
	return nil
}

// barrier waits until this leader has applied all that was committed before.
func (c *consensus) barrier(ctx context.Context) error {
	return c.wait(ctx, func() raft.Future { return c.raft.Barrier(enqueueTimeout) })
}

// reignTerm is barrier, and returns the term that this master leads in. Grooms
// obey the highest term, so a deposed leader must never take its successor's.
func (c *consensus) reignTerm(ctx context.Context) (uint64, error) {
	term := c.raft.CurrentTerm()
	if err := c.barrier(ctx); err != nil {
		return 0, fmt.Errorf("barrier: %w", err)
	}
	if now := c.raft.CurrentTerm(); now != term { // the barrier may be of either
		return 0, fmt.Errorf("%w: the term went from %d to %d", ErrNotLeader, term, now)
	}
	return term, nil
}

// verify asks most masters whether this one still leads, so that what is read
// from State is not older than the call.
func (c *consensus) verify(ctx context.Context) error {
	return c.wait(ctx, c.raft.VerifyLeader)
}

// wait is await and ask for futures without a response.
func (c *consensus) wait(ctx context.Context, start func() raft.Future) error {
	_, err := await(ctx, func() (any, error) {
		return c.ask(func() (any, error) { return nil, start().Error() })
	})
	return err
}

// ask runs f, a call of Raft, unless Raft is about to be shut down, which waits for it: Raft
// never answers what its loops have not come to by then, it panics if it takes over a
// snapshot, and 64 verifications whose answers nobody takes keep it from its end.
func (c *consensus) ask(f func() (any, error)) (any, error) {
	if !c.asked.TryAcquire(1) {
		return nil, raft.ErrRaftShutdown
	}
	defer c.asked.Release(1)
	if c.ending.Load() {
		return nil, raft.ErrRaftShutdown
	}
	return f()
}

// await waits for f or the end of ctx. The goroutine that it leaves behind then
// ends when Raft answers.
func await(ctx context.Context, f func() (any, error)) (any, error) {
	type answer struct {
		response any
		err      error
	}
	done := make(chan answer, 1)
	go func() {
		response, err := f()
		done <- answer{response, err}
	}()
	select {
	case a := <-done:
		if lostLeadership(a.err) {
			return nil, fmt.Errorf("%w: %w", ErrNotLeader, a.err)
		}
		return a.response, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func lostLeadership(err error) bool {
	for _, e := range []error{
		raft.ErrNotLeader, raft.ErrLeadershipLost, raft.ErrLeadershipTransferInProgress,
		raft.ErrRaftShutdown, raft.ErrAbortedByRestore, raft.ErrEnqueueTimeout,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// leads reports whether this master holds Raft's leadership.
func (c *consensus) leads() bool { return c.raft.State() == raft.Leader }

// servers returns the latest configuration, committed or not.
func (c *consensus) servers() ([]raft.Server, error) {
	f := c.raft.GetConfiguration()
	if err := f.Error(); err != nil {
		return nil, fmt.Errorf("read the masters' configuration: %w", err)
	}
	return f.Configuration().Servers, nil
}

// stepDown hands the leadership to another voter, and verifies it: a transfer
// can wedge (hashicorp/raft#696), then ctx ends it and the caller shuts down
// anyway. Without another voter there is nobody to hand it to.
func (c *consensus) stepDown(ctx context.Context) error {
	servers, err := c.servers()
	if err != nil {
		return err
	}
	voters := 0
	for _, s := range servers {
		if s.Suffrage == raft.Voter {
			voters++
		}
	}
	if voters < 2 || !c.leads() {
		return nil
	}
	// Not by ask, since the end must not wait for it.
	if _, err := await(ctx, func() (any, error) { return nil, c.raft.LeadershipTransfer().Error() }); err != nil {
		return fmt.Errorf("transfer leadership: %w", err)
	}
	if c.leads() {
		return errors.New("transfer leadership: this master still leads")
	}
	return nil
}

// beginEnd makes Raft leave its loops. It must come before its connections are
// closed: Raft would take that for faults of the others. Calls under way end before, or ctx.
func (c *consensus) beginEnd(ctx context.Context) {
	if c.ending.Swap(true) {
		return
	}
	if c.asked.Acquire(ctx, math.MaxInt64) == nil {
		defer c.asked.Release(math.MaxInt64)
	}
	c.end()
}

// close ends Raft and closes its files. After ctx it waits no longer: a hung
// disk must not keep the process alive.
func (c *consensus) close(ctx context.Context) error {
	c.beginEnd(ctx)
	err := c.transport.Close() // closes the streams too, which ends calls under way
	c.transport.CloseStreams()
	_, ended := await(ctx, func() (any, error) { return nil, c.end().Error() })
	if err = errors.Join(err, ended, c.transport.endHeartbeats(ctx)); err != nil {
		return fmt.Errorf("shut Raft down: %w", err)
	}
	if err := c.log.Close(); err != nil {
		return fmt.Errorf("close the Raft log: %w", err)
	}
	return nil
}
