package host_test

import (
	"math"
	"strings"
	"sync"
	"testing"

	"scalar/serving/host"
)

// split returns which versions of m answer a thousand requests that name none.
func split(t *testing.T, h *host.Host) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range 1000 {
		l := acquire(t, h, "m", "", "")
		got[l.Version.Version()]++
		l.Release()
	}
	return got
}

// Traffic, labels and namespaces change while versions are held; what is wrong changes nothing.
func TestRouting(t *testing.T) {
	h := three(t, host.ModelConfig{Labels: map[string]string{"stable": "1"}, Traffic: map[string]float64{"stable": 100}, Namespaces: []string{"a"}})
	held := acquire(t, h, "m", "", "")
	if got := split(t, h); got["1"] != 1000 {
		t.Fatal(got)
	}
	canary := host.ModelConfig{Labels: map[string]string{"canary": "10"}, Traffic: map[string]float64{"1": 75, "canary": 25}, Shadow: map[string]float64{"2": 50}}
	if err := h.Route("m", canary); err != nil {
		t.Fatal(err)
	}
	if got := split(t, h); math.Abs(float64(got["10"]-250)) > 3 || got["1"]+got["10"] != 1000 {
		t.Error(got)
	}
	if held.Version.Version() != "1" {
		t.Error("a version that was held is another one")
	}
	held.Release()
	if _, err := h.Acquire("b", []byte("m"), nil, nil); err == nil {
		t.Error("a route has given the model to another namespace")
	}
	_, err := h.Acquire("a", []byte("m"), nil, []byte("stable"))
	refused(t, err, 404, "no label")
	for _, c := range []struct {
		c    host.ModelConfig
		text string
	}{
		{host.ModelConfig{Traffic: map[string]float64{"1": 90}}, "traffic has 90 % in all: want 100"},
		{host.ModelConfig{Traffic: map[string]float64{"stable": 100}}, `"stable" is neither a version nor one of the labels`},
		{host.ModelConfig{Traffic: map[string]float64{"1": 101, "2": -1}}, "want 0 to 100"},
		{host.ModelConfig{Labels: map[string]string{"1x": "1"}}, "the label"},
		{host.ModelConfig{Labels: map[string]string{"x": "0"}}, "label x: the version"},
		{host.ModelConfig{Shadow: map[string]float64{"1": 60, "2": 60}}, "shadow has 120 %"},
	} {
		refused(t, h.Route("m", c.c), 400, c.text)
		if err := h.SetModels(map[string]host.ModelConfig{"m": c.c, "fine": {}}); err == nil || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %s", err, c.text)
		}
	}
	if err := h.SetModels(map[string]host.ModelConfig{"a b": {}}); err == nil {
		t.Error("a name that is none was taken")
	}
	if got := split(t, h); math.Abs(float64(got["10"]-250)) > 3 {
		t.Error(got)
	}
	if err := h.SetModels(map[string]host.ModelConfig{"m": {Namespaces: []string{"a", "b"}}}); err != nil {
		t.Fatal(err)
	}
	if got := split(t, h); got["10"] != 1000 {
		t.Error(got)
	}
	l, err := h.Acquire("b", []byte("m"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
	if err := h.SetModels(nil); err != nil {
		t.Fatal(err)
	}
	refused(t, h.Route("n", canary), 404, "n")
}

// Routes change while requests come.
func TestRoutingHammer(t *testing.T) {
	h := three(t, host.ModelConfig{})
	var work sync.WaitGroup
	for i := range 4 {
		work.Go(func() {
			for n := range 500 {
				l, err := h.Acquire("a", []byte("m"), nil, nil)
				if err != nil {
					t.Error(err)
					return
				}
				l.Release()
				if i == 0 {
					p := float64(n % 101)
					if err := h.Route("m", host.ModelConfig{Traffic: map[string]float64{"1": p, "2": 100 - p}}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	work.Wait()
}
