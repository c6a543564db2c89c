package superstep_test

import (
	"net"
	"runtime"
	"testing"

	"scalar/superstep"
)

// waker is a connection that can be asked.
type waker struct{ net.Conn }

func (waker) Wake() bool { return false }

// Ports ask on where each has a core and whatever they wait for can be asked for.
func TestPatient(t *testing.T) {
	cores := runtime.GOMAXPROCS(0)
	type r = []superstep.Range
	for name, row := range map[string]struct {
		ranges r
		conns  []net.Conn // to other tasks
		want   bool
	}{
		"one peer":                  {r{{0, 1}}, nil, false},
		"two peers":                 {r{{0, 2}}, nil, cores >= 2},
		"as many as cores":          {r{{0, cores}}, nil, cores >= 2},
		"more than cores":           {r{{0, cores + 1}}, nil, false},
		"one of two over a socket":  {r{{0, 1}, {1, 2}}, []net.Conn{nil, &net.UnixConn{}}, false},
		"one of two over memory":    {r{{0, 1}, {1, 2}}, []net.Conn{nil, waker{}}, true},
		"more than cores in memory": {r{{0, cores + 1}, {cores + 1, cores + 2}}, []net.Conn{nil, waker{}}, false},
		"one over each":             {r{{0, 1}, {1, 2}, {2, 3}}, []net.Conn{nil, waker{}, &net.TCPConn{}}, false},
	} {
		if got := superstep.Patient(superstep.Config{Ranges: row.ranges, Conns: row.conns}); got != row.want {
			t.Errorf("%s on %d cores: %v", name, cores, got)
		}
	}
}

// Asking that ends no wait is tried more and more seldom, and as often as ever once it has ended one.
func TestTemper(t *testing.T) {
	var temper superstep.Temper
	for _, row := range []struct{ skipped, times int }{{0, 1}, {1, 1}, {3, 1}, {7, 1}, {15, 1}, {31, 1}, {63, 3}} {
		for range row.times {
			if !temper.Patient() {
				t.Fatalf("not patient before %d waits are left out", row.skipped)
			}
			temper.Learn(false)
			for i := range row.skipped {
				if temper.Patient() {
					t.Fatalf("patient after %d waits, want %d", i, row.skipped)
				}
			}
		}
	}
	temper.Learn(true)
	for range 10 {
		if !temper.Patient() {
			t.Fatal("not patient after asking has ended a wait")
		}
		temper.Learn(true)
	}
	temper.Learn(false)
	if !temper.Patient() {
		t.Error("not patient after one failure")
	}
}
