package host_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"scalar/serving/host"
	"scalar/serving/protocol"
)

func loadRefused(tb testing.TB, err error, want string) {
	tb.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		tb.Errorf("%v, want %q in one line", err, want)
	}
}

// A version that is replaced answers who holds it, and its memory goes with the last of them.
func TestDrain(t *testing.T) {
	h := start(t, host.Config{Cores: 2})
	load(t, h, "m", "1", sum(t, t.TempDir(), 1))
	size, _ := h.Usage()
	l := acquire(t, h, "m", "", "")
	if d := h.Models("")[0].Versions[0].Digest; d != l.Digest() || len(d) != 64 {
		t.Error(d)
	}
	var collected atomic.Bool
	runtime.AddCleanup(l.Version, func(*atomic.Bool) { collected.Store(true) }, nil)
	load(t, h, "m", "1", sum(t, t.TempDir(), 2))
	if bytes, draining := h.Usage(); bytes != 2*size || draining != 1 {
		t.Errorf("%d bytes, %d drain: want %d and 1", bytes, draining, 2*size)
	}
	if s := h.Models("")[0].Versions; len(s) != 1 || s[0].Users != 0 {
		t.Errorf("%+v", s)
	}
	a := &protocol.Answer{}
	if err := l.Predict(t.Context(), time.Time{}, request(1, []float32{0, 0, 0, 0}), a); err != nil || a.Outputs[0].F32[0] != 1 {
		t.Error(a, err)
	}
	if got, _, err := ask(h, "a", time.Time{}, 0, 0, 0, 0); err != nil || got[0] != 2 {
		t.Error(got, err)
	}
	l.Release()
	l.Release() // nothing
	if bytes, draining := h.Usage(); bytes != size || draining != 0 {
		t.Errorf("%d bytes, %d drain: want %d and 0", bytes, draining, size)
	}
	for range 100 {
		if runtime.GC(); collected.Load() {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if !collected.Load() {
		t.Error("something still knows the version")
	}
	h.Close()
	if bytes, draining := h.Usage(); bytes != 0 || draining != 0 || h.Ready() {
		t.Error(bytes, draining)
	}
	if err := h.Load(t.Context(), "m", "1", golden(t, "digits")); err == nil {
		t.Error("loaded into a host that is closed")
	}
}

// Who knows a version that went has none of its memory.
func TestDrainMemory(t *testing.T) {
	h := start(t, host.Config{Cores: 1})
	load(t, h, "m", "1", mlp(t, t.TempDir(), 4096, []int{1024}, 1)) // 16 MiB
	l := acquire(t, h, "m", "", "")
	v := l.Version
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	if err := h.Unload("m", "1"); err != nil {
		t.Fatal(err)
	}
	if during := heap(); during+1<<20 < before {
		t.Errorf("%d bytes went of a version that is held", before-during)
	}
	l.Release()
	if after := heap(); before-after < 16<<20 {
		t.Errorf("%d bytes, then %d", before, after)
	}
	if v.Name() != "m" {
		t.Error(v.Name())
	}
}

// What cannot be loaded changes nothing, and others answer.
func TestLoadCorrupt(t *testing.T) {
	h := start(t, host.Config{Cores: 1, MaxBytes: 6 << 20})
	load(t, h, "m", "1", sum(t, t.TempDir(), 1))
	check := func() {
		t.Helper()
		if got, version, err := ask(h, "a", time.Time{}, 0, 0, 0, 0); err != nil || got[0] != 1 || version != "1" {
			t.Error(got, version, err)
		}
		if bytes, draining := h.Usage(); bytes > 6<<20 || draining != 0 {
			t.Error(bytes, draining)
		}
		if !h.Ready() {
			t.Error("not ready")
		}
	}
	for name, spoil := range map[string]struct {
		want string
		do   func(dir string) error
	}{
		"no weights": {"there is no weights.safetensors", func(dir string) error { return os.Remove(filepath.Join(dir, "weights.safetensors")) }},
		"no model":   {"there is no model.json", func(dir string) error { return os.Remove(filepath.Join(dir, "model.json")) }},
		"short":      {"it is not whole", func(dir string) error { return os.Truncate(filepath.Join(dir, "weights.safetensors"), 100) }},
		"garbage":    {"it is no model", func(dir string) error { return os.WriteFile(filepath.Join(dir, "model.json"), []byte("{"), 0o600) }},
		"other digest": {"it was changed", func(dir string) error {
			b, err := os.ReadFile(filepath.Join(dir, "model.json"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "model.json"), []byte(strings.Replace(string(b), `"linear"`, `"lineal"`, 1)), 0o600)
		}},
		"large": {"and of the limit of 6291456", func(dir string) error {
			mlp(t, dir, 4096, []int{1024}, 1)
			return nil
		}},
		"large executors": {"and of the limit of 6291456", func(dir string) error {
			mlp(t, dir, 1<<17, nil, 1) // 5 MiB, and 2 of rows
			return nil
		}},
	} {
		for _, version := range []string{"1", "2"} {
			dir := sum(t, t.TempDir(), 7)
			if err := spoil.do(dir); err != nil {
				t.Fatal(err)
			}
			err := h.Load(t.Context(), "m", version, dir)
			if err == nil || !strings.Contains(err.Error(), spoil.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v, want %q", name, err, spoil.want)
			}
			check()
			s := h.Models("")[0].Versions[version[0]-'1']
			if want := map[string]host.State{"1": host.Ready, "2": host.Unavailable}[version]; s.State != want || !strings.Contains(s.Reason, spoil.want) {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
	load(t, h, "m", "2", sum(t, t.TempDir(), 2))
}

// A folder that loses its weights while its model answers is told of, until it has them again.
func TestLoadLost(t *testing.T) {
	h := start(t, host.Config{Cores: 1})
	folder := sum(t, t.TempDir(), 1)
	load(t, h, "m", "1", folder)
	weights := filepath.Join(folder, "weights.safetensors")
	whole, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(weights, 100); err != nil {
		t.Fatal(err)
	}
	if err := h.Load(t.Context(), "m", "1", folder); err == nil || !strings.Contains(h.Models("")[0].Versions[0].Reason, "it is not whole") {
		t.Errorf("the folder of what answers has lost weights: %v", err)
	}
	if got, _, err := ask(h, "a", time.Time{}, 0, 0, 0, 0); err != nil || got[0] != 1 || !h.Ready() {
		t.Error(got, err)
	}
	if err := os.WriteFile(weights, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	load(t, h, "m", "1", folder)
	if s := h.Models("")[0].Versions[0]; s.Reason != "" {
		t.Errorf("%+v", s)
	}
}

// A meanwhile is a context whose end is asked for in the middle of a load: then something happens, once.
type meanwhile struct {
	context.Context
	when func() bool // nil: the first time
	once sync.Once
	do   func()
}

func (m *meanwhile) Err() error {
	if m.when == nil || m.when() {
		m.once.Do(m.do)
	}
	return m.Context.Err()
}

// What is unloaded, or whose folder goes, while it is loaded does not answer afterwards.
func TestLoadUnloaded(t *testing.T) {
	for what, before := range map[string]bool{"it is new": false, "it is loaded anew": true} {
		h := start(t, host.Config{Cores: 1})
		if before {
			load(t, h, "m", "1", sum(t, t.TempDir(), 1))
		}
		err := h.Load(&meanwhile{Context: t.Context(), do: func() {
			if err := h.Unload("m", "1"); err != nil {
				t.Error(err)
			}
		}}, "m", "1", sum(t, t.TempDir(), 2))
		refused(t, err, 409, "was unloaded while it was loaded")
		if got := states(h); got != "m/1=UNAVAILABLE" || !h.Ready() || h.Models("")[0].Versions[0].Reason != "unloaded" {
			t.Errorf("%s: %s", what, got)
		}
		if bytes, draining := h.Usage(); bytes != 0 || draining != 0 {
			t.Errorf("%s: %d bytes, %d drain", what, bytes, draining)
		}
		load(t, h, "m", "1", sum(t, t.TempDir(), 3))
		if got, _, err := ask(h, "a", time.Time{}, 0, 0, 0, 0); err != nil || got[0] != 3 {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
}

// A model that is unloaded while all its versions are loaded anew has none afterwards.
func TestReloadUnloaded(t *testing.T) {
	h := start(t, host.Config{Cores: 1})
	folders := map[string]string{}
	for _, version := range []string{"1", "2", "3"} {
		folders[version] = sum(t, t.TempDir(), 1)
		load(t, h, "m", version, folders[version])
		sum(t, folders[version], 2)
	}
	old := h.Models("")[0].Versions[0].Digest
	err := h.Reload(&meanwhile{
		Context: t.Context(),
		when: func() bool {
			return slices.ContainsFunc(h.Models("")[0].Versions, func(v host.VersionStatus) bool { return v.Digest != old })
		},
		do: func() {
			if err := h.Unload("m", ""); err != nil {
				t.Error(err)
			}
		},
	}, "m")
	refused(t, err, 409, "was unloaded while it was loaded")
	if got := states(h); got != "m/1=UNAVAILABLE m/2=UNAVAILABLE m/3=UNAVAILABLE" {
		t.Error(got)
	}
}
