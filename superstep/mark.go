package superstep

import (
	"encoding/binary"
	"fmt"
)

// mark is one task's end of a superstep, without the counts per pair of peers,
// which differ by destination task and follow it.
type mark struct {
	busy    bool // a local peer has neither voted Halt nor left
	control Control
	sent    uint64   // messages of all local peers to all peers
	values  [][]byte // by local peer
}

// append encodes the mark: u32 control, u8 busy, uvarint sent, then for each peer of
// the task uvarint length and values.
func (m *mark) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(m.control))
	busy := byte(0)
	if m.busy {
		busy = 1
	}
	dst = append(dst, busy)
	dst = binary.AppendUvarint(dst, m.sent)
	for _, v := range m.values {
		dst = binary.AppendUvarint(dst, uint64(len(v)))
		dst = append(dst, v...)
	}
	return dst
}

// appendCounts appends one source's row of the counts: a uvarint for each peer of
// the destination task.
func appendCounts(dst []byte, counts []uint64) []byte {
	for _, n := range counts {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

// markLimit is the most bytes a mark with its counts can have.
func markLimit(sources, dests int) int {
	return 16 + sources*(MaxValues+binary.MaxVarintLen64) + sources*dests*binary.MaxVarintLen64
}

// parseMark decodes a mark of len(values) peers and compares its counts with what
// arrived, source by source. The values are views of b.
func parseMark(b []byte, values [][]byte, arrived []uint64) (mark, error) {
	m := mark{values: values}
	if len(b) < 5 || b[4] > 1 {
		return m, fmt.Errorf("%w: mark of %d bytes", ErrFrame, len(b))
	}
	m.control, m.busy = Control(binary.LittleEndian.Uint32(b)), b[4] == 1
	b = b[5:]
	var err error
	if m.sent, b, err = uvarint(b); err != nil {
		return m, err
	}
	for i := range values {
		var n uint64
		if n, b, err = uvarint(b); err != nil {
			return m, err
		}
		if n > MaxValues || n > uint64(len(b)) {
			return m, fmt.Errorf("%w: mark with %d bytes of values", ErrFrame, n)
		}
		values[i] = nil
		if n > 0 {
			values[i] = b[:n:n]
		}
		b = b[n:]
	}
	for i, got := range arrived {
		var n uint64
		if n, b, err = uvarint(b); err != nil {
			return m, err
		}
		if n != got {
			dests := len(arrived) / len(values)
			return m, fmt.Errorf("%w: its peer %d sent %d messages to our peer %d, %d arrived", ErrFrame, i/dests, n, i%dests, got)
		}
	}
	if len(b) > 0 {
		return m, fmt.Errorf("%w: %d bytes after the mark", ErrFrame, len(b))
	}
	return m, nil
}

func uvarint(b []byte) (uint64, []byte, error) {
	n, width := binary.Uvarint(b)
	if width <= 0 {
		return 0, nil, fmt.Errorf("%w: truncated number", ErrFrame)
	}
	return n, b[width:], nil
}
