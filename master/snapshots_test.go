package master_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/master"

	"github.com/hashicorp/raft"
)

// TestMasterPassesOverDamagedSnapshots damages the newest snapshot of a master that
// stands still: it begins with the one before and the log since then, and knows
// all. With none left it says so instead of beginning with half a log.
func TestMasterPassesOverDamagedSnapshots(t *testing.T) {
	t.Parallel()
	c := prepare(t, 1)
	tune := func(m *master.Master) {
		m.Tune(func(rc *raft.Config) {
			rc.SnapshotThreshold, rc.SnapshotInterval, rc.TrailingLogs = 5, 20*time.Millisecond, 1
		})
	}
	n := c.start(t, c.config(t, 0), tune)
	c.leader(t)
	var ids []job.ID
	for _, row := range []struct {
		file string
		all  bool
	}{{"state.bin", false}, {"meta.json", false}, {"meta.sum", false}, {"state.bin", true}} {
		for i := 0; i < 20 || len(snapshotsOf(t, n)) < 2; i++ {
			if i > 1000 {
				t.Fatal("no second snapshot")
			}
			ids = append(ids, c.submit(t, n, "snap", ""))
			time.Sleep(2 * time.Millisecond)
		}
		n.end(t)
		c.remove(n)
		files := snapshotsOf(t, n)
		if !row.all {
			files = files[:1]
		}
		for _, dir := range files {
			flipLast(t, filepath.Join(dir, row.file))
		}
		if row.all {
			m, err := master.New(n.cfg)
			if err == nil {
				tune(m)
				err = m.Run(t.Context())
			}
			if err == nil || !strings.Contains(err.Error(), "no whole snapshot leads up to it") {
				t.Errorf("all damaged: %v", err)
			}
			return
		}
		n = c.start(t, n.cfg, tune)
		var all []job.Info
		eventually(t, "the jobs are told", func() bool { return c.get(n, "/v1/jobs", &all) == http.StatusOK })
		for _, id := range ids {
			if !slices.ContainsFunc(all, func(j job.Info) bool { return j.ID == id }) {
				t.Fatalf("%s damaged: %s is lost", row.file, id)
			}
		}
	}
}

// snapshotsOf returns the folders of a master's snapshots, newest first.
func snapshotsOf(t *testing.T, n *node) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(n.cfg.DataDir, "raft", "snapshots", "*", "meta.sum"))
	if err != nil {
		t.Fatal(err)
	}
	index := func(dir string) int { // TERM-INDEX-TIME
		i, _ := strconv.Atoi(strings.Split(filepath.Base(dir), "-")[1])
		return i
	}
	for i := range dirs {
		dirs[i] = filepath.Dir(dirs[i])
	}
	slices.SortFunc(dirs, func(a, b string) int { return index(b) - index(a) })
	return dirs
}

func flipLast(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-2] ^= 1
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestMasterNamesADamagedLog cuts off and overwrites the list of the log's files: the master says in its error where, and
// what can be done. bbolt, which reads that file, panics instead, or dies of SIGBUS.
func TestMasterNamesADamagedLog(t *testing.T) {
	t.Parallel()
	c := prepare(t, 1)
	n := c.start(t, c.config(t, 0))
	c.leader(t)
	c.submit(t, n, "log", "")
	n.end(t)
	c.remove(n)
	file := filepath.Join(n.cfg.DataDir, "raft", "wal-meta.db")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty": {}, "a piece": whole[:100], "two pages": whole[:8192], "zeros": make([]byte, len(whole)),
	} {
		if err := errors.Join(os.Remove(file), os.WriteFile(file, b, 0o600)); err != nil { // of the one before bbolt keeps the lock
			t.Fatal(err)
		}
		m, err := master.New(n.cfg)
		if err == nil {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			err = m.Run(ctx)
			cancel()
		}
		if err == nil || !strings.Contains(err.Error(), "open the Raft log in "+filepath.Dir(file)) || !strings.Contains(err.Error(), "restore the whole data folder, or wipe it") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMasterNamesADamagedEntry turns a bit of an entry that was acknowledged: the master says so instead of applying it.
func TestMasterNamesADamagedEntry(t *testing.T) {
	t.Parallel()
	c := prepare(t, 1)
	n := c.start(t, c.config(t, 0))
	c.leader(t)
	c.submit(t, n, "turnedbit", "")
	c.submit(t, n, "another", "") // the last write may be torn: what is behind a whole one is not missed
	n.end(t)
	c.remove(n)
	files, err := filepath.Glob(filepath.Join(n.cfg.DataDir, "raft", "*.wal"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("turnedbit"))
	if at < 0 {
		t.Fatal("the log does not name the job")
	}
	b[at] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := master.New(n.cfg)
	if err == nil {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err = m.Run(ctx)
	}
	if err == nil || !strings.Contains(err.Error(), "of the Raft log is damaged: restore the whole data folder, or wipe it") {
		t.Error(err)
	}
}
