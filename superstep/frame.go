package superstep

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Sizes of the wire format; docs/formats.md has it byte by byte.
const (
	headerSize = 48
	version    = 2
	maxPayload = 1 << 20 // bytes of payload in one frame
	maxLanes   = 255     // lanes that one peer can open
)

// Limits on what several frames make together. Memory grows with what arrives,
// never with what a header claims.
const (
	MaxMessage    = 1 << 30  // bytes of one encoded message
	MaxCollective = 64 << 30 // bytes from one peer to another in one collective round
	MaxValues     = 64 << 10 // bytes of Vote.Values
)

type frameType uint8

const (
	frameHello      frameType = iota + 1
	frameData                 // free messages of one Box
	frameColumns              // keyed values of one Lane
	frameMark                 // one task's end of a superstep on a link
	frameCollective           // a peer's part of a collective round
	frameClear                // what a peer sent on a lane in this superstep is dropped
	frameLeave                // a peer has left
	frameGoodbye              // the last frame of a link
	frameAbort                // the group ends with an error
	frameBallot               // what a task and those below it in the tree said at a barrier
	frameVerdict              // what all said
)

var frameNames = [...]string{
	frameHello: "hello", frameData: "data", frameColumns: "columns", frameMark: "mark", frameCollective: "collective",
	frameClear: "clear", frameLeave: "leave", frameGoodbye: "goodbye", frameAbort: "abort",
	frameBallot: "ballot", frameVerdict: "verdict",
}

func (t frameType) String() string {
	if t.known() {
		return frameNames[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

func (t frameType) known() bool { return t >= frameHello && t <= frameVerdict }

// ends says whether a frame is part of a barrier; these are never packed.
func (t frameType) ends() bool { return t == frameMark || t == frameBallot || t == frameVerdict }

// Flags of a frame.
const (
	flagMore  = 1 << 0 // the next frame of the link continues this one's payload
	flagDense = 1 << 1 // columns: values of consecutive slots, no ids
	flagNil   = 1 << 2 // collective: the peer gave nil
	flagS2    = 1 << 3 // the payload is packed: u32 its own length, then an s2 block
	flagZstd  = 1 << 4 // the same with a zstd frame
	flagsAll  = flagMore | flagDense | flagNil | flagS2 | flagZstd
)

// Kinds of a data frame's payload; a columns frame has the kind of its values.
const (
	kindFixed  = 1 // count messages of equal width
	kindVaried = 2 // every message behind its length as uvarint
)

// magic is "BSP" and the version.
const magic = uint32('B') | uint32('S')<<8 | uint32('P')<<16 | version<<24

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// header is the front of every frame. Source and dest are peers; in hello, mark,
// clear's dest, goodbye, abort, ballot and verdict they are tasks.
type header struct {
	typ       frameType
	lane      uint8
	flags     uint8
	kind      uint8
	job       uint64
	epoch     uint32
	superstep uint32 // a collective frame: its round
	source    uint32
	dest      uint32
	count     uint32
	length    uint32 // bytes of payload
	sum       uint32 // CRC-32C of the payload
}

// put writes the header with its own checksum into b[:headerSize].
func (h *header) put(b []byte) {
	b = b[:headerSize]
	le := binary.LittleEndian
	le.PutUint32(b, magic)
	b[4], b[5], b[6], b[7] = byte(h.typ), h.lane, h.flags, h.kind
	le.PutUint64(b[8:], h.job)
	le.PutUint32(b[16:], h.epoch)
	le.PutUint32(b[20:], h.superstep)
	le.PutUint32(b[24:], h.source)
	le.PutUint32(b[28:], h.dest)
	le.PutUint32(b[32:], h.count)
	le.PutUint32(b[36:], h.length)
	le.PutUint32(b[40:], h.sum)
	le.PutUint32(b[44:], checksum(b[:44]))
}

// parseHeader reads and checks what can be checked without knowing the group. The
// header has a checksum of its own, so that a damaged length is never waited for.
func parseHeader(b []byte) (header, error) {
	b = b[:headerSize]
	le := binary.LittleEndian
	if m := le.Uint32(b); m != magic {
		if m&0xffffff == magic&0xffffff {
			return header{}, fmt.Errorf("%w: version %d, this is %d: run one version of bsp everywhere", ErrFrame, b[3], version)
		}
		return header{}, fmt.Errorf("%w: no superstep frame (%q)", ErrFrame, b[:4])
	}
	if got, want := le.Uint32(b[44:]), checksum(b[:44]); got != want {
		return header{}, fmt.Errorf("%w: header checksum %08x, computed %08x", ErrFrame, got, want)
	}
	h := header{
		typ: frameType(b[4]), lane: b[5], flags: b[6], kind: b[7], job: le.Uint64(b[8:]), epoch: le.Uint32(b[16:]),
		superstep: le.Uint32(b[20:]), source: le.Uint32(b[24:]), dest: le.Uint32(b[28:]), count: le.Uint32(b[32:]),
		length: le.Uint32(b[36:]), sum: le.Uint32(b[40:]),
	}
	switch {
	case !h.typ.known() || h.flags&^flagsAll != 0 || h.lane >= maxLanes:
		return header{}, fmt.Errorf("%w: %v, lane %d, flags %#x", ErrFrame, h.typ, h.lane, h.flags)
	case h.flags&(flagS2|flagZstd) == flagS2|flagZstd:
		return header{}, fmt.Errorf("%w: %v packed twice", ErrFrame, h.typ)
	case h.length > maxPayload:
		return header{}, fmt.Errorf("%w: %v of %d bytes, at most %d", ErrFrame, h.typ, h.length, maxPayload)
	}
	return h, nil
}
