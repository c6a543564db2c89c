package graph

import (
	"encoding/binary"
	"errors"
	"fmt"

	"scalar/bsp/job"
	"scalar/internal/bitset"
	"scalar/superstep"
)

// state is what a checkpoint keeps of a peer's vertices: their values, who has
// halted, and the folded inbox. The graph itself is loaded again.
type state[V any, M superstep.Number] struct {
	values []V
	inbox  []M // identity where no message came; nil where it is made when it is needed
	halted []bool
	asleep int        // true ones in halted
	got    bitset.Set // vertices that messages have come to; nil without Once
	codecV superstep.Codec[V]
	codecM superstep.Codec[M]
	fixed  bool // values have a fixed width, and go through the codec at once
}

// The first byte of an encoded state: without and with got. 1 was the former where a state
// of what is gathered had what was published.
const (
	stateVersion     = 3
	stateOnceVersion = 2
)

var errState = errors.New("state of vertices is malformed")

// newState returns the state of n vertices, with an inbox of as many places, which it empties, or none yet.
func newState[V any, M superstep.Number](n int, inbox []M, none M) (*state[V, M], error) {
	s := &state[V, M]{values: make([]V, n), inbox: inbox, halted: make([]bool, n)}
	fill(s.inbox, none)
	var zero V
	fill(s.values, zero) // memory that was touched is faster in the first superstep
	fill(s.halted, false)
	if err := superstep.Whole[V](); err != nil {
		return nil, job.Fail(job.FaultInput, "values of vertices: %v", err)
	}
	s.codecV, s.fixed = superstep.CodecOf[V]()
	var ok bool
	if s.codecM, ok = superstep.FixedCodec[M](); !ok {
		return nil, fmt.Errorf("messages of type %T have no fixed width", none)
	}
	return s, nil
}

func fill[M any](xs []M, x M) {
	for i := range xs {
		xs[i] = x
	}
}

// AppendBinary encodes the state: u8 version, uvarint vertices, uvarint length and
// values (each behind its own length as uvarint if they have no fixed width), a bit
// a vertex for halted, in version 2 a bit a vertex for got, inbox.
func (s *state[V, M]) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, s.version())
	b = binary.AppendUvarint(b, uint64(len(s.values)))
	values := s.appendValues(nil)
	b = binary.AppendUvarint(b, uint64(len(values)))
	b = append(b, values...)
	for i := 0; i < len(s.halted); i += 8 {
		var bits byte
		for j, h := range s.halted[i:min(i+8, len(s.halted))] {
			if h {
				bits |= 1 << j
			}
		}
		b = append(b, bits)
	}
	if s.got != nil {
		b = s.got.Append(b, len(s.values))
	}
	return s.codecM.Append(b, s.inbox), nil
}

func (s *state[V, M]) version() byte {
	if s.got != nil {
		return stateOnceVersion
	}
	return stateVersion
}

// MarshalBinary encodes the state as AppendBinary.
func (s *state[V, M]) MarshalBinary() ([]byte, error) { return s.AppendBinary(nil) }

// UnmarshalBinary restores a state of the same number of vertices.
func (s *state[V, M]) UnmarshalBinary(b []byte) error {
	if len(b) == 0 || b[0] != s.version() {
		return fmt.Errorf("%w: unknown version", errState)
	}
	n, b, err := length(b[1:])
	if err != nil {
		return err
	}
	if n != uint64(len(s.values)) {
		return fmt.Errorf("%w: %d vertices, the graph has %d on this peer: did the input change?", errState, n, len(s.values))
	}
	size, b, err := length(b)
	if err != nil {
		return err
	}
	bits := (len(s.halted) + 7) / 8
	flags := bits
	if s.got != nil {
		flags += bits
	}
	if size > uint64(len(b)) || len(b)-int(size) < flags {
		return fmt.Errorf("%w: truncated", errState)
	}
	values, err := s.decodeValues(b[:size])
	if err != nil {
		return err
	}
	b = b[size:]
	inbox, err := s.codecM.Decode(nil, b[flags:])
	if err != nil {
		return fmt.Errorf("%w: messages: %w", errState, err)
	}
	if len(values) != len(s.values) || len(inbox) != len(s.values) {
		return fmt.Errorf("%w: %d values and %d messages of %d vertices", errState, len(values), len(inbox), len(s.values))
	}
	if s.got != nil {
		s.got.Take(b[bits:flags], len(s.halted))
	}
	s.values, s.inbox, s.asleep = values, inbox, 0
	for i := range s.halted {
		s.halted[i] = b[i/8]>>(i%8)&1 != 0
		if s.halted[i] {
			s.asleep++
		}
	}
	return nil
}

func (s *state[V, M]) appendValues(b []byte) []byte {
	if s.fixed {
		return s.codecV.Append(b, s.values)
	}
	var one []byte
	for i := range s.values {
		one = s.codecV.Append(one[:0], s.values[i:i+1])
		b = append(binary.AppendUvarint(b, uint64(len(one))), one...)
	}
	return b
}

func (s *state[V, M]) decodeValues(b []byte) (values []V, err error) {
	if s.fixed {
		if values, err = s.codecV.Decode(nil, b); err != nil {
			return nil, fmt.Errorf("%w: values: %w", errState, err)
		}
		return values, nil
	}
	values = make([]V, 0, len(s.values))
	for len(b) > 0 {
		if len(values) == len(s.values) { // a value can take far more memory than bytes
			return nil, fmt.Errorf("%w: more values than the %d of its vertices", errState, len(s.values))
		}
		n, rest, err := length(b)
		if err != nil || n > uint64(len(rest)) {
			return nil, fmt.Errorf("%w: truncated value", errState)
		}
		if values, err = s.codecV.Decode(values, rest[:n]); err != nil {
			return nil, fmt.Errorf("%w: value %d: %w", errState, len(values), err)
		}
		b = rest[n:]
	}
	return values, nil
}

func length(b []byte) (uint64, []byte, error) {
	n, width := binary.Uvarint(b)
	if width <= 0 {
		return 0, nil, fmt.Errorf("%w: truncated", errState)
	}
	return n, b[width:], nil
}
