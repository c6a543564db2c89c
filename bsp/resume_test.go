package bsp_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// early writes in superstep 2 and, if all goes well, in superstep 38; in its first
// attempt it calls fault in superstep 12.
func early(fault func() error) bsp.Runner {
	attempts := 0
	return bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
		n := 0
		if _, err := p.State(&n); err != nil {
			return err
		}
		attempts++
		for p.Superstep() < 40 {
			n++
			switch {
			case p.Superstep() == 2 || p.Superstep() == 38:
				p.Write(p.Superstep(), n)
			case p.Superstep() == 12 && attempts == 1:
				return fault()
			}
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// await waits until a file is there.
func await(t *testing.T, name string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(name); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s does not come", name)
			return
		}
	}
}

// A checkpoint rests on what was written before it: without that it is of no use, and
// this is found out before another one is taken.
func TestLostOutput(t *testing.T) {
	for what, damage := range map[string]func(part string) error{
		"removed": func(part string) error { return os.RemoveAll(filepath.Dir(part)) },
		"cut":     func(part string) error { return os.Truncate(part, 3) },
		"changed": func(part string) error { return os.WriteFile(part, []byte("2\t4\n"), 0o600) },
		"whole":   func(string) error { return nil },
	} {
		t.Run(what, func(t *testing.T) {
			out, scratch := t.TempDir()+"/out", t.TempDir()
			r := early(func() error {
				await(t, scratch+"/checkpoints/1/5/peer-0")
				parts, err := filepath.Glob(out + ".tmp-*/part-00000")
				if err != nil || len(parts) != 1 {
					t.Errorf("parts %v: %v", parts, err)
					return err
				}
				return errors.Join(damage(parts[0]), errors.New("first fault"))
			})
			var log bytes.Buffer
			s := job.Spec{Name: "x", Peers: 1, MaxAttempts: 4, CheckpointEvery: 5, Output: out}
			info, _, err := bsp.RunLocal(t.Context(), r, bsp.LocalConfig{Spec: s, ScratchDir: scratch, Stderr: &log})
			if err != nil || read(t, out) != "2\t3\n38\t39\n" {
				t.Fatalf("%v, log %s", err, log.String())
			}
			// The checkpoint of superstep 10, unless it was put off, and that of 5, then superstep 0.
			bad := strings.Count(log.String(), "corrupt")
			if what == "whole" && (bad != 0 || info.Attempts != 2) || what != "whole" && (bad < 1 || bad > 2 || info.Attempts != 2+bad || !strings.Contains(log.String(), "superstep 0\n")) {
				t.Errorf("%d attempts, log %s", info.Attempts, log.String())
			}
		})
	}
}

// A program that calls every checkpoint bad does not run for ever.
func TestBadCheckpointsEnd(t *testing.T) {
	r := bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
		n := 0
		if _, err := p.State(&n); err != nil {
			return err
		}
		for from := p.Superstep(); p.Superstep() < from+3; {
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		return p.Fail(job.FaultCheckpoint, "not to my taste")
	})
	var log bytes.Buffer
	s := job.Spec{Name: "x", Peers: 1, MaxAttempts: 4, CheckpointEvery: 2}
	info, _, err := bsp.RunLocal(t.Context(), r, bsp.LocalConfig{Spec: s, ScratchDir: t.TempDir(), Stderr: &log})
	if err == nil || info.Attempts > job.MaxGroomLosses {
		t.Errorf("%d attempts, %v", info.Attempts, err)
	}
}

// An output that cannot be written is told before anything is computed.
func TestUnwritableOutput(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ran := false
	_, err := bsp.RunTask(t.Context(), bsp.TaskConfig{
		Runner: bsp.NewRunner(func(context.Context, *bsp.Peer[int]) error { ran = true; return nil }),
		Start:  wire.TaskStart{Key: wire.TaskKey{Job: "out-1", Epoch: 1}, Ranges: []job.Range{{Hi: 1}}, OutputTmp: file + "/out.tmp-out-1-1"},
	})
	f, ok := errors.AsType[*job.Failure](err)
	if !ok || f.Kind != job.FaultOutput || ran || !strings.HasPrefix(f.Message, "output: ") || !strings.Contains(f.Message, file) {
		t.Errorf("ran %v, %v", ran, err)
	}
}

// However an output is spelt, it is one folder with its temporary one beside it.
func TestLocalOutputSpelling(t *testing.T) {
	for _, spelling := range []string{"/out/", "/out//", "/./out", "/x/../out"} {
		dir := t.TempDir()
		s := spec("ring", 2, 1)
		s.Output = "file://" + dir + spelling
		if info, _, err := local(t.Context(), t, s); err != nil || !strings.Contains(read(t, dir+"/out"), "sum\t") {
			t.Errorf("%s: %+v, %v", spelling, info, err)
		}
		if left, _ := filepath.Glob(dir + "/*"); len(left) != 1 {
			t.Errorf("%s: %v", spelling, left)
		}
	}
	s := spec("ring", 2, 1)
	s.Output = "relative"
	if _, _, err := local(t.Context(), t, s); exitCode(err) != job.ExitUsage || !strings.Contains(err.Error(), "relative") {
		t.Errorf("%v", err)
	}
}
