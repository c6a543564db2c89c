package master

import (
	"testing"

	"github.com/hashicorp/raft"
)

func TestBounded(t *testing.T) {
	for _, tt := range []struct {
		name  string
		sizes []int
		want  int
	}{
		{"none", nil, 0},
		{"small ones", []int{1, 2, 3}, 3},
		{"one that is too large alone", []int{appendBytes + 1, 1}, 1},
		{"as much as may be", []int{appendBytes / 2, appendBytes / 2, 0}, 3},
		{"a byte too much", []int{appendBytes / 2, appendBytes / 2, 1, 1}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var entries []*raft.Log
			for i, size := range tt.sizes {
				entries = append(entries, &raft.Log{Index: uint64(i + 1), Data: make([]byte, size)})
			}
			got := bounded(entries)
			if len(got) != tt.want {
				t.Fatalf("%d entries, want %d", len(got), tt.want)
			}
			for i, e := range got {
				if e.Index != uint64(i+1) {
					t.Errorf("entry %d has index %d", i, e.Index)
				}
			}
		})
	}
}
