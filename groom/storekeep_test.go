package groom_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/groom"
	"scalar/storage"
)

// storeOf starts a groom with a store that belongs to cluster "uuid".
func storeOf(t *testing.T) (m *master, dir string) {
	t.Helper()
	dir = t.TempDir()
	_, m, _ = one(t, func(c *groom.Config) { c.Store = "file://" + dir })
	must(t, storage.Claim(t.Context(), dir, "uuid"))
	return m, dir
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestArchiveObjects(t *testing.T) {
	m, dir := storeOf(t)
	ask := wire.Archive{Cluster: "uuid"}
	for i := range 40 {
		ask.Objects = append(ask.Objects, wire.ArchiveObject{Job: job.ID(fmt.Sprint("pi-", 990+i)), Data: []byte{byte(i)}})
	}
	ask.Objects = append(ask.Objects, wire.ArchiveObject{Job: "../../etc-1", Data: []byte("x")})
	for range 2 { // it may be repeated
		var r wire.ArchiveReply
		must(t, m.call(wire.MethodArchive, ask, &r))
		if len(r.Done) != 40 || !strings.Contains(r.Error, "no id of a job") {
			t.Fatalf("%+v", r)
		}
	}
	for i := range 40 {
		file := filepath.Join(dir, "archive", fmt.Sprintf("%06d", (990+i)/1000), fmt.Sprintf("pi-%d.json.zst", 990+i))
		b, err := os.ReadFile(file)
		if err != nil || string(b) != string([]byte{byte(i)}) {
			t.Fatalf("%q, %v", b, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
			t.Fatalf("%v, %v", info.Mode(), err)
		}
	}

	var r wire.ArchiveReply
	ask.Cluster = "other"
	must(t, m.call(wire.MethodArchive, ask, &r))
	if len(r.Done) != 0 || !strings.Contains(r.Error, "belongs to cluster uuid") {
		t.Errorf("another cluster's: %+v", r)
	}
}

func TestSweep(t *testing.T) {
	m, dir := storeOf(t)
	keep := []string{"programs/x", "logs/pi-2/1-0.log", "results/pi-2/part-00000", "archive/000001/pi-1001.json.zst", "archive/000000/README"}
	gone := []string{"logs/pi-1/1-0.log", "results/pi-1/part-00000", "results/pi-1.tmp-pi-1-2/x", "checkpoints/pi-1/1/2/peer-0", "archive/000000/pi-1.json.zst", "archive/000002/pi-2001.json.zst", "archive/000002/.pi-2001.json.zst.tmp-42"}
	for _, name := range append(keep, gone...) {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	for _, s := range []wire.Sweep{
		{Kind: wire.StoreLogs, Names: []string{"pi-1", "pi-3"}},
		{Kind: wire.StoreResults, Names: []string{"pi-1", "pi-1.tmp-pi-1-2"}},
		{Kind: wire.StoreCheckpoints, Names: []string{"pi-1"}},
		{Kind: wire.StoreArchive, Names: []string{"000000/pi-1.json.zst", "000002/pi-2001.json.zst", "000002/.pi-2001.json.zst.tmp-42"}},
	} {
		var r wire.SweepReply
		s.Cluster = "other"
		must(t, m.call(wire.MethodSweep, s, &r))
		if r.Removed != 0 || !strings.Contains(r.Error, "belongs to cluster uuid") {
			t.Errorf("another cluster's: %+v", r)
		}
		s.Cluster = "uuid"
		for range 2 {
			r = wire.SweepReply{}
			must(t, m.call(wire.MethodSweep, s, &r))
			if r.Removed != len(s.Names) || r.Error != "" {
				t.Errorf("%+v: %+v", s, r)
			}
		}
	}
	for _, s := range []wire.Sweep{
		{Kind: wire.StoreLogs, Names: []string{"", ".", "..", "../logs/pi-2", "pi-2/1-0.log", "/pi-2", "pi-2/"}},
		{Kind: wire.StoreResults, Names: []string{"", "pi-2.tmp-pi-3-1"}},
		{Kind: wire.StoreArchive, Names: []string{"", "000001", "000001/", "000000/README", "000000/pi-1001.json.zst", "000000/.pi-1.json.zst", "000000/.pi-1.json.zst.tmp-", "000000/.pi-1.json.zst.tmp-../../../logs/pi-2"}},
		{Kind: "programs", Names: []string{"x"}},
		{Kind: "", Names: []string{"pi-2", "programs"}},
		{Kind: ".", Names: []string{"pi-2"}},
		{Kind: wire.StoreLogs, Names: make([]string, wire.MaxSweep+1)},
	} {
		s.Cluster = "uuid"
		var r wire.SweepReply
		must(t, m.call(wire.MethodSweep, s, &r))
		if r.Removed != 0 || r.Error == "" {
			t.Errorf("%+v: %+v", s, r)
		}
	}
	for _, name := range keep {
		if !exists(filepath.Join(dir, name)) {
			t.Errorf("%s was removed", name)
		}
	}
	for _, name := range append(gone, "archive/000002") {
		if exists(filepath.Join(dir, name)) {
			t.Errorf("%s is there", name)
		}
	}
}
