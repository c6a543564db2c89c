package master

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"
)

// transport is Raft's network between masters, with bounded messages and an end: after
// endHeartbeats nothing that arrives reaches Raft.
type transport struct {
	*raft.NetworkTransport
	heartbeats sync.RWMutex // read: one is at Raft
	ended      bool
}

// SetHeartbeatHandler implements raft.Transport.
func (t *transport) SetHeartbeatHandler(handle func(raft.RPC)) {
	t.NetworkTransport.SetHeartbeatHandler(t.untilEnd(handle))
}

func (t *transport) untilEnd(handle func(raft.RPC)) func(raft.RPC) {
	return func(rpc raft.RPC) {
		t.heartbeats.RLock()
		defer t.heartbeats.RUnlock()
		if t.ended {
			rpc.Respond(nil, raft.ErrRaftShutdown)
			return
		}
		handle(rpc)
	}
}

// endHeartbeats waits for the heartbeats that are at Raft and lets no more through. Raft
// takes them on their connections' goroutines, for which its shutdown does not wait, and
// panics if it cannot write the term of one: it must come before the log is closed.
func (t *transport) endHeartbeats(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		t.heartbeats.Lock()
		defer t.heartbeats.Unlock()
		t.ended = true
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a heartbeat under way: %w", ctx.Err())
	}
}

// AppendEntries implements raft.Transport. It sends at most appendBytes of entries in a
// message, or one entry: Raft counts entries only, and a message of 64 large ones would
// never be through within transportTimeout. What is cut off follows in the next message,
// since Raft goes on after the last entry that the message has.
func (t *transport) AppendEntries(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	args.Entries = bounded(args.Entries)
	return t.NetworkTransport.AppendEntries(id, to, args, resp)
}

// bounded returns the first entries that have appendBytes together, one at least.
func bounded(entries []*raft.Log) []*raft.Log {
	size := 0
	for i, e := range entries {
		if size += len(e.Data); size > appendBytes && i > 0 {
			return entries[:i]
		}
	}
	return entries
}
