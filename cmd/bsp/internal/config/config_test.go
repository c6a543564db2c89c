package config_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"scalar/cmd/bsp/internal/config"
	"scalar/serving/host"
	"scalar/serving/httpd"
)

func flags[T any](tb testing.TB, args ...string) *pflag.FlagSet {
	tb.Helper()
	f := pflag.NewFlagSet("x", pflag.ContinueOnError)
	config.AddFlags[T](f)
	if err := f.Parse(args); err != nil {
		tb.Fatal(err)
	}
	return f
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOrder checks flag before environment before file before default.
func TestOrder(t *testing.T) {
	g, err := config.Load[config.Groom](config.Sources{
		File:  write(t, "name: file\ncluster: file\nslots: 3\nmemory: 8GiB\nlog_keep: 2h\nseeds: [a:1, b:2]\ndisable_cgroups: true\ncores: 1.5\n"),
		Env:   []string{"BSP_NAME=env", "BSP_CLUSTER=env", "BSP_SLOTS=4", "BSP_ADDR=https://elsewhere:1", "BSP_PROGRAM_CACHE=1MB", "OTHER=1"},
		Flags: flags[config.Groom](t, "--name", "flag", "--log-keep", "3h"),
	})
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case g.Name != "flag", g.Cluster != "env", g.Slots != 4, g.Memory != 8<<30, g.LogKeep != 3*time.Hour, g.Store != "",
		!slices.Equal(g.Seeds, []string{"a:1", "b:2"}), !g.DisableCgroups, g.Cores != 1.5, g.ProgramCache != 1_000_000, g.Heartbeat != 0:
		t.Errorf("loaded %+v", g)
	}
	// What tells the command line where a cluster is, is no setting of a daemon.
	g, err = config.Load[config.Groom](config.Sources{
		File:  write(t, "data: file\nca: file\n"),
		Env:   []string{"BSP_DATA=client", "BSP_CA=client", "BSP_MASTER_DATA=master", "BSP_GROOM_CA=groom", "BSP_GROOM_SLOTS=5", "BSP_SLOTS=4"},
		Flags: flags[config.Groom](t),
		Role:  "groom",
	})
	if err != nil || g.Data != "file" || g.CA != "groom" || g.Slots != 5 {
		t.Errorf("loaded %+v: %v", g, err)
	}
	m, err := config.Load[config.Master](config.Sources{
		File:  write(t, "ballast: -1\n"),
		Env:   []string{"BSP_SEEDS=a:1,b:2", "BSP_DISK_TIMEOUT=7s", "BSP_BOOTSTRAP_EXPECT=3", "BSP_MIN_FREE=-1"},
		Flags: flags[config.Master](t, "--seeds", "c:3,d:4"),
	})
	if err != nil || !slices.Equal(m.Seeds, []string{"c:3", "d:4"}) || m.DiskTimeout != 7*time.Second || m.BootstrapExpect != 3 || m.Ballast != -1 || m.MinFree != -1 {
		t.Errorf("loaded %+v: %v", m, err)
	}
}

// TestWrongFiles checks that errors say where.
func TestWrongFiles(t *testing.T) {
	for text, want := range map[string]string{
		"name: a\nslot: 2\n":           `c.yaml:2:1: unknown field "slot"`,
		"name: a\nslots: two\n":        "c.yaml:2:8: ",
		"name: a\nheartbeat: soon\n":   "soon",
		"name: a\nname: b\n":           "c.yaml:2:1: ",
		"name: a\n\"b\\nc\\x1b\": 2\n": `c.yaml:2:1: unknown field "b c "`,
		"name: a\n\tslots: 2\n":        "c.yaml:2:",
		"name: a\nmemory: 3 apples":    "3 apples",
	} {
		_, err := config.Load[config.Groom](config.Sources{File: write(t, text), Flags: flags[config.Groom](t)})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q on one line", text, err, want)
		}
	}
}

// FuzzServe feeds files of the prediction server: no panic, and what is not refused has quotas and caches that can be kept.
func FuzzServe(f *testing.F) {
	f.Add("quotas: {a: {requests: 1000, concurrent: 32, bytes: 1e8, burst: 2}}\nkeys: [{sha256: ab, namespace: a, admin: true}]\n")
	f.Add("quotas: {a: {requests: .nan, bytes: .inf}, b: {concurrent: -1}}\n")
	f.Add("routing: {m: {labels: {s: \"1\"}, traffic: {s: 90, \"2\": 10}, shadow: {\"3\": 5}, namespaces: [a]}}\n")
	f.Add("caches: {m: {max_bytes: 64MiB, ttl: 10m}}\nmodel: [a=b]\nmax_body: -1\nheader_timeout: 10\n")
	f.Add("quotas: &q {a: *q}\nrouting: !!binary x\ncaches: {m: 5}\nkeys: {}\n")
	h, err := host.New(host.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(h.Close)
	from := config.Sources{File: filepath.Join(f.TempDir(), "serve.yaml"), Flags: flags[config.Serve](f)}
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(from.File, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load[config.Serve](from)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q has lines", err)
			}
			return
		}
		for _, q := range c.Quotas {
			fine := q.Requests >= 0 && q.Bytes >= 0 && q.Burst >= 0 && q.Concurrent >= 0 && !math.IsInf(q.Requests, 0) && !math.IsInf(q.Bytes, 0)
			if err := q.Check(); (err == nil) != fine {
				t.Errorf("%+v: %v", q, err)
			}
		}
		set := httpd.Settings{Keys: c.Keys, Quotas: c.Quotas}
		if err := set.Check(); err == nil {
			for _, k := range c.Keys {
				if len(k.SHA256) != 64 || k.Namespace == "" {
					t.Errorf("%+v", k)
				}
			}
		}
		if err := h.SetModels(c.Routing); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q has lines", err)
		}
	})
}

// FuzzLoad feeds files: no panic, and no value without an error out of range.
func FuzzLoad(f *testing.F) {
	f.Add("name: a\nslots: 3\nseeds: [x]\n")
	f.Add("a: &a [*a]\n")
	f.Add("{name: {}}")
	f.Add("seeds: !00 ") // the decoder panics
	f.Add("memory: 99999999999999999999GiB")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Load[config.Groom](config.Sources{File: write(t, text), Flags: flags[config.Groom](t)})
		if err == nil && c.Memory < 0 && !strings.Contains(text, "-") {
			t.Errorf("memory %d", c.Memory)
		}
	})
}
