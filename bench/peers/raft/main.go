// Command raft measures commits through three bare nodes of hashicorp/raft in one
// process, over plain TCP on loopback, with a state machine that does nothing:
//
//	raft -store wal|bolt -clients 64 -count 30000 -bytes 200 -dir EMPTY-FOLDER
//
// It prints a line of JSON. It is the limit of our masters' commits (wal), and a
// peer of them (bolt). It has a go.mod of its own, since nothing else here needs
// raft-boltdb.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	boltdb "github.com/hashicorp/raft-boltdb/v2"
	wal "github.com/hashicorp/raft-wal"
)

const (
	nodes   = 3
	timeout = 10 * time.Second
)

type flags struct {
	store                 string
	clients, count, bytes int
	dir                   string
}

func main() {
	var f flags
	flag.StringVar(&f.store, "store", "wal", "log store: wal or bolt")
	flag.IntVar(&f.clients, "clients", 1, "that commit at the same time")
	flag.IntVar(&f.count, "count", 1000, "commits of all clients")
	flag.IntVar(&f.bytes, "bytes", 200, "of an entry")
	flag.StringVar(&f.dir, "dir", "", "empty folder for the logs")
	flag.Parse()
	if err := f.run(); err != nil {
		fmt.Fprintln(os.Stderr, "raft:", err)
		os.Exit(1)
	}
}

func (f flags) run() (err error) {
	members := make([]*member, nodes)
	defer func() {
		for _, m := range members {
			if m != nil {
				err = errors.Join(err, m.close())
			}
		}
	}()
	var all raft.Configuration
	for i := range members {
		id := fmt.Sprintf("n%d", i)
		if members[i], err = open(id, f.store, filepath.Join(f.dir, id)); err != nil {
			return err
		}
		all.Servers = append(all.Servers, raft.Server{ID: raft.ServerID(id), Address: members[i].transport.LocalAddr()})
	}
	if err := members[0].raft.BootstrapCluster(all).Error(); err != nil {
		return err
	}
	leader, err := elected(members)
	if err != nil {
		return err
	}
	if _, err := f.commit(leader, f.clients, f.count/20+1); err != nil { // warms up
		return err
	}
	took, err := f.commit(leader, f.clients, f.count)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{"seconds": took.Seconds(), "count": float64(f.count)})
}

// commit has so many clients commit count entries, one after another each.
func (f flags) commit(leader *raft.Raft, clients, count int) (time.Duration, error) {
	entry := make([]byte, f.bytes)
	failures := make(chan error, clients)
	var next atomic.Int64
	var running sync.WaitGroup
	start := time.Now()
	for range clients {
		running.Go(func() {
			for next.Add(1) <= int64(count) {
				if err := leader.Apply(entry, timeout).Error(); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	running.Wait()
	took := time.Since(start)
	select {
	case err := <-failures:
		return took, err
	default:
		return took, nil
	}
}

// elected waits for a leader.
func elected(members []*member) (*raft.Raft, error) {
	for start := time.Now(); time.Since(start) < timeout; time.Sleep(10 * time.Millisecond) {
		for _, m := range members {
			if m.raft.State() == raft.Leader {
				return m.raft, m.raft.Barrier(timeout).Error()
			}
		}
	}
	return nil, errors.New("no leader")
}

// A member is one node.
type member struct {
	raft      *raft.Raft
	transport *raft.NetworkTransport
	store     io.Closer
}

func open(id, store, dir string) (*member, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	quiet := hclog.NewNullLogger()
	logs, stable, closer, err := openStore(store, dir, quiet)
	if err != nil {
		return nil, err
	}
	m := &member{store: closer}
	cache, err := raft.NewLogCache(512, logs)
	if err != nil {
		return nil, errors.Join(err, closer.Close())
	}
	if m.transport, err = raft.NewTCPTransportWithLogger("127.0.0.1:0", nil, 3, timeout, quiet); err != nil {
		return nil, errors.Join(err, closer.Close())
	}
	cfg := raft.DefaultConfig()
	cfg.LocalID, cfg.Logger = raft.ServerID(id), quiet
	if m.raft, err = raft.NewRaft(cfg, nothing{}, cache, stable, raft.NewInmemSnapshotStore(), m.transport); err != nil {
		return nil, errors.Join(err, m.transport.Close(), closer.Close())
	}
	return m, nil
}

func openStore(store, dir string, quiet hclog.Logger) (raft.LogStore, raft.StableStore, io.Closer, error) {
	switch store {
	case "wal":
		w, err := wal.Open(dir, wal.WithLogger(quiet))
		return w, w, w, err
	case "bolt":
		b, err := boltdb.NewBoltStore(filepath.Join(dir, "raft.db"))
		return b, b, b, err
	}
	return nil, nil, nil, fmt.Errorf("unknown -store %q", store)
}

func (m *member) close() error {
	return errors.Join(m.raft.Shutdown().Error(), m.transport.Close(), m.store.Close())
}

// nothing is a state machine without state.
type nothing struct{}

// Apply implements raft.FSM.
func (nothing) Apply(*raft.Log) any { return nil }

// Snapshot implements raft.FSM.
func (nothing) Snapshot() (raft.FSMSnapshot, error) { return nothing{}, nil }

// Restore implements raft.FSM.
func (nothing) Restore(from io.ReadCloser) error { return from.Close() }

// Persist implements raft.FSMSnapshot.
func (nothing) Persist(sink raft.SnapshotSink) error { return sink.Close() }

// Release implements raft.FSMSnapshot.
func (nothing) Release() {}
