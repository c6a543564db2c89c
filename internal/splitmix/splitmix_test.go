package splitmix_test

import (
	"testing"

	"scalar/internal/splitmix"
)

// TestNext compares with what Sebastiano Vigna's splitmix64.c gives from these seeds.
func TestNext(t *testing.T) {
	for seed, want := range map[uint64][]uint64{
		0:       {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f},
		1234567: {6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821},
	} {
		state := seed
		for i, w := range want {
			if got := splitmix.Next(state); got != w || splitmix.Mix(state+splitmix.Gamma) != w {
				t.Errorf("seed %d, number %d: %d, want %d", seed, i, got, w)
			}
			state += splitmix.Gamma
		}
	}
	if splitmix.Mix(0) != 0 {
		t.Error("0 is not mixed to 0")
	}
}
