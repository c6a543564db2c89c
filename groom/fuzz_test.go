package groom_test

import (
	"testing"

	"scalar/bsp/wire"
	"scalar/groom"
	"scalar/internal/pack"
)

// FuzzServe gives a groom what a master might send. Nothing is started: only what
// decodes and checks is under test.
func FuzzServe(f *testing.F) {
	key := wire.TaskKey{Job: "pr-1", Epoch: 1}
	for method, m := range map[uint16]any{
		wire.MethodOrders:  wire.Orders{Term: 1, Seq: 1, Tasks: []wire.TaskOrder{play(key, "done")}, Storage: []wire.StorageOrder{{Job: "pr-1"}}},
		wire.MethodProbe:   wire.Probe{Inputs: []string{"file:///nothing"}},
		wire.MethodLog:     wire.LogRequest{Key: key, Max: 10},
		wire.MethodArchive: wire.Archive{Cluster: "c"},
		wire.MethodSweep:   wire.Sweep{Cluster: "c"},
	} {
		b, err := pack.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(method, b)
	}
	serve := groom.Serve(f.TempDir())
	f.Fuzz(func(t *testing.T, method uint16, body []byte) {
		if answer, err := serve(t.Context(), method, body); err == nil && answer != nil {
			if err := pack.Scan(answer); err != nil {
				t.Errorf("answer of method %d: %v", method, err)
			}
		}
	})
}

// FuzzTaskName reads names of folders that anybody may have made.
func FuzzTaskName(f *testing.F) {
	f.Add("pagerank-17-2-0")
	f.Add("--")
	f.Add("../x-1-1")
	f.Fuzz(func(t *testing.T, name string) {
		if !groom.TaskNameRoundTrip(name) {
			t.Errorf("%q is read as another task's", name)
		}
	})
}
