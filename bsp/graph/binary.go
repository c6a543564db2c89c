package graph

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The binary form of a graph; docs/formats.md has it byte by byte.
const (
	binaryVersion   = 1
	binaryHeader    = 4096      // bytes
	binaryBlock     = 128 << 10 // bytes
	binaryPayload   = binaryBlock - 8
	binaryIDs       = binaryPayload / 8  // whole numbers in a block
	binaryEdges     = binaryPayload / 8  // edges in a block
	binaryWeighted  = binaryPayload / 16 // edges with weights in a block
	binaryMagicSize = 8
)

var (
	binaryMagic = []byte("\x89BSPGRA\n")
	castagnoli  = crc32.MakeTable(crc32.Castagnoli)
)

// Flags of a binary graph.
const (
	binaryNames   = 1 // ids are names
	binaryWeights = 2 // edges have weights
	binaryBoth    = 4 // edges stand for both ways, and both are listed
)

// layout is what the header of a binary graph says.
type layout struct {
	flags     uint32
	vertices  uint64
	edges     uint64
	idBlocks  uint64
	perEdges  uint64 // edges in a full block
	edgeBlock uint64 // blocks of edges
}

func (l *layout) has(flag uint32) bool { return l.flags&flag != 0 }

// isBinary reports whether b begins as a binary graph does.
func isBinary(b []byte) bool {
	return len(b) >= binaryMagicSize && string(b[:binaryMagicSize]) == string(binaryMagic)
}

// size returns the bytes of the whole file.
func (l *layout) size() uint64 { return binaryHeader + binaryBlock*(l.idBlocks+l.edgeBlock) }

// edgesAt returns where block i of edges begins.
func (l *layout) edgesAt(i uint64) uint64 { return binaryHeader + binaryBlock*(l.idBlocks+i) }

// derive fills the fields that follow from the others.
func (l *layout) derive() {
	l.perEdges = binaryEdges
	if l.has(binaryWeights) {
		l.perEdges = binaryWeighted
	}
	l.edgeBlock = (l.edges + l.perEdges - 1) / l.perEdges
	if !l.has(binaryNames) {
		l.idBlocks = (l.vertices + binaryIDs - 1) / binaryIDs
	}
}

// encode returns the header.
func (l *layout) encode() []byte {
	b := make([]byte, binaryHeader)
	copy(b, binaryMagic)
	binary.LittleEndian.PutUint32(b[8:], binaryVersion)
	binary.LittleEndian.PutUint32(b[12:], l.flags)
	binary.LittleEndian.PutUint64(b[16:], l.vertices)
	binary.LittleEndian.PutUint64(b[24:], l.edges)
	binary.LittleEndian.PutUint64(b[32:], l.idBlocks)
	binary.LittleEndian.PutUint32(b[binaryHeader-4:], crc32.Checksum(b[:binaryHeader-4], castagnoli))
	return b
}

var errBinary = errors.New("the binary graph is damaged or cut short: convert its text again")

// decodeLayout reads the header of a file of so many bytes.
func decodeLayout(b []byte, size uint64) (*layout, error) {
	switch {
	case len(b) < binaryHeader || !isBinary(b):
		return nil, fmt.Errorf("%w (%d bytes of header)", errBinary, len(b))
	case binary.LittleEndian.Uint32(b[8:]) != binaryVersion:
		return nil, fmt.Errorf("a binary graph of version %d; this bsp reads version %d: convert its text again", binary.LittleEndian.Uint32(b[8:]), binaryVersion)
	case binary.LittleEndian.Uint32(b[binaryHeader-4:]) != crc32.Checksum(b[:binaryHeader-4], castagnoli):
		return nil, fmt.Errorf("%w (checksum of the header)", errBinary)
	}
	l := &layout{
		flags:    binary.LittleEndian.Uint32(b[12:]),
		vertices: binary.LittleEndian.Uint64(b[16:]),
		edges:    binary.LittleEndian.Uint64(b[24:]),
		idBlocks: binary.LittleEndian.Uint64(b[32:]),
	}
	told := l.idBlocks
	// Bounds first, so that nothing below overflows.
	if l.flags > binaryNames|binaryWeights|binaryBoth || l.vertices > maxVertices || l.edges > maxEdges || told > l.vertices {
		return nil, fmt.Errorf("%w (flags %d, %d vertices, %d edges)", errBinary, l.flags, l.vertices, l.edges)
	}
	l.derive()
	if l.idBlocks != told || l.has(binaryNames) && l.vertices > told*(binaryPayload/2) || l.size() != size {
		return nil, fmt.Errorf("%w (%d bytes instead of %d)", errBinary, size, l.size())
	}
	return l, nil
}

// sealBlock puts the number of its items and the checksum before the payload of a
// block, which is all of it but the first 8 bytes.
func sealBlock(b []byte, items int) {
	binary.LittleEndian.PutUint32(b[4:], uint32(items))
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
}

// openBlock checks a block and returns the number of its items and its payload.
func openBlock(b []byte) (items uint64, payload []byte, err error) {
	if len(b) != binaryBlock || binary.LittleEndian.Uint32(b) != crc32.Checksum(b[4:], castagnoli) {
		return 0, nil, fmt.Errorf("%w (checksum of a block)", errBinary)
	}
	return uint64(binary.LittleEndian.Uint32(b[4:])), b[8:], nil
}
