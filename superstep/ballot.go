package superstep

import (
	"encoding/binary"
	"fmt"
)

// ballot is what a task and those below it in the tree have said at a barrier; as a
// verdict, what all have.
type ballot struct {
	sums
	await  []uint32     // by task: how many marks for it are under way
	values []peerValues // ascending by peer; of tasks whose values are on marks, none
}

// peerValues are the values of one peer.
type peerValues struct {
	peer  int
	bytes []byte // not empty
}

// appendBallot encodes a ballot but for its values: u32 control, u8 busy, uvarint
// sent, for each task uvarint marks to await, uvarint number of values, which follow.
func appendBallot(dst []byte, s sums, await []uint32, values int) []byte {
	dst = s.append(dst)
	for _, n := range await {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	return binary.AppendUvarint(dst, uint64(values))
}

// appendValues appends a peer's values: uvarint peer, uvarint length, bytes.
func appendValues(dst []byte, v peerValues) []byte {
	dst = binary.AppendUvarint(dst, uint64(v.peer))
	dst = binary.AppendUvarint(dst, uint64(len(v.bytes)))
	return append(dst, v.bytes...)
}

// ballotLimit is the most bytes a ballot of so many tasks and peers can have.
func ballotLimit(tasks, all, peers int) int {
	return 16 + (all+1+2*peers)*binary.MaxVarintLen64 + tasks*treeValues
}

// parse decodes a ballot of the tasks below, or a verdict, of peers only. The values
// are views of b.
func (v *ballot) parse(b []byte, tasks int, peers Range) (err error) {
	if b, err = v.sums.parse(b); err != nil {
		return err
	}
	var n uint64
	for i := range v.await {
		if n, b, err = uvarint(b); err != nil {
			return err
		}
		if n > uint64(tasks) {
			return fmt.Errorf("%w: %d tasks announce %d marks for task %d", ErrFrame, tasks, n, i)
		}
		v.await[i] = uint32(n)
		v.links += n
	}
	if n, b, err = uvarint(b); err != nil {
		return err
	}
	if n > uint64(peers.len()) {
		return fmt.Errorf("%w: values of %d peers, there are %d", ErrFrame, n, peers.len())
	}
	v.values = v.values[:0]
	for next := peers.Lo; n > 0; n-- {
		var peer, size uint64
		if peer, b, err = uvarint(b); err != nil {
			return err
		}
		if size, b, err = uvarint(b); err != nil {
			return err
		}
		if peer < uint64(next) || peer >= uint64(peers.Hi) || size == 0 || size > MaxValues || size > uint64(len(b)) {
			return fmt.Errorf("%w: %d bytes of values of peer %d, in a ballot of [%d,%d)", ErrFrame, size, peer, next, peers.Hi)
		}
		v.values = append(v.values, peerValues{int(peer), b[:size:size]})
		b, next = b[size:], int(peer)+1
	}
	if len(b) > 0 {
		return fmt.Errorf("%w: %d bytes after the ballot", ErrFrame, len(b))
	}
	return nil
}
