package superstep

import (
	"math/bits"
	"slices"
)

// places finds where slots are among those of a list. It keeps its memory.
type places struct {
	at     []uint32
	keys   []uint64
	set    []uint64 // a bit for each slot
	before []uint32 // by word of set: how many are in those before
}

// sortShare: a list of fewer than 1/sortShare of the slots is sorted, a longer one goes through a
// bit for each slot, which takes time in proportion to its length and 1/64 of the slots.
const sortShare = 1024

// of returns the slots of a list ascending and each once, in the memory of the list, and
// where among them each of the list is, valid until the next call.
func (p *places) of(list []uint32, slots uint32) (once, at []uint32) {
	p.at = slices.Grow(p.at[:0], len(list))[:len(list)]
	if len(list) < int(slots/sortShare) {
		return p.sort(list), p.at
	}
	return p.rank(list, slots), p.at
}

func (p *places) sort(list []uint32) (once []uint32) {
	p.keys = p.keys[:0]
	for i, slot := range list {
		p.keys = append(p.keys, uint64(slot)<<32|uint64(i))
	}
	slices.Sort(p.keys)
	once = list[:0]
	for _, key := range p.keys {
		if slot := uint32(key >> 32); len(once) == 0 || once[len(once)-1] != slot {
			once = append(once, slot)
		}
		p.at[uint32(key)] = uint32(len(once) - 1)
	}
	return once
}

func (p *places) rank(list []uint32, slots uint32) (once []uint32) {
	words := int((uint64(slots) + 63) / 64)
	p.set, p.before = slices.Grow(p.set[:0], words)[:words], slices.Grow(p.before[:0], words)[:words]
	clear(p.set)
	for _, slot := range list {
		p.set[slot/64] |= 1 << (slot % 64)
	}
	n := uint32(0)
	for i, word := range p.set {
		p.before[i] = n
		n += uint32(bits.OnesCount64(word))
	}
	for i, slot := range list {
		lower := p.set[slot/64] & (1<<(slot%64) - 1)
		p.at[i] = p.before[slot/64] + uint32(bits.OnesCount64(lower))
	}
	once = list[:0]
	for i, word := range p.set {
		for ; word != 0; word &= word - 1 {
			once = append(once, uint32(64*i+bits.TrailingZeros64(word)))
		}
	}
	return once
}
