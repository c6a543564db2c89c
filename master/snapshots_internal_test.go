package master

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// writeSnapshot adds a snapshot up to an index.
func writeSnapshot(t *testing.T, s *snapshots, index uint64) string {
	t.Helper()
	servers := raft.Configuration{Servers: []raft.Server{{ID: "m1", Address: "10.0.0.1:7351"}}}
	_, trans := raft.NewInmemTransport("")
	sink, err := s.Create(1, index, 2, servers, index-1, trans)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(sink, "state up to %d", index); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return sink.ID()
}

// TestDamagedSnapshot flips every byte of every file of a snapshot, cuts the files and
// takes them away: the snapshot before is the newest then.
func TestDamagedSnapshot(t *testing.T) {
	dir := t.TempDir()
	s, err := openSnapshots(dir, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	old, id := writeSnapshot(t, s, 10), writeSnapshot(t, s, 20)
	newest := func() string { return readNewest(t, s) }
	if got := newest(); got != id {
		t.Fatalf("newest %s, want %s", got, id)
	}
	for _, name := range []string{"meta.json", "state.bin", snapshotSum} {
		file := filepath.Join(dir, "snapshots", id, name)
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		try := func(what string, b []byte) {
			t.Helper()
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := newest(); got != old {
				t.Errorf("%s %s: the damaged one is used", name, what)
			}
		}
		for i := range whole {
			b := append([]byte(nil), whole...)
			b[i] ^= 1
			try(fmt.Sprintf("flipped at %d", i), b)
			try(fmt.Sprintf("cut at %d", i), whole[:i])
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if got := newest(); got != old {
			t.Errorf("%s missing: the damaged one is used", name)
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := newest(); got != id {
			t.Errorf("%s mended, newest %s", name, got)
		}
	}
}

// TestUnfinishedSnapshot: what was being written when the process was killed is removed at the next start.
func TestUnfinishedSnapshot(t *testing.T) {
	dir := t.TempDir()
	s, err := openSnapshots(dir, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	id := writeSnapshot(t, s, 10)
	_, trans := raft.NewInmemTransport("")
	sink, err := s.Create(1, 20, 2, raft.Configuration{}, 19, trans)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Write([]byte("half of it")); err != nil {
		t.Fatal(err)
	}
	if s, err = openSnapshots(dir, hclog.NewNullLogger()); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Join(dir, "snapshots"))
	if err != nil || len(left) != 1 || readNewest(t, s) != id {
		t.Errorf("%v, %v: want %s alone", left, err, id)
	}
	if err := sink.Cancel(); err != nil { // its file is open
		t.Fatal(err)
	}
}

// readNewest returns the id of the newest snapshot that is whole, whose state is
// checked.
func readNewest(t *testing.T, s *snapshots) string {
	t.Helper()
	all, err := s.List()
	if err != nil || len(all) == 0 {
		t.Fatalf("%v, %v", all, err)
	}
	_, state, err := s.Open(all[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	if b, err := io.ReadAll(state); err != nil || string(b) != fmt.Sprintf("state up to %d", all[0].Index) {
		t.Fatalf("%q, %v", b, err)
	}
	return all[0].ID
}

// TestLogIsKeptForTheOlderSnapshot: what leads from the older snapshot to the newest
// stays in the log.
func TestLogIsKeptForTheOlderSnapshot(t *testing.T) {
	dir := t.TempDir()
	s, err := openSnapshots(dir, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	logs := raft.NewInmemStore()
	k := keptLog{logs, s}
	for i := uint64(1); i <= 40; i++ {
		if err := k.StoreLog(&raft.Log{Index: i, Term: 2}); err != nil {
			t.Fatal(err)
		}
	}
	drop := func(hi, want uint64) {
		t.Helper()
		first, err := k.FirstIndex()
		if err == nil {
			err = k.DeleteRange(first, hi)
		}
		if err != nil {
			t.Fatal(err)
		}
		if first, err = k.FirstIndex(); err != nil || first != want {
			t.Errorf("the log begins with %d, want %d: %v", first, want, err)
		}
		if err := k.connects(); err != nil {
			t.Error(err)
		}
	}
	writeSnapshot(t, s, 10)
	drop(9, 1)
	older := writeSnapshot(t, s, 20)
	drop(18, 11)
	newest := writeSnapshot(t, s, 30)
	drop(18, 19)
	drop(28, 21)
	for _, id := range []string{newest, older} {
		if err := k.connects(); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "snapshots", id, "state.bin"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.connects(); err == nil {
		t.Error("no snapshot is whole, and the log begins with 21")
	}
	if s, err = openSnapshots(dir, hclog.NewNullLogger()); err != nil {
		t.Fatal(err)
	}
	if all, err := s.FileSnapshotStore.List(); err != nil || len(all) != 0 {
		t.Errorf("damaged ones stay in the way: %v, %v", all, err)
	}
	if err := (keptLog{logs, s}).DeleteRange(21, 40); err != nil { // all: as after the snapshot of a leader
		t.Error(err)
	}
}
