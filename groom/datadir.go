package groom

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"scalar/bsp/job"
)

// dataDir is the groom's own folder, locked for the life of one incarnation:
//
//	lock, incarnation, cluster
//	cgroups: folders that the tasks of this life, and of earlier ones, had theirs in
//	masters: where they gossip, see gossip.Config.Remember
//	programs/<sha256>
//	tasks/<job>-<epoch>-<task>/{work,tmp}
//	logs/<job>/<epoch>-<task>.log
type dataDir struct {
	root        string
	incarnation uint64
	lock        *flock.Flock
}

// openDataDir makes the folder, locks it and begins a new incarnation.
func openDataDir(root string, now time.Time) (*dataDir, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	// The path names cgroups and marks processes: it must be the same in every life.
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	d := &dataDir{root: root, lock: flock.New(filepath.Join(root, "lock"))}
	ok, err := d.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the data folder %s: %w", root, err)
	}
	if !ok {
		return nil, job.Usage("another groom, or a master, runs in %s: stop it or choose another data folder", root)
	}
	if err = d.makeFolders(); err == nil {
		err = d.begin(now)
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// makeFolders makes what is in the folder. Tasks may run as another user: they pass through, and read programs.
func (d *dataDir) makeFolders() error {
	for _, dir := range []string{d.programs(), d.tasks(), d.logs()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("data folder: %w", err)
		}
	}
	return nil
}

// begin picks an incarnation above every one before, even if the clock went back.
func (d *dataDir) begin(now time.Time) error {
	path := filepath.Join(d.root, "incarnation")
	var last uint64
	b, err := os.ReadFile(path)
	switch {
	case err == nil:
		if last, err = strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64); err != nil {
			return fmt.Errorf("%s is damaged: %w; remove it if no other groom uses this name", path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read the last incarnation: %w", err)
	}
	d.incarnation = max(uint64(now.UnixNano()), last+1)
	return writeSynced(path, strconv.FormatUint(d.incarnation, 10)+"\n")
}

func (d *dataDir) programs() string { return filepath.Join(d.root, "programs") }
func (d *dataDir) tasks() string    { return filepath.Join(d.root, "tasks") }
func (d *dataDir) logs() string     { return filepath.Join(d.root, "logs") }

// cluster returns the UUID of the cluster that this folder belongs to, "" before
// it is learnt.
func (d *dataDir) cluster() (string, error) {
	b, err := os.ReadFile(filepath.Join(d.root, "cluster"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the cluster's id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func (d *dataDir) setCluster(id string) error {
	return writeSynced(filepath.Join(d.root, "cluster"), id+"\n")
}

// cgroups returns the folders that an earlier life had its tasks' cgroups in.
func (d *dataDir) cgroups() []string {
	b, err := os.ReadFile(filepath.Join(d.root, "cgroups"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func (d *dataDir) setCgroups(folders []string) error {
	return writeSynced(filepath.Join(d.root, "cgroups"), strings.Join(folders, "\n")+"\n")
}

func (d *dataDir) close() error {
	if err := d.lock.Close(); err != nil {
		return fmt.Errorf("unlock the data folder: %w", err)
	}
	return nil
}

// writeSynced replaces a small file so that a crash leaves the old or the new one.
func writeSynced(path, content string) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.WriteString(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(tmp, path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
