package host_test

import (
	"math"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"scalar/serving/host"
	"scalar/serving/protocol"

	"github.com/goccy/go-yaml"
)

// three returns a host with model m of versions 1, 2 and 10, which add their number.
func three(t *testing.T, c host.ModelConfig) *host.Host {
	t.Helper()
	h := start(t, host.Config{Cores: 1, Models: map[string]host.ModelConfig{"m": c}})
	for _, v := range []string{"2", "10", "1"} {
		load(t, h, "m", v, sum(t, t.TempDir(), map[string]float32{"1": 1, "2": 2, "10": 10}[v]))
	}
	return h
}

// A version, a label, or neither: then the highest answers.
func TestAcquire(t *testing.T) {
	h := three(t, host.ModelConfig{Labels: map[string]string{"stable": "2", "canary": "11"}, Namespaces: []string{"a", "b"}})
	for _, c := range []struct{ version, label, want string }{{"", "", "10"}, {"1", "", "1"}, {"2", "", "2"}, {"", "stable", "2"}} {
		l := acquire(t, h, "m", c.version, c.label)
		a := &protocol.Answer{}
		if err := l.Predict(t.Context(), time.Time{}, request(1, []float32{0, 0, 0, 0}), a); err != nil {
			t.Fatal(err)
		}
		if got := map[float32]string{1: "1", 2: "2", 10: "10"}[a.Outputs[0].F32[0]]; got != c.want || l.Version.Version() != c.want || l.Name() != "m" {
			t.Errorf("%+v: version %s answers, and says that it is %s", c, got, l.Version.Version())
		}
		l.Release()
	}
	if err := h.Load(t.Context(), "m", "3", t.TempDir()); err == nil {
		t.Fatal("an empty folder was loaded")
	}
	for _, version := range []string{"9", "10"} {
		if err := h.Load(t.Context(), "bad", version, t.TempDir()); err == nil {
			t.Fatal("an empty folder was loaded")
		}
	}
	for _, c := range []struct {
		namespace, name, version, label string
		status                          int
		text                            string
	}{
		{"a", "n", "", "", 404, `there is no model "n"`},
		{"c", "m", "", "", 404, `there is no model "m"`},
		{"a", "m", "4", "", 404, `model m has no version "4"`},
		{"a", "m", "", "beta", 404, `model m has no label "beta"`},
		{"a", "m", "", "canary", 404, `model m has no version "11"`},
		{"a", "m", "1", "stable", 400, "want one of them"},
		{"a", "bad", "", "", 503, "version 10 of model bad is UNAVAILABLE: "},
		{"a", "m", "3", "", 503, "version 3 of model m is UNAVAILABLE: "},
	} {
		_, err := h.Acquire(c.namespace, []byte(c.name), []byte(c.version), []byte(c.label))
		refused(t, err, c.status, c.text)
	}
	if len(h.Models("c")) != 1 || len(h.Models("b")) != 2 {
		t.Error("a model is listed for others than its namespaces")
	}
	if m := h.Models("a")[1]; len(m.Versions) != 4 || m.Versions[3].Version != "10" || m.Versions[2].State != host.Unavailable || m.Versions[1].State != host.Ready {
		t.Errorf("%+v", m)
	}
	if got := h.Versions("m"); !slices.Equal(got, []string{"1", "2", "10"}) || h.Versions("n") != nil {
		t.Error(got)
	}
	if bytes, draining := h.Usage(); bytes <= 0 || draining != 0 {
		t.Error(bytes, draining)
	}
}

