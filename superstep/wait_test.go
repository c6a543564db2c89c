package superstep_test

import (
	"runtime"
	"testing"

	"scalar/superstep"
)

// Ports ask on where each has a core and nobody else has to run for what they wait for.
func TestPatient(t *testing.T) {
	cores := runtime.GOMAXPROCS(0)
	for name, row := range map[string]struct {
		ranges []superstep.Range
		want   bool
	}{
		"one peer":          {[]superstep.Range{{0, 1}}, false},
		"two peers":         {[]superstep.Range{{0, 2}}, cores >= 2},
		"as many as cores":  {[]superstep.Range{{0, cores}}, cores >= 2},
		"more than cores":   {[]superstep.Range{{0, cores + 1}}, false},
		"two of four peers": {[]superstep.Range{{0, 2}, {2, 4}}, false},
	} {
		if got := superstep.Patient(superstep.Config{Ranges: row.ranges}); got != row.want {
			t.Errorf("%s on %d cores: %v", name, cores, got)
		}
	}
}
