package algo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// stepVersion is the first byte of an encoded stepper.
const stepVersion = 1

var errStep = errors.New("state of shortest paths is malformed")

// AppendBinary encodes what a checkpoint keeps: u8 version, u32 reach, u32 own vertices,
// u32 places, the distances of all places as float64, and a bit a vertex that waits. At a
// barrier no place of others does.
func (s *stepper) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, stepVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(s.reach))
	b = binary.LittleEndian.AppendUint32(b, s.own)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.best)))
	for _, d := range s.best {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(d))
	}
	bits := make([]byte, (s.own+7)/8)
	for v, w := range s.waits[:s.own] {
		if w {
			bits[v/8] |= 1 << (v % 8)
		}
	}
	return append(b, bits...), nil
}

// MarshalBinary encodes as AppendBinary.
func (s *stepper) MarshalBinary() ([]byte, error) { return s.AppendBinary(nil) }

// UnmarshalBinary restores what AppendBinary made of the same part of a graph.
func (s *stepper) UnmarshalBinary(b []byte) error {
	const head = 13
	n := len(s.best)
	if len(b) < head || b[0] != stepVersion {
		return fmt.Errorf("%w: unknown version", errStep)
	}
	reach, own, places := binary.LittleEndian.Uint32(b[1:]), binary.LittleEndian.Uint32(b[5:]), binary.LittleEndian.Uint32(b[9:])
	if own != s.own || int64(places) != int64(n) {
		return fmt.Errorf("%w: %d vertices and %d places, the graph has %d and %d on this peer: did the input change?", errStep, own, places, s.own, n)
	}
	if b = b[head:]; len(b) != 8*n+int(own+7)/8 || reach == 0 {
		return fmt.Errorf("%w: %d bytes", errStep, len(b))
	}
	for i := range s.best {
		d := math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		if !(d >= 0) {
			return fmt.Errorf("%w: a distance of %v", errStep, d)
		}
		s.best[i] = d
	}
	s.reach = int(reach)
	for v := range s.own {
		if b[8*n+int(v/8)]>>(v%8)&1 != 0 {
			s.shorten(v, s.best[v])
		}
	}
	return nil
}
