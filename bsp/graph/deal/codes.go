package deal

import (
	"encoding/binary"
	"math"
)

// CodedChunk returns the number of the chunk of an edge between codes.
func (l *Layout) CodedChunk(src, dst uint32) int {
	row, other := uint64(src), uint64(dst)
	if l.Pulled {
		row, other = other, row
	}
	shift, owner := l.Shift&63, uint64(1)<<(l.Shift&63)-1
	return int(row>>shift>>(l.Level&63)<<(2*shift&63) | row&owner<<shift | other&owner)
}

// DealCodes is Deal for codes, which have a vertex's number at its owner << Shift | its owner: numbers stand for ids. It stops before the first edge whose chunk
// has less than Room bytes left, and returns how many codes come before it. It panics if an edge has no chunk.
func (l *Layout) DealCodes(chunks [][]byte, codes []uint32, weights []float64) int {
	codes = codes[:len(codes)&^1]
	done := 0
	if hasEight && weights == nil {
		done = codedEight(chunks, codes, l)
	}
	switch rest := codes[done:]; {
	case !hasFast || weights != nil || len(rest) == 0:
	case l.Pulled:
		done += pulledCodes(chunks, rest, l)
	default:
		done += pushedCodes(chunks, rest, l)
	}
	return l.plainCodes(chunks, codes, weights, done)
}

// plainCodes is DealCodes from a code on.
func (l *Layout) plainCodes(chunks [][]byte, codes []uint32, weights []float64, from int) int {
	bits, shift, level, mask, size, pulled := l.Bits&63, l.Shift&63, l.Level&63, l.Mask, int(l.Size), l.Pulled // in registers
	pair, owner := 2*shift&63, uint64(1)<<shift-1
	for i := from; i+1 < len(codes); i += 2 {
		row, other := uint64(codes[i]), uint64(codes[i+1])
		if pulled {
			row, other = other, row
		}
		chunk := &chunks[row>>shift>>level<<pair|row&owner<<shift|other&owner]
		n := len(*chunk)
		if cap(*chunk)-n < Room {
			return i
		}
		binary.LittleEndian.PutUint64((*chunk)[n:n+8], other>>shift<<bits|row>>shift&mask)
		*chunk = (*chunk)[:n+size]
		if weights != nil {
			*chunk = binary.LittleEndian.AppendUint64(*chunk, math.Float64bits(weights[i/2]))
		}
	}
	return len(codes)
}
