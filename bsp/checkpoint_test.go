package bsp_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"hash/crc32"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/wire"
)

var rewrite = flag.Bool("rewrite", false, "rewrite golden files")

// The format is what docs/formats.md says: changes need a new version.
func TestCheckpointGolden(t *testing.T) {
	const file = "testdata/checkpoint.golden"
	got := bsp.GoldenCheckpoint().Encode(nil)
	if *rewrite {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the format has changed: %v\n%x\n%x", err, got, want)
	}
	k, err := bsp.DecodeCheckpoint(want)
	if err != nil || !bytes.Equal(k.Encode(nil), want) {
		t.Errorf("%+v, %v", k, err)
	}
}

func TestCheckpointDamage(t *testing.T) {
	whole := bsp.GoldenCheckpoint().Encode(nil)
	for i := range whole {
		if _, err := bsp.DecodeCheckpoint(whole[:i]); err == nil {
			t.Errorf("%d bytes were taken", i)
		}
		for bit := range 8 {
			damaged := bytes.Clone(whole)
			damaged[i] ^= 1 << bit
			if _, err := bsp.DecodeCheckpoint(damaged); err == nil {
				t.Errorf("bit %d of byte %d was not missed", bit, i)
			}
		}
	}
}

func FuzzCheckpoint(f *testing.F) {
	whole := bsp.GoldenCheckpoint().Encode(nil)
	f.Add(whole[:len(whole)-4])
	f.Add((&bsp.Checkpoint{}).Encode(nil))
	f.Add([]byte("BSPCKPT\x01"))
	f.Add(append(bytes.Clone(whole[:44]), bytes.Repeat([]byte{0xff}, 64)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := bsp.DecodeCheckpoint(bsp.Seal(b))
		if err != nil {
			return
		}
		again, err := bsp.DecodeCheckpoint(k.Encode(nil))
		if err != nil || !reflect.DeepEqual(k, again) {
			t.Errorf("%+v became %+v, %v", k, again, err)
		}
	})
}

// A checkpoint file that is not what was written ends the attempt by a failure of
// its own kind that names the file; it never becomes half a state.
func TestRestoreDamaged(t *testing.T) {
	damages := map[string]func(b []byte) []byte{
		"truncated": func(b []byte) []byte { return b[:len(b)/2] },
		"flipped":   func(b []byte) []byte { b[len(b)/3] ^= 4; return b },
		"empty":     func([]byte) []byte { return nil },
		"missing":   nil,
	}
	for name, damage := range damages {
		for _, known := range []bool{false, true} { // known: the committed sizes and sums are of the damaged file
			k := ringCheckpoint(t)
			f := &k.Files[1]
			path := strings.TrimPrefix(f.Path, "file://")
			if damage == nil {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				b = damage(b)
				if known {
					f.Size, f.CRC = int64(len(b)), crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
				}
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := bsp.RunTask(t.Context(), ringTask(t, func(s *wire.TaskStart) { s.Restore, s.Key.Epoch = k, 2 }))
			fail, ok := errors.AsType[*job.Failure](err)
			if !ok || fail.Kind != job.FaultCheckpoint || !strings.Contains(fail.Message, path) {
				t.Errorf("%s, known %v: %#v", name, known, err)
			}
		}
	}
	// Another job's is refused as well, and one of another number of peers.
	k := ringCheckpoint(t)
	for _, change := range []func(s *wire.TaskStart){
		func(s *wire.TaskStart) { s.Key.Job = "other-1" },
		func(s *wire.TaskStart) { s.Ranges[0].Hi = 3 },
		func(s *wire.TaskStart) { s.Restore = &wire.Checkpoint{Superstep: 4, Files: k.Files} },
		func(s *wire.TaskStart) { s.Restore.Files[0], s.Restore.Files[1] = k.Files[1], k.Files[0] },
	} {
		_, err := bsp.RunTask(t.Context(), ringTask(t, func(s *wire.TaskStart) { s.Restore = k; change(s) }))
		if fail, ok := errors.AsType[*job.Failure](err); !ok || fail.Kind != job.FaultCheckpoint {
			t.Errorf("%#v", err)
		}
	}
}

// ringTask is two peers of ring in one task, with checkpoints every 5 supersteps.
func ringTask(t *testing.T, change func(s *wire.TaskStart)) bsp.TaskConfig {
	t.Helper()
	s := wire.TaskStart{Key: wire.TaskKey{Job: "ring-1", Epoch: 1}, Ranges: []job.Range{{Hi: 2}}, Args: []string{"20"}, CheckpointDir: t.TempDir(), CheckpointEvery: 5}
	change(&s)
	return bsp.TaskConfig{Runner: bsp.NewRunner(ring), Start: s}
}

// ringCheckpoint runs ring and returns its first checkpoint.
func ringCheckpoint(t *testing.T) *wire.Checkpoint {
	t.Helper()
	var first *wire.Checkpoint
	cfg := ringTask(t, func(*wire.TaskStart) {})
	cfg.Report = func(m wire.FromTask) {
		if m.Checkpoint != nil && first == nil {
			first = &wire.Checkpoint{Superstep: m.Checkpoint.Superstep, Epoch: 1, Files: m.Checkpoint.Files}
		}
	}
	if _, err := bsp.RunTask(t.Context(), cfg); err != nil || first == nil || first.Superstep != 5 {
		t.Fatalf("%+v, %v", first, err)
	}
	return first
}

// By time: the first barrier after the interval.
func TestCheckpointInterval(t *testing.T) {
	prog := func(ctx context.Context, p *bsp.Peer[int]) error {
		var n int
		if _, err := p.State(&n); err != nil {
			return err
		}
		for n = range 40 {
			time.Sleep(2 * time.Millisecond)
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	taken := 0
	cfg := ringTask(t, func(s *wire.TaskStart) { s.CheckpointEvery = 0 })
	cfg.Runner, cfg.CheckpointInterval = bsp.NewRunner(prog), 20*time.Millisecond
	cfg.Report = func(m wire.FromTask) {
		if m.Checkpoint != nil {
			taken++
		}
	}
	done, err := bsp.RunTask(t.Context(), cfg)
	if err != nil || taken < 2 || taken > 6 || done.Counters[job.CounterCheckpoints] != int64(taken) {
		t.Errorf("%d checkpoints in 80 ms, counters %v, %v", taken, done.Counters, err)
	}
	// The option counts supersteps, the order's number wins.
	for order, want := range map[int]int{0: 5, 20: 2} {
		taken = 0
		cfg.Start.CheckpointEvery, cfg.Start.CheckpointDir = order, t.TempDir()
		cfg.Runner = bsp.NewRunner(prog, bsp.CheckpointEvery(8))
		if _, err := bsp.RunTask(t.Context(), cfg); err != nil || taken < want-2 || taken > want {
			t.Errorf("%d checkpoints, want %d: %v", taken, want, err)
		}
	}
}

// A folder that cannot be written costs the checkpoint, not the job.
func TestCheckpointUnwritable(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cfg := ringTask(t, func(s *wire.TaskStart) { s.CheckpointDir = file })
	cfg.Stderr = &log
	done, err := bsp.RunTask(t.Context(), cfg)
	if err != nil || done.Supersteps != 20 || done.Counters[job.CounterCheckpoints] != 0 || !strings.Contains(log.String(), "checkpoint was not written") {
		t.Errorf("%+v, %v, log %s", done, err, log.String())
	}
}
