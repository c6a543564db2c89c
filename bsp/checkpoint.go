package bsp

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"

	"scalar/bsp/wire"
	"scalar/storage"
)

// checkpoint is one peer at one barrier. docs/formats.md has its bytes.
type checkpoint struct {
	job       uint64 // hash of the job's id
	peer      int
	peers     int
	superstep int
	left      bool // the program had returned
	ended     int  // in this superstep
	halted    bool // of the barrier
	hasState  bool
	hasInput  bool // of the job
	opened    bool // the peer had opened it
	hasOutput bool // something was written

	state    []byte
	inbox    *io.SectionReader // of the file
	input    inputID
	position inputPosition
	output   wire.Part
	counters map[string]int64
	values   [][]byte // of the barrier, by peer
}

// inputPosition is where a peer's next record starts.
type inputPosition struct {
	storage.Position
	Record int64 // with PartitionInput: records taken
}

// inputID tells one input from another, as storage.Split has it. Times count on the
// host that they were seen on: copies on several machines have other ones.
type inputID struct {
	size                 int64
	listing, times, host uint64
}

// changed says what is different from what there was at a superstep; empty: nothing.
func (id inputID) changed(now inputID, since int) string {
	switch {
	case id.size != now.size:
		return fmt.Sprintf("it had %d bytes at superstep %d and has %d", id.size, since, now.size)
	case id.listing != now.listing, id.host == now.host && id.times != now.times:
		return fmt.Sprintf("a file in it was written or replaced after superstep %d", since)
	}
	return ""
}

// Limits of a checkpoint.
const (
	checkpointMagic   = "BSPCKPT\x02" // the last byte is the version
	maxCheckpoint     = 1 << 36       // bytes of one file
	maxCounters       = 1 << 16
	maxName           = 4 << 10 // bytes of a counter's name or a path
	checkpointFlagEnd = 1 << 6
)

const (
	ckptLeft = 1 << iota
	ckptHalted
	ckptState
	ckptInput
	ckptOutput
	ckptOpened
)

var (
	errCheckpoint = errors.New("damaged checkpoint")
	castagnoli    = crc32.MakeTable(crc32.Castagnoli)
)

// begin appends the header; then follow state, inbox, and the rest by finish. So
// that the two large sections are encoded in place.
func (k *checkpoint) begin(dst []byte) []byte {
	dst = append(dst, checkpointMagic...)
	dst = binary.LittleEndian.AppendUint64(dst, k.job)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(k.peer))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(k.peers))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(k.superstep))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(k.ended))
	flags := uint32(0)
	for i, on := range []bool{k.left, k.halted, k.hasState, k.hasInput, k.hasOutput, k.opened} {
		if on {
			flags |= 1 << i
		}
	}
	return binary.LittleEndian.AppendUint32(dst, flags)
}

// section appends a u64 length and what add appends.
func section(dst []byte, add func([]byte) ([]byte, error)) ([]byte, error) {
	at := len(dst)
	dst, err := add(binary.LittleEndian.AppendUint64(dst, 0))
	if err != nil {
		return dst, err
	}
	binary.LittleEndian.PutUint64(dst[at:], uint64(len(dst)-at-8))
	return dst, nil
}

// finish appends what follows the inbox, and the checksum of all. sum is that of what
// is not in dst.
func (k *checkpoint) finish(dst []byte, sum uint32) []byte {
	if k.hasInput {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(k.input.size))
		for _, n := range []uint64{k.input.listing, k.input.times, k.input.host} {
			dst = binary.LittleEndian.AppendUint64(dst, n)
		}
	}
	if k.opened {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(k.position.File))
		dst = binary.LittleEndian.AppendUint64(dst, uint64(k.position.Offset))
		dst = binary.LittleEndian.AppendUint64(dst, uint64(k.position.Record))
	}
	if k.hasOutput {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(k.output.Size))
		dst = binary.LittleEndian.AppendUint32(dst, k.output.CRC)
		dst = appendBytes(dst, k.output.Path)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(k.counters)))
	for _, name := range slices.Sorted(maps.Keys(k.counters)) {
		dst = appendBytes(dst, name)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(k.counters[name]))
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(k.values)))
	for _, v := range k.values {
		dst = appendBytes(dst, v)
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Update(sum, castagnoli, dst))
}

func appendBytes[T ~string | ~[]byte](dst []byte, b T) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(b)))
	return append(dst, b...)
}

// decodeCheckpoint checks everything in a file of so many bytes. Of it only the inbox
// is not read but shown. Errors wrap errCheckpoint, but for those of r.
func decodeCheckpoint(r io.ReaderAt, size int64) (*checkpoint, error) {
	c := newCursor(r, 0, size-4)
	if string(c.take(len(checkpointMagic))) != checkpointMagic {
		return nil, cmp.Or(c.err, fmt.Errorf("%w: no checkpoint of version %d", errCheckpoint, checkpointMagic[len(checkpointMagic)-1]))
	}
	if err := checkSum(r, size-4); err != nil {
		return nil, err
	}
	k := &checkpoint{job: c.u64(), peer: c.count(1 << 31), peers: c.count(1 << 31), superstep: c.size(), ended: c.size()}
	flags := c.u32()
	k.left, k.halted, k.hasState = flags&ckptLeft != 0, flags&ckptHalted != 0, flags&ckptState != 0
	k.hasInput, k.hasOutput, k.opened = flags&ckptInput != 0, flags&ckptOutput != 0, flags&ckptOpened != 0
	k.state = c.take(c.size())
	k.inbox = c.section(c.size())
	if k.hasInput {
		k.input = inputID{int64(c.size()), c.u64(), c.u64(), c.u64()}
	}
	if k.opened {
		k.position = inputPosition{storage.Position{File: c.count(1 << 31), Offset: int64(c.size())}, int64(c.size())}
	}
	if k.hasOutput {
		k.output = wire.Part{Peer: k.peer, Size: int64(c.size()), CRC: c.u32(), Path: string(c.take(c.count(maxName)))}
	}
	k.decodeTables(c)
	switch {
	case c.err != nil:
		return nil, c.err
	case c.bad:
		return nil, fmt.Errorf("%w: it ends too early or has a number out of range", errCheckpoint)
	case c.left > 0 || flags >= checkpointFlagEnd || k.peer >= k.peers || k.ended > k.superstep:
		return nil, fmt.Errorf("%w: its parts do not fit together", errCheckpoint)
	}
	return k, nil
}

// checkSum compares the checksum of the first n bytes with what follows them.
func checkSum(r io.ReaderAt, n int64) error {
	sum := crc32.New(castagnoli)
	if _, err := io.Copy(sum, io.NewSectionReader(r, 0, n)); err != nil {
		return err
	}
	c := newCursor(r, n, 4)
	if want := c.u32(); c.bad || want != sum.Sum32() {
		return cmp.Or(c.err, fmt.Errorf("%w: its checksum is wrong", errCheckpoint))
	}
	return nil
}

func (k *checkpoint) decodeTables(r *cursor) {
	counters := r.count(maxCounters)
	k.counters = make(map[string]int64)
	for range counters {
		name := string(r.take(r.count(maxName)))
		k.counters[name] = int64(r.u64())
		if r.bad {
			return
		}
	}
	values := r.count(int(r.left / 4)) // each has a length at least
	if r.bad || values != 0 && values != k.peers {
		r.bad = true
		return
	}
	k.values = make([][]byte, values)
	for i := range k.values {
		k.values[i] = r.take(r.count(MaxValues))
	}
}
