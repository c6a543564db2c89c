package fsm_test

import (
	"testing"

	"scalar/master/fsm"
)

// TestExcludes: a job avoids the life of a groom that has ended so many of its attempts,
// and neither another life of it nor one that ended fewer.
func TestExcludes(t *testing.T) {
	j := &fsm.Job{Blamed: []fsm.Blame{
		{Groom: "bad", Incarnation: 3, Count: fsm.BlameLimit}, {Groom: "once", Incarnation: 1, Count: fsm.BlameLimit - 1},
	}}
	for _, row := range []struct {
		groom string
		life  uint64
		want  bool
	}{{"bad", 3, true}, {"bad", 4, false}, {"once", 1, false}, {"good", 1, false}} {
		if got := j.Excludes(row.groom, row.life); got != row.want {
			t.Errorf("excludes life %d of %s: %t", row.life, row.groom, got)
		}
	}
}
