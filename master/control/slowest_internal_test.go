package control

import (
	"slices"
	"testing"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
)

func TestSlowestPeers(t *testing.T) {
	j := &fsm.Job{Tasks: []fsm.Assignment{
		{Peers: job.Range{Lo: 0, Hi: 3}, Groom: "a"}, {Peers: job.Range{Lo: 3, Hi: 4}, Groom: "b"}, {Peers: job.Range{Lo: 4, Hi: 104}, Groom: "c"},
	}}
	report := func(task, peer int, spread ...int64) *wire.TaskStatus {
		some := wire.PhaseTimes{Peer: peer, Longest: spread[len(spread)-1], Spread: spread}
		none := wire.PhaseTimes{Peer: j.Tasks[task].Peers.Lo}
		return &wire.TaskStatus{Key: wire.TaskKey{Task: task}, Times: &wire.Times{Load: none, Compute: some, Write: none}}
	}
	for _, c := range []struct {
		name  string
		tasks []*wire.TaskStatus
		want  []job.Slow
	}{
		{"nothing is reported", []*wire.TaskStatus{{}, {Key: wire.TaskKey{Task: 1}}}, nil},
		{"nobody has spent time", []*wire.TaskStatus{report(0, 0, 0, 0, 0)}, nil},
		{"the middle of an odd number", []*wire.TaskStatus{report(0, 2, 1e6, 3e6, 9e6)}, []job.Slow{{Phase: "compute", Peer: 2, Groom: "a", Seconds: 9, Median: 3}}},
		{"of an even one", []*wire.TaskStatus{report(1, 3, 4e6), report(0, 2, 1e6, 3e6, 3.5e6)}, []job.Slow{{Phase: "compute", Peer: 3, Task: 1, Groom: "b", Seconds: 4, Median: 3.25}}},
		{"a spread stands for many", []*wire.TaskStatus{report(0, 1, 1, 1, 7e6), report(2, 50, 2e6, 5e6)}, []job.Slow{{Phase: "compute", Peer: 1, Groom: "a", Seconds: 7, Median: 2e6 / 1e6}}},
		{"what cannot be is left out", []*wire.TaskStatus{report(1, 3, 4e6), report(0, 3, 1, 1, 9e6), report(0, 0, 1, 1, 1, 9e6), {Key: wire.TaskKey{Task: 7}, Times: &wire.Times{}}}, []job.Slow{{Phase: "compute", Peer: 3, Task: 1, Groom: "b", Seconds: 4, Median: 4}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := slowestPeers(j, c.tasks); !slices.Equal(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}
