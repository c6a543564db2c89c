package bsp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
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
	inbox    []byte
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
	checkpointHead    = len(checkpointMagic) + 8 + 4 + 4 + 8 + 8 + 4
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

// finish appends what follows the inbox, and the checksum of all from start.
func (k *checkpoint) finish(dst []byte, start int) []byte {
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
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

func appendBytes[T ~string | ~[]byte](dst []byte, b T) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(b)))
	return append(dst, b...)
}

// decodeCheckpoint checks everything and returns views of b. Errors wrap
// errCheckpoint.
func decodeCheckpoint(b []byte) (*checkpoint, error) {
	if len(b) < checkpointHead+4 || string(b[:len(checkpointMagic)]) != checkpointMagic {
		return nil, fmt.Errorf("%w: no checkpoint of version %d", errCheckpoint, checkpointMagic[len(checkpointMagic)-1])
	}
	end := len(b) - 4
	if crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return nil, fmt.Errorf("%w: its checksum is wrong", errCheckpoint)
	}
	r := &cursor{b: b[len(checkpointMagic):end]}
	k := &checkpoint{job: r.u64(), peer: r.count(1 << 31), peers: r.count(1 << 31), superstep: r.size(), ended: r.size()}
	flags := r.u32()
	k.left, k.halted, k.hasState = flags&ckptLeft != 0, flags&ckptHalted != 0, flags&ckptState != 0
	k.hasInput, k.hasOutput, k.opened = flags&ckptInput != 0, flags&ckptOutput != 0, flags&ckptOpened != 0
	k.state = r.take(r.size())
	k.inbox = r.take(r.size())
	if k.hasInput {
		k.input = inputID{int64(r.size()), r.u64(), r.u64(), r.u64()}
	}
	if k.opened {
		k.position = inputPosition{storage.Position{File: r.count(1 << 31), Offset: int64(r.size())}, int64(r.size())}
	}
	if k.hasOutput {
		k.output = wire.Part{Peer: k.peer, Size: int64(r.size()), CRC: r.u32(), Path: string(r.take(r.count(maxName)))}
	}
	k.decodeTables(r)
	switch {
	case r.bad:
		return nil, fmt.Errorf("%w: it ends too early or has a number out of range", errCheckpoint)
	case len(r.b) > 0 || flags >= checkpointFlagEnd || k.peer >= k.peers || k.ended > k.superstep:
		return nil, fmt.Errorf("%w: its parts do not fit together", errCheckpoint)
	}
	return k, nil
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
	values := r.count(len(r.b) / 4) // each has a length at least
	if r.bad || values != 0 && values != k.peers {
		r.bad = true
		return
	}
	k.values = make([][]byte, values)
	for i := range k.values {
		k.values[i] = r.take(r.count(MaxValues))
	}
}

// cursor reads numbers and bytes; bad is set at the first that is not there.
type cursor struct {
	b   []byte
	bad bool
}

func (r *cursor) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *cursor) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *cursor) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// count reads a u32 of at most limit.
func (r *cursor) count(limit int) int {
	n := int(r.u32())
	if n > limit {
		r.bad = true
		return 0
	}
	return n
}

// size reads a u64 that is a size, offset or superstep.
func (r *cursor) size() int {
	n := r.u64()
	if n > 1<<62 {
		r.bad = true
		return 0
	}
	return int(n)
}
