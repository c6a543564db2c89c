package superstep_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"scalar/superstep"
)

// TestPlaces compares short and long lists with a plain loop, one after the other.
func TestPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		find := superstep.NewPlaces()
		for range 3 {
			slots := rapid.SampledFrom([]int{1, 64, 5000, 100_000}).Draw(t, "slots")
			list := rapid.SliceOfN(rapid.Uint32Range(0, uint32(slots-1)), 0, 300).Draw(t, "list")
			want := slices.Clone(list)
			slices.Sort(want)
			want = slices.Compact(want)
			once, at := find(slices.Clone(list), uint32(slots))
			if !slices.Equal(once, want) || len(at) != len(list) {
				t.Fatalf("%v became %v and %v, want %v", list, once, at, want)
			}
			for i, slot := range list {
				if once[at[i]] != slot {
					t.Fatalf("%v: slot %d of %v is said to be at %d", once, i, list, at[i])
				}
			}
		}
	})
}
