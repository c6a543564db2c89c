package bsp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"scalar/storage"
)

// divided is the input after PartitionInput: records of this peer by the peer that
// read them, in its order.
type divided struct {
	from  [][]byte // by reader: u32 length, bytes, …; checked
	taken int64
	peer  int // where next reads
	at    int
}

func (d *divided) rewind() { d.taken, d.peer, d.at = 0, 0, 0 }

func (d *divided) next() ([]byte, bool) {
	for ; d.peer < len(d.from); d.peer, d.at = d.peer+1, 0 {
		if record, rest, ok := cutRecord(d.from[d.peer][d.at:]); ok {
			d.at = len(d.from[d.peer]) - len(rest)
			d.taken++
			return record, true
		}
	}
	return nil, false
}

// seek goes to the record with a number, for a restart.
func (d *divided) seek(record int64) error {
	d.rewind()
	for d.taken < record {
		if _, ok := d.next(); !ok {
			return fmt.Errorf("the input has %d records for this peer, the checkpoint is at %d: the input has changed", d.taken, record)
		}
	}
	return nil
}

// divideBlock is how many bytes a peer reads between two exchanges of
// PartitionInput: large enough for the links, small beside the records kept.
const divideBlock = 8 << 20

// partitionInput reads the split and gives every record to the peer that f names.
func (c *core) partitionInput(ctx context.Context, f func([]byte, int) int) error {
	r, err := storage.OpenRecords(ctx, *c.split)
	if err != nil {
		return inputFailure(err)
	}
	d := &divided{from: make([][]byte, c.t.n)}
	for more := true; more && err == nil; {
		more, err = c.divideOnce(ctx, r, f, d)
	}
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	c.divided = d
	if c.begun != nil && c.begun.opened {
		return d.seek(c.begun.position.Record)
	}
	return nil
}

// divideOnce exchanges one block of each peer; more is false after the last.
func (c *core) divideOnce(ctx context.Context, r *storage.Records, f func([]byte, int) int, d *divided) (more bool, err error) {
	out, err := c.divideBlock(r, f)
	if err != nil {
		return false, err
	}
	in, err := c.allToAll(ctx, out)
	if err != nil {
		return false, err
	}
	for peer, b := range in {
		records, follow, err := readBlock(b)
		if err != nil {
			return false, fmt.Errorf("from peer %d: %w", peer, err)
		}
		more = more || follow
		d.from[peer] = append(d.from[peer], records...)
	}
	return more, nil
}

// divideBlock sorts the next records by peer.
func (c *core) divideBlock(r *storage.Records, f func([]byte, int) int) ([][]byte, error) {
	out := make([][]byte, c.t.n)
	for i := range out {
		out[i] = []byte{lastBlock}
	}
	for size := 0; size < divideBlock; {
		line, ok, err := r.Next()
		if err != nil {
			return nil, inputFailure(err)
		}
		if !ok {
			return out, nil
		}
		to := f(line, c.t.n)
		if to < 0 || to >= c.t.n {
			return nil, fmt.Errorf("PartitionInput: peer %d for the record at %s: there are peers 0 to %d", to, r.Where(), c.t.n-1)
		}
		out[to] = appendRecord(out[to], line)
		size += len(line) + 4
	}
	for i := range out {
		out[i][0] = moreBlocks
	}
	return out, nil
}

// The first byte of a block; then for each record u32 length and bytes.
const (
	lastBlock  = 0
	moreBlocks = 1
)

var errBlock = errors.New("PartitionInput: a malformed block of records")

// readBlock returns the records of a block, all of them whole, as they are in it.
func readBlock(b []byte) (records []byte, more bool, err error) {
	if len(b) == 0 || b[0] > moreBlocks {
		return nil, false, errBlock
	}
	rest := b[1:]
	for ok := true; ok; {
		_, rest, ok = cutRecord(rest)
	}
	if len(rest) > 0 {
		return nil, false, errBlock
	}
	return b[1:], b[0] == moreBlocks, nil
}

func appendRecord(dst, record []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(record)))
	return append(dst, record...)
}

// cutRecord cuts the first record off src; ok is false if there is no whole one.
func cutRecord(src []byte) (record, rest []byte, ok bool) {
	if len(src) < 4 {
		return nil, src, false
	}
	n := uint64(binary.LittleEndian.Uint32(src))
	if n > uint64(len(src)-4) {
		return nil, src, false
	}
	return src[4 : 4+n : 4+n], src[4+n:], true
}
