package master_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"scalar/master"

	"github.com/hashicorp/raft"
)

// TestWatchdogSeesEveryWrite: whichever write of Raft's hangs is reported after its limit,
// and none before.
func TestWatchdogSeesEveryWrite(t *testing.T) {
	t.Parallel()
	const limit = 5 * time.Second
	for what, row := range map[string]struct {
		limit time.Duration
		write func(master.Stores) error
	}{
		"write of the Raft log":      {limit, func(s master.Stores) error { return s.Log.StoreLogs([]*raft.Log{{Index: 1}}) }},
		"truncation of the Raft log": {limit, func(s master.Stores) error { return s.Log.DeleteRange(1, 1) }},
		"write of a vote":            {limit, func(s master.Stores) error { return s.Stable.Set([]byte("LastVoteCand"), nil) }},
		"write of a term":            {limit, func(s master.Stores) error { return s.Stable.SetUint64([]byte("CurrentTerm"), 2) }},
		"begin of a snapshot":        {limit, func(s master.Stores) error { _, err := create(s); return err }},
		"write of a snapshot":        {limit, inSink(func(k raft.SnapshotSink) error { _, err := k.Write([]byte("x")); return err })},
		"sync of a snapshot":         {3 * limit / 2, inSink(raft.SnapshotSink.Close)},
		"removal of a snapshot":      {limit, inSink(raft.SnapshotSink.Cancel)},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var d hungDisk
				stores, report := master.Watch(d.wrap(master.Stores{
					Log: raft.NewInmemStore(), Stable: raft.NewInmemStore(), Snapshots: raft.NewInmemSnapshotStore(),
				}), limit)
				if err := row.write(stores); err != nil {
					t.Fatal(err)
				}
				select {
				case err := <-report:
					t.Fatalf("a fast write: %v", err)
				case <-time.After(3 * limit):
				}
				d.hang(what)
				stands(t, &d, row.limit, func() error { return row.write(stores) }, report)
				d.hang(what)
				began := time.Now()
				done := make(chan error)
				go func() { done <- row.write(stores) }()
				err := <-report
				if took := time.Since(began); took != row.limit*11/10 || !strings.Contains(err.Error(), "the disk hangs: a "+what) {
					t.Errorf("after %v: %v", took, err)
				}
				d.release()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// stands has a write that hangs end a moment after its limit, as it does when the process was
// stopped meanwhile: that is no hang.
func stands(t *testing.T, d *hungDisk, limit time.Duration, write func() error, report <-chan error) {
	t.Helper()
	done := make(chan error)
	go func() { done <- write() }()
	time.Sleep(limit + limit/20)
	d.release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	select {
	case err := <-report:
		t.Errorf("a write that ended soon after: %v", err)
	case <-time.After(limit):
	}
}

func create(s master.Stores) (raft.SnapshotSink, error) {
	_, trans := raft.NewInmemTransport("")
	return s.Snapshots.Create(raft.SnapshotVersionMax, 1, 1, raft.Configuration{}, 1, trans)
}

// inSink is a write to a snapshot that was begun.
func inSink(write func(raft.SnapshotSink) error) func(master.Stores) error {
	return func(s master.Stores) error {
		sink, err := create(s)
		if err != nil {
			return err
		}
		return write(sink)
	}
}

// TestLeaderEndsWhenItsVotesHang: a leader that cannot write down the term of another
// candidate neither leads on nor stays.
func TestLeaderEndsWhenItsVotesHang(t *testing.T) {
	t.Parallel()
	c := prepare(t, 3)
	disks := make([]hungDisk, 3)
	for i := range 3 {
		cfg := c.config(t, i)
		cfg.DiskTimeout = 2 * time.Second // a busy disk founds a cluster in less
		c.start(t, cfg, func(m *master.Master) { m.WrapStores(disks[i].wrap) })
	}
	leader := c.leader(t)
	disk := &disks[slices.Index(c.nodes, leader)]
	disk.hang("write of a term")
	next := c.followers(t)[0]
	go func() { _ = leader.TransferTo(next.ID(), next.Addrs().Cluster) }() // it has no end that is told
	hangs(t, leader)
	disk.release()
	leader.AwaitRaft(t)
	c.remove(leader)
	if c.leader(t) == leader {
		t.Error("it leads")
	}
	c.submit(t, c.leader(t), "after", "")
}

// TestLeaderEndsWhenItsSnapshotHangs: the log still takes entries, and heartbeats go out.
func TestLeaderEndsWhenItsSnapshotHangs(t *testing.T) {
	t.Parallel()
	c := prepare(t, 1)
	cfg := c.config(t, 0)
	cfg.DiskTimeout = 2 * time.Second
	var disk hungDisk
	n := c.start(t, cfg, func(m *master.Master) {
		m.WrapStores(disk.wrap)
		m.Tune(func(rc *raft.Config) { rc.SnapshotThreshold, rc.SnapshotInterval = 1, 10*time.Millisecond })
	})
	c.leader(t)
	disk.hang("write of a snapshot")
	c.submit(t, n, "a", "")
	hangs(t, n)
	disk.release()
	n.AwaitRaft(t)
	c.remove(n)
}

// hangs waits until a master has ended because of its disk.
func hangs(t *testing.T, n *node) {
	t.Helper()
	select {
	case err := <-n.done:
		if err == nil || !strings.Contains(err.Error(), "disk hangs") {
			t.Errorf("Run returned %v", err)
		}
	case <-time.After(patience):
		t.Error("Run goes on")
	}
}

// hungDisk are stores of which one kind of write hangs once it is told to. The zero
// value does not hang.
type hungDisk struct {
	at atomic.Pointer[hung]
}

type hung struct {
	what string
	gate chan struct{} // closed by release
}

func (d *hungDisk) hang(what string) { d.at.Store(&hung{what, make(chan struct{})}) }

func (d *hungDisk) release() { close(d.at.Load().gate) }

// write hangs or not, and does f.
func (d *hungDisk) write(what string, f func() error) error {
	if h := d.at.Load(); h != nil && h.what == what {
		<-h.gate
	}
	return f()
}

func (d *hungDisk) wrap(s master.Stores) master.Stores {
	return master.Stores{Log: hungLog{s.Log, d}, Stable: hungStable{s.Stable, d}, Snapshots: hungSnapshots{s.Snapshots, d}}
}

type hungLog struct {
	raft.LogStore
	d *hungDisk
}

func (h hungLog) StoreLogs(logs []*raft.Log) error {
	return h.d.write("write of the Raft log", func() error { return h.LogStore.StoreLogs(logs) })
}

func (h hungLog) DeleteRange(lo, hi uint64) error {
	return h.d.write("truncation of the Raft log", func() error { return h.LogStore.DeleteRange(lo, hi) })
}

func (h hungLog) IsMonotonic() bool {
	m, ok := h.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

type hungStable struct {
	raft.StableStore
	d *hungDisk
}

func (h hungStable) Set(key, value []byte) error {
	return h.d.write("write of a vote", func() error { return h.StableStore.Set(key, value) })
}

func (h hungStable) SetUint64(key []byte, value uint64) error {
	return h.d.write("write of a term", func() error { return h.StableStore.SetUint64(key, value) })
}

type hungSnapshots struct {
	raft.SnapshotStore
	d *hungDisk
}

func (h hungSnapshots) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64, trans raft.Transport) (sink raft.SnapshotSink, err error) { //nolint:revive // the arguments are those of Raft
	err = h.d.write("begin of a snapshot", func() error {
		sink, err = h.SnapshotStore.Create(v, index, term, c, at, trans)
		return err
	})
	return hungSink{sink, h.d}, err
}

type hungSink struct {
	raft.SnapshotSink
	d *hungDisk
}

func (h hungSink) Write(b []byte) (n int, err error) {
	err = h.d.write("write of a snapshot", func() error { n, err = h.SnapshotSink.Write(b); return err })
	return n, err
}

func (h hungSink) Close() error { return h.d.write("sync of a snapshot", h.SnapshotSink.Close) }

func (h hungSink) Cancel() error { return h.d.write("removal of a snapshot", h.SnapshotSink.Cancel) }
