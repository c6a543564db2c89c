package pairs_test

import (
	"math/rand/v2"
	"testing"

	"scalar/bsp/scan/pairs"
)

// Bytes up to a blank's are marked, whatever they are, and nothing beyond the window or the last 64 bytes.
func TestEndsOfFields(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	b := make([]byte, pairs.Window+100)
	for n := range b {
		for i := range b {
			if b[i] = byte(r.Uint32()); r.IntN(2) == 0 {
				b[i] = " \t\n!~\x00\x1f\x7f\x80\xa0\xff"[r.IntN(11)]
			}
		}
		want := min(n, pairs.Window) / 64
		for name, f := range map[string]func(*[pairs.Window / 64]uint64, []byte) int{"": pairs.Ends, "without vectors": pairs.PlainEnds} {
			const before = 0x5a5a5a5a
			var masks [pairs.Window / 64]uint64
			for i := range masks {
				masks[i] = before
			}
			if got := f(&masks, b[:n]); got != 64*want {
				t.Fatalf("%s: %d bytes of %d", name, got, n)
			}
			for i, mask := range masks {
				expected := uint64(before)
				if i < want {
					expected = 0
					for k, c := range b[64*i : 64*i+64] {
						if c <= ' ' {
							expected |= 1 << k
						}
					}
				}
				if mask != expected {
					t.Fatalf("%s: mask %d of %d bytes is %x, want %x", name, i, n, mask, expected)
				}
			}
		}
	}
}
