package superstep

import (
	"encoding/binary"
	"fmt"
)

// sums are what adds up over tasks at a barrier.
type sums struct {
	busy    bool // a peer has neither voted Halt nor left
	control Control
	sent    uint64 // messages of all peers to all peers
	links   uint64 // that need a mark: they carried messages, or values that no ballot takes
}

// add counts what others have said.
func (s *sums) add(o sums) {
	s.busy = s.busy || o.busy
	s.control |= o.control
	s.sent += o.sent
	s.links += o.links
}

// append encodes all but links: u32 control, u8 busy, uvarint sent.
func (s *sums) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(s.control))
	busy := byte(0)
	if s.busy {
		busy = 1
	}
	return binary.AppendUvarint(append(dst, busy), s.sent)
}

// parse decodes the same and returns what follows; links is 0.
func (s *sums) parse(b []byte) ([]byte, error) {
	if len(b) < 5 || b[4] > 1 {
		return nil, fmt.Errorf("%w: votes of %d bytes", ErrFrame, len(b))
	}
	*s = sums{control: Control(binary.LittleEndian.Uint32(b)), busy: b[4] == 1}
	var err error
	s.sent, b, err = uvarint(b[5:])
	return b, err
}

// mark is one task's end of a superstep on a link, without the counts per pair of
// peers, which differ by destination task and follow it. Where ballots tell the sums,
// they are zero here, and so are values that ballots take.
type mark struct {
	sums
	values [][]byte // by local peer
}

// append encodes the mark: the sums, uvarint links, then for each peer of the task
// uvarint length and values.
func (m *mark) append(dst []byte) []byte {
	dst = m.sums.append(dst)
	dst = binary.AppendUvarint(dst, m.links)
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
	return 32 + sources*(MaxValues+binary.MaxVarintLen64) + sources*dests*binary.MaxVarintLen64
}

// parseMark decodes a mark of len(values) peers and compares its counts with what
// arrived, source by source. The values are views of b.
func parseMark(b []byte, values [][]byte, arrived []uint64) (mark, error) {
	m := mark{values: values}
	b, err := m.parse(b)
	if err != nil {
		return m, err
	}
	if m.links, b, err = uvarint(b); err != nil {
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
