package pairs

import "encoding/binary"

// Window is how many bytes Ends looks at.
const Window = 2048

// Ends has a bit in masks for each of the first bytes of b up to a blank's 32, as those are that end a field, and returns how many bytes it has looked at: Window at
// most, and a multiple of 64.
func Ends(masks *[Window / 64]uint64, b []byte) int {
	b = b[:min(len(b), Window)&^63]
	switch {
	case len(b) == 0:
	case hasVector:
		marked(masks, b)
	default:
		plainEnds(masks, b)
	}
	return len(b)
}

// plainEnds is Ends without assembly, eight bytes at a time.
func plainEnds(masks *[Window / 64]uint64, b []byte) {
	for i := range len(b) / 64 {
		mask := uint64(0)
		for k := range 8 {
			x := binary.LittleEndian.Uint64(b[64*i+8*k:])
			// What has its top bit, or has it after 95 is added to the lower seven, is above 32.
			low := ^(x&0x7f7f7f7f7f7f7f7f + 0x5f5f5f5f5f5f5f5f | x) & 0x8080808080808080
			mask |= low >> 7 * 0x0102040810204080 >> 56 << (8 * k)
		}
		masks[i] = mask
	}
}
