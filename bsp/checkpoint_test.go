package bsp_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/allocs"
)

var rewrite = flag.Bool("rewrite", false, "rewrite golden files")

// The format is what docs/formats.md says: changes need a new version.
func TestCheckpointGolden(t *testing.T) {
	const file = "testdata/checkpoint.golden"
	got := bsp.GoldenCheckpoint().Encode()
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
	if err != nil || !bytes.Equal(k.Encode(), want) {
		t.Errorf("%+v, %v", k, err)
	}
}

func TestCheckpointDamage(t *testing.T) {
	whole := bsp.GoldenCheckpoint().Encode()
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
	whole := bsp.GoldenCheckpoint().Encode()
	f.Add(whole[:len(whole)-4])
	f.Add((&bsp.Checkpoint{}).Encode())
	f.Add([]byte("BSPCKPT\x01"))
	f.Add(append(bytes.Clone(whole[:44]), bytes.Repeat([]byte{0xff}, 64)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		sealed := bsp.Seal(b)
		var k *bsp.Checkpoint
		var err error
		if got := allocs.Bytes(func() { k, err = bsp.DecodeCheckpoint(sealed) }); got > 2*uint64(1<<20+8*len(b)) {
			t.Errorf("%d bytes took %d of memory", len(b), got)
		}
		if err != nil {
			return
		}
		again, err := bsp.DecodeCheckpoint(k.Encode())
		if err != nil || !bytes.Equal(k.Encode(), again.Encode()) {
			t.Errorf("%+v became %+v, %v", k, again, err)
		}
	})
}

// What this machine cannot read, or not see, is no bad checkpoint: another may.
func TestRestoreUnreadable(t *testing.T) {
	for what, hide := range map[string]func(file string) error{
		"an error of the disk": func(file string) error { // a folder reads as one
			return errors.Join(os.Remove(file), os.Mkdir(file, 0o700))
		},
		"a store that is not mounted": func(file string) error {
			return os.RemoveAll(filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(file)))))
		},
	} {
		k := ringCheckpoint(t)
		if err := hide(strings.TrimPrefix(k.Files[1].Path, "file://")); err != nil {
			t.Fatal(err)
		}
		_, err := bsp.RunTask(t.Context(), ringTask(t, func(s *wire.TaskStart) { s.Restore, s.Key.Epoch = k, 2 }))
		if f, ok := errors.AsType[*job.Failure](err); !ok || f.Kind != job.FaultGroom {
			t.Errorf("%s: %#v", what, err)
		}
	}
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
	for region, at := range map[string]int{ // docs/formats.md; from the end where negative
		"magic": 0, "version": 7, "job": 8, "peer": 16, "peers": 20, "superstep": 24, "returned": 32, "flags": 40,
		"length of the state": 44, "state": 52, "length of the inbox": -13, "counters": -12, "values": -8, "checksum": -1,
	} {
		damages[region] = func(b []byte) []byte { b[(at+len(b))%len(b)] ^= 4; return b }
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
	s := wire.TaskStart{Key: wire.TaskKey{Job: "ring-1", Epoch: 1}, Ranges: []job.Range{{Hi: 2}}, Args: []string{"20"}, CheckpointDir: t.TempDir() + "/store/checkpoints", CheckpointEvery: 5}
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

// By time: the first barrier after the interval, again and again.
func TestCheckpointInterval(t *testing.T) {
	const interval = 20 * time.Millisecond
	var taken atomic.Int64
	cfg := ringTask(t, func(s *wire.TaskStart) { s.CheckpointEvery = 0 })
	cfg.CheckpointInterval = interval
	cfg.Report = func(m wire.FromTask) {
		if m.Checkpoint != nil {
			taken.Add(1)
		}
	}
	began := time.Now()
	cfg.Runner = bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
		var n int
		if _, err := p.State(&n); err != nil {
			return err
		}
		for taken.Load() < 3 && time.Since(began) < time.Minute {
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	done, err := bsp.RunTask(t.Context(), cfg)
	if n, took := taken.Load(), time.Since(began); err != nil || n < 3 || n > int64(took/interval) || done.Counters[job.CounterCheckpoints] != n ||
		done.Counters[job.CounterCheckpointBytes] < n*int64(len("BSPCKPT")) {
		t.Errorf("%d checkpoints in %v, counters %v, %v", n, took, done.Counters, err)
	}
}

// By supersteps: the option counts, the order's number wins.
func TestCheckpointEvery(t *testing.T) {
	for order, every := range map[int]int{0: 8, 20: 20} {
		var taken atomic.Int64
		cfg := ringTask(t, func(s *wire.TaskStart) { s.CheckpointEvery = order })
		cfg.Report = func(m wire.FromTask) {
			if m.Checkpoint != nil {
				if m.Checkpoint.Superstep%every != 0 {
					t.Errorf("a checkpoint at superstep %d, one every %d", m.Checkpoint.Superstep, every)
				}
				taken.Add(1)
			}
		}
		cfg.Runner = bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
			var n int
			if _, err := p.State(&n); err != nil {
				return err
			}
			for p.Superstep() < 40 {
				for deadline := time.Now().Add(time.Minute); int(taken.Load()) < p.Superstep()/every && time.Now().Before(deadline); {
					time.Sleep(time.Millisecond) // for the writer: it puts the next one off while it writes
				}
				time.Sleep(time.Millisecond)
				if err := p.Sync(ctx); err != nil {
					return err
				}
			}
			return nil
		}, bsp.CheckpointEvery(8))
		if _, err := bsp.RunTask(t.Context(), cfg); err != nil || int(taken.Load()) != 40/every {
			t.Errorf("%d checkpoints in 40 supersteps, one every %d: %v", taken.Load(), every, err)
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
