package master

import (
	"context"
	"errors"
	"testing"

	"github.com/hashicorp/raft"
)

func TestBounded(t *testing.T) {
	for _, tt := range []struct {
		name  string
		sizes []int
		want  int
	}{
		{"none", nil, 0},
		{"small ones", []int{1, 2, 3}, 3},
		{"one that is too large alone", []int{appendBytes + 1, 1}, 1},
		{"as much as may be", []int{appendBytes / 2, appendBytes / 2, 0}, 3},
		{"a byte too much", []int{appendBytes / 2, appendBytes / 2, 1, 1}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var entries []*raft.Log
			for i, size := range tt.sizes {
				entries = append(entries, &raft.Log{Index: uint64(i + 1), Data: make([]byte, size)})
			}
			got := bounded(entries)
			if len(got) != tt.want {
				t.Fatalf("%d entries, want %d", len(got), tt.want)
			}
			for i, e := range got {
				if e.Index != uint64(i+1) {
					t.Errorf("entry %d has index %d", i, e.Index)
				}
			}
		})
	}
}

// TestHeartbeatsEnd: the end waits for a heartbeat that Raft is at, no longer than its
// context, and Raft gets none after it.
func TestHeartbeatsEnd(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	heartbeats := 0
	var tr transport
	handle := tr.untilEnd(func(rpc raft.RPC) {
		heartbeats++
		close(entered)
		<-leave
		rpc.Respond(nil, nil)
	})
	first, second := make(chan raft.RPCResponse, 1), make(chan raft.RPCResponse, 1)
	go handle(raft.RPC{RespChan: first})
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tr.endHeartbeats(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("the end beside a heartbeat under way: %v", err)
	}
	close(leave)
	if err := tr.endHeartbeats(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := <-first; r.Error != nil {
		t.Error(r.Error)
	}
	handle(raft.RPC{RespChan: second})
	if r := <-second; !errors.Is(r.Error, raft.ErrRaftShutdown) || heartbeats != 1 {
		t.Errorf("after the end: answer %v, %d heartbeats at Raft", r.Error, heartbeats)
	}
}
