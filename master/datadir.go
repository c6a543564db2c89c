package master

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"
)

// dataDir is the folder of one master:
//
//	lock        held as long as a process uses the folder
//	node.json   the server's id in Raft, the UUID of its cluster
//	audit.log   see auditLog
//	ballast     room for when the disk is full, see ballast
//	masters     where other masters gossip, see gossip.Config.Remember
//	raft/       log, votes and snapshots; damaged/ in it has what was set aside
type dataDir struct {
	path string
	lock *flock.Flock

	mu   sync.Mutex // guards node and the file behind it
	node nodeFile
}

// nodeFile is node.json. A wiped folder gives a new id on purpose: a server
// that has forgotten its votes must not come back as the same voter.
type nodeFile struct {
	ID      string `json:"id"`
	Cluster string `json:"cluster,omitempty"` // UUID, once learnt
}

func openDataDir(path, name string) (*dataDir, error) {
	if err := os.MkdirAll(filepath.Join(path, "raft"), 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	d := &dataDir{path: path, lock: flock.New(filepath.Join(path, "lock"))}
	ok, err := d.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock data folder %s: %w", path, err)
	}
	if !ok {
		return nil, fmt.Errorf("data folder %s is in use by another master: stop it, or give this one a folder of its own", path)
	}
	if err := d.load(name); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *dataDir) load(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, err := os.ReadFile(d.file("node.json"))
	if errors.Is(err, fs.ErrNotExist) {
		var random [4]byte
		_, _ = rand.Read(random[:]) // crypto/rand never fails
		d.node.ID = name + "-" + hex.EncodeToString(random[:])
		return d.save()
	}
	if err != nil {
		return fmt.Errorf("read node.json: %w", err)
	}
	if err := json.Unmarshal(b, &d.node); err != nil || d.node.ID == "" {
		return fmt.Errorf("%s is damaged: restore it, or wipe the whole folder and let the master join anew", d.file("node.json"))
	}
	return nil
}

// save writes node.json by rename, synced. The caller holds d.mu.
func (d *dataDir) save() error {
	b, err := json.Marshal(d.node)
	if err != nil {
		return fmt.Errorf("encode node.json: %w", err)
	}
	tmp := d.file("node.json.tmp")
	if err := writeSynced(tmp, append(b, '\n')); err != nil {
		return fmt.Errorf("write node.json: %w", err)
	}
	if err := os.Rename(tmp, d.file("node.json")); err != nil {
		return fmt.Errorf("write node.json: %w", err)
	}
	return syncDir(d.path)
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// hasLog reports whether a master has run in this folder before.
func (d *dataDir) hasLog() (bool, error) {
	files, err := os.ReadDir(d.file("raft"))
	if err != nil {
		return false, fmt.Errorf("data folder: %w", err)
	}
	return len(files) > 0, nil
}

func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

func (d *dataDir) id() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.node.ID
}

func (d *dataDir) cluster() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.node.Cluster
}

// setCluster records the cluster's UUID when it is learnt; a folder never
// changes its cluster.
func (d *dataDir) setCluster(uuid string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.node.Cluster == uuid {
		return nil
	}
	if d.node.Cluster != "" {
		return fmt.Errorf("data folder %s belongs to cluster %s, not to %s: use another folder", d.path, d.node.Cluster, uuid)
	}
	d.node.Cluster = uuid
	return d.save()
}

func (d *dataDir) close() error { return d.lock.Close() }
