package master

import "github.com/hashicorp/raft"

// boundedTransport sends at most appendBytes of entries in a message to another
// master, or one entry: Raft counts entries only, and a message of 64 large
// ones would never be through within transportTimeout. What is cut off follows in the
// next message, since Raft goes on after the last entry that the message has.
type boundedTransport struct{ *raft.NetworkTransport }

// AppendEntries implements raft.Transport.
func (t boundedTransport) AppendEntries(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
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