// Traffic has its shares to a few requests, at any time, and those of what is not ready go to the
// others.
func TestTraffic(t *testing.T) {
	h := three(t, host.ModelConfig{
		Labels:  map[string]string{"stable": "1", "canary": "2"},
		Traffic: map[string]float64{"stable": 89.5, "canary": 10, "10": .5},
	})
	check := func(want map[string]float64) {
		t.Helper()
		got := map[string]int{}
		for n := 1; n <= 20000; n++ {
			l := acquire(t, h, "m", "", "")
			got[l.Version.Version()]++
			l.Release()
			if n%1000 != 0 {
				continue
			}
			for v, share := range want {
				if math.Abs(float64(got[v])-share*float64(n)) > 6 {
					t.Fatalf("after %d requests %v, want %v", n, got, want)
				}
			}
		}
	}
	check(map[string]float64{"1": .895, "2": .1, "10": .005})
	if err := h.Unload("m", "1"); err != nil {
		t.Fatal(err)
	}
	check(map[string]float64{"1": 0, "2": 10 / 10.5, "10": .5 / 10.5})
	if err := h.Unload("m", "2"); err != nil {
		t.Fatal(err)
	}
	if err := h.Unload("m", "10"); err != nil {
		t.Fatal(err)
	}
	if !h.Ready() {
		t.Error("not ready, and all was unloaded")
	}
	if err := h.Reload(t.Context(), "m"); err != nil {
		t.Fatal(err)
	}
	check(map[string]float64{"1": .895, "2": .1, "10": .005})
	refused(t, h.Reload(t.Context(), "n"), 404, `there is no model "n"`)
	for version, want := range map[string]string{"": `there is no model "n"`, "4": `there is no model "n" of version "4"`} {
		if err := h.Unload("n", version); status(err) != 404 || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	refused(t, h.Unload("m", "4"), 404, "there is no model")
}

// A version is not its own shadow.
func TestShadowSelf(t *testing.T) {
	h := three(t, host.ModelConfig{Shadow: map[string]float64{"10": 100}})
	for range 10 {
		if _, _, err := ask(h, "a", time.Time{}, 0, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	h.Close()
	l, err := h.Acquire("a", []byte("m"), nil, nil)
	if err == nil {
		l.Release()
		t.Error("a host that is closed answers")
	}
	if bytes, _ := h.Usage(); bytes != 0 {
		t.Error(bytes)
	}
}

// Shadows predict their share too, whatever version answers, and hold nobody up.
func TestShadow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := three(t, host.ModelConfig{
			Traffic: map[string]float64{"1": 50, "2": 50},
			Shadow:  map[string]float64{"10": 25},
		})
		count := func() (answered, shadows, dropped int) {
			for _, v := range h.Models("")[0].Versions {
				answered += int(v.Stats.Requests - v.Stats.Shadows)
				shadows, dropped = shadows+int(v.Stats.Shadows), dropped+int(v.Stats.Dropped)
			}
			return answered, shadows, dropped
		}
		for i := range 400 {
			x := []float32{float32(i), 0, 0, 0}
			got, version, err := ask(h, "a", time.Time{}, x...)
			if err != nil || got[0] != float32(i)+map[string]float32{"1": 1, "2": 2}[version] {
				t.Fatal(got, version, err)
			}
			x[0] = float32(math.NaN()) // the shadow has its own
			synctest.Wait()
		}
		answered, shadows, dropped := count()
		if answered != 400 || shadows < 97 || shadows > 103 || dropped != 0 {
			t.Errorf("%d answered, %d shadows, %d dropped", answered, shadows, dropped)
		}
		give := host.Seize(host.Current(h, "m")) // version 10: nobody waits for it
		for range 400 {
			if _, _, err := ask(h, "a", time.Time{}, 0, 0, 0, 0); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		give()
		answered, more, dropped := count()
		if answered != 800 || more != shadows || dropped < 97 || dropped > 103 {
			t.Errorf("%d answered, %d shadows, %d dropped", answered, more, dropped)
		}
		l := acquire(t, h, "m", "1", "")
		l.Release()
		// Held shadows are let go by Close, and by Release.
		for range 8 {
			l := acquire(t, h, "m", "", "")
			l.Release()
		}
		h.Close()
		if bytes, draining := h.Usage(); bytes != 0 || draining != 0 {
			t.Error(bytes, draining)
		}
	})
}

func TestConfig(t *testing.T) {
	for text, want := range map[string]string{
		"cores: 2000":                              "cores is 2000",
		"cores: -1":                                "cores is -1",
		"max_bytes: -1":                            "max_bytes is -1",
		"batch_rows: 2000":                         "batch_rows is 2000",
		"queue_rows: -1":                           "queue_rows is -1",
		"queue_time: -1s":                          "queue_time is -1s",
		"poll: 1ms":                                "poll is 1ms",
		"models: {a/b: {}}":                        `a model cannot be called "a/b"`,
		"models: {m: {labels: {7: 1}}}":            `the label "7"`,
		"models: {m: {labels: {s: x}}}":            `model m: label s: the version "x"`,
		"models: {m: {traffic: {1: 50}}}":          "traffic has 50 % in all: want 100",
		"models: {m: {traffic: {1: 150, 2: -50}}}": "traffic: 1 has 150 %",
		"models: {m: {traffic: {s: 100}}}":         `"s" is neither a version nor one of the labels`,
		"models: {m: {labels: {s: 1}, traffic: {s: 50, 1: 50}}}": "1 and s are the same version",
		"models: {m: {shadow: {1: 60, 2: 50}}}":                  "shadow has 110 %",
		"models: {m: {shadow: {1: .nan}}}":                       "shadow: 1 has NaN %",
	} {
		var c host.Config
		if err := yaml.UnmarshalWithOptions([]byte(text), &c, yaml.Strict()); err != nil {
			t.Fatal(text, err)
		}
		h, err := host.New(c)
		if err == nil {
			h.Close()
		}
		loadRefused(t, err, want)
	}
	h := start(t, host.Config{})
	for _, name := range []string{"", ".", "..", "a/b", "a b", "-a", "ä"} {
		loadRefused(t, h.Load(t.Context(), name, "1", golden(t, "digits")), "a model cannot be called")
	}
	for _, version := range []string{"", "0", "01", "-1", "1.0", "x", "1234567890123456789"} {
		loadRefused(t, h.Load(t.Context(), "m", version, golden(t, "digits")), "the version")
	}
	loadRefused(t, h.Load(t.Context(), "m", "1", filepath.Join(t.TempDir(), "none")), "there is no model at")
	if h.Ready() {
		t.Error("ready without its model")
	}
}

// What was measured of a version holds for one of the same net that takes its place, or comes beside it; one of another net is measured.
func TestReloadMeasured(t *testing.T) {
	h := start(t, host.Config{Cores: 1})
	perRow := func(version string) time.Duration {
		for _, v := range h.Models("")[0].Versions {
			if v.Version == version {
				return v.PerRow
			}
		}
		t.Fatalf("there is no version %s", version)
		return 0
	}
	load(t, h, "m", "1", mlp(t, t.TempDir(), 20, []int{16}, 1))
	const told = 123 * time.Hour
	host.Tune(host.Current(h, "m"), told)
	load(t, h, "m", "1", mlp(t, t.TempDir(), 20, []int{16}, 2))
	load(t, h, "m", "2", mlp(t, t.TempDir(), 20, []int{16}, 3))
	for _, version := range []string{"1", "2"} {
		if d := perRow(version); d != told {
			t.Errorf("version %s was measured, %v a row", version, d)
		}
	}
	load(t, h, "m", "2", mlp(t, t.TempDir(), 20, []int{8}, 3))
	load(t, h, "n", "1", mlp(t, t.TempDir(), 20, []int{16}, 4))
	if d := perRow("2"); d == told {
		t.Error("another net was not measured")
	}
	if d := h.Models("")[1].Versions[0].PerRow; d == told {
		t.Error("another model was not measured")
	}
}
