package master

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// recoverTerms is how far a recovery raises Raft's term. The lost masters may have held
// elections that this one has not heard of, and grooms obey the highest term they know.
const recoverTerms = 1 << 16

// Recovery is the data folder of a stopped master that can be made to lead alone, after
// most of its cluster's masters were lost for good. For one goroutine.
type Recovery struct {
	ID      string   // the server's id
	Cluster string   // UUID, "" if it was never learnt
	Masters []string // ids of all masters that the folder knows of, this one too
	Voter   bool     // false: the master was still joining, and what it has may be old
	Index   uint64   // of the last entry that it has
	Term    uint64   // of that entry

	dir       *dataDir
	log       *wal.WAL
	snapshots *snapshots
	kept      keptLog
	address   raft.ServerAddress
}

// OpenRecovery opens the folder, which no master may be using. Close must follow. The
// error wraps fs.ErrNotExist if it is no master's folder.
func OpenRecovery(path string, logger *slog.Logger) (*Recovery, error) {
	if _, err := os.Stat(filepath.Join(path, "node.json")); err != nil {
		return nil, fmt.Errorf("no master's data folder: %w", err)
	}
	dir, err := openDataDir(path, "")
	if err != nil {
		return nil, err
	}
	r := &Recovery{ID: dir.id(), Cluster: dir.cluster(), dir: dir}
	if err := r.open(dir.file("raft"), logger); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Recovery) open(raftDir string, logger *slog.Logger) error {
	hasLog, err := r.dir.hasLog()
	if err != nil {
		return err
	}
	if !hasLog {
		return fmt.Errorf("%s holds no log: this master has never run", raftDir)
	}
	hc := newHCLog(logger, "raft", &atomic.Bool{})
	if r.log, err = openWAL(raftDir, hc); err != nil {
		return err
	}
	if r.snapshots, err = openSnapshots(raftDir, hc); err != nil {
		return err
	}
	r.kept = keptLog{summedLog{r.log}, r.snapshots}
	if err := r.kept.connects(); err != nil {
		return err
	}
	return r.read()
}

// read finds out what the folder knows.
func (r *Recovery) read() error {
	var servers raft.Configuration
	whole, err := r.snapshots.List()
	if err != nil {
		return fmt.Errorf("read snapshots: %w", err)
	}
	if len(whole) > 0 {
		servers, r.Index, r.Term = whole[0].Configuration, whole[0].Index, whole[0].Term
	}
	last, err := r.log.LastIndex()
	for i := r.Index + 1; err == nil && i <= last; i++ {
		var entry raft.Log
		if err = r.kept.GetLog(i, &entry); err != nil {
			break
		}
		if r.Index, r.Term = entry.Index, entry.Term; entry.Type == raft.LogConfiguration {
			servers = raft.DecodeConfiguration(entry.Data)
		}
	}
	if err != nil {
		return fmt.Errorf("read the Raft log: %w", err)
	}
	for _, s := range servers.Servers {
		r.Masters = append(r.Masters, string(s.ID))
		if string(s.ID) == r.ID {
			r.address, r.Voter = s.Address, s.Suffrage == raft.Voter
		}
	}
	if r.address == "" {
		return fmt.Errorf("%s: this master, %s, is in no list of the cluster's masters that it has: it cannot lead", r.dir.path, r.ID)
	}
	return nil
}

// Recovered is what a recovery has kept.
type Recovered struct{ Jobs, Tokens int }

// Run makes the master the only one of its cluster, and writes so into its audit log.
// It leads once it is started. Run may be repeated after an error or a crash.
func (r *Recovery) Run() (Recovered, error) {
	audit, err := openAudit(r.dir.file("audit.log"), slog.New(slog.DiscardHandler))
	if err != nil {
		return Recovered{}, err
	}
	kept, err := r.run()
	line := auditEntry{Time: time.Now().UTC(), What: "recover raft", On: r.ID, Outcome: "ok", Remote: "local"}
	if err != nil {
		line.Outcome = err.Error()
	}
	return kept, errors.Join(err, audit.append(line), audit.close())
}

func (r *Recovery) run() (Recovered, error) {
	key := []byte("CurrentTerm") // the name is Raft's
	term, err := r.log.GetUint64(key)
	if err != nil {
		return Recovered{}, fmt.Errorf("read the term: %w", err)
	}
	if err := r.log.SetUint64(key, term+recoverTerms); err != nil {
		return Recovered{}, fmt.Errorf("raise the term: %w", err)
	}
	conf := raft.DefaultConfig()
	conf.LocalID, conf.Logger = raft.ServerID(r.ID), r.snapshots.logger
	state := newReplica(func(time.Duration) {})
	_, transport := raft.NewInmemTransport(r.address) // only to write down addresses
	alone := raft.Configuration{Servers: []raft.Server{{ID: conf.LocalID, Address: r.address}}}
	if err := raft.RecoverCluster(conf, state, r.kept, r.log, r.snapshots, transport, alone); err != nil {
		return Recovered{}, fmt.Errorf("recover: %w", err)
	}
	s := state.State()
	kept := Recovered{Jobs: len(s.Jobs())}
	for range s.Tokens() {
		kept.Tokens++
	}
	return kept, nil
}

// Close gives the folder free.
func (r *Recovery) Close() error {
	var err error
	if r.log != nil {
		err = r.log.Close()
	}
	return errors.Join(err, r.dir.close())
}
