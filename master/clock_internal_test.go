package master

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestClocksAgree(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	near, ahead, behind, silent := now.Add(-59*time.Minute), now.Add(61*time.Minute), now.AddDate(-1, 0, 0), time.Time{}
	for name, c := range map[string]struct {
		others []time.Time
		wrong  bool // this master's clock, as far as is known
		fails  bool
	}{
		"alone":                    {nil, false, false},
		"all":                      {[]time.Time{near, near}, false, false},
		"one is silent":            {[]time.Time{silent, near}, false, false},
		"one other is wrong":       {[]time.Time{ahead, near}, false, false},
		"this one is ahead":        {[]time.Time{behind, behind}, true, true},
		"this one is behind":       {[]time.Time{ahead, ahead}, true, true},
		"wrong, and one is silent": {[]time.Time{ahead, silent}, true, true},
		"all are silent":           {[]time.Time{silent, silent}, false, true},
		"five":                     {[]time.Time{ahead, near, behind, near}, false, false},
		"five, none like another":  {[]time.Time{ahead, near, behind, ahead}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			clocks := make(chan time.Time, len(c.others))
			for _, o := range c.others {
				clocks <- o
			}
			err := agree(func() time.Time { return now }, clocks, len(c.others)+1)
			if (err != nil) != c.fails || errors.Is(err, errWrongClock) != c.wrong {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestReignClock: state time goes on from what it was or from this master's clock,
// whichever is later, and then by monotonic time.
func TestReignClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c reignClock
		if _, ok := c.stamp(); ok {
			t.Error("a master that does not lead stamps")
		}
		wall := time.Now()
		for _, tc := range []struct{ state, want time.Time }{
			{wall.AddDate(-1, 0, 0), wall}, // the cluster was down for a year
			{wall.AddDate(1, 0, 0), wall.AddDate(1, 0, 0)},
			{time.Time{}, wall},
		} {
			c.begin(tc.state, wall)
			time.Sleep(5 * time.Second)
			if got, ok := c.stamp(); !ok || !got.Equal(tc.want.Add(5*time.Second)) {
				t.Errorf("state of %v: stamp %v, want 5 s after %v", tc.state, got, tc.want)
			}
			c.end()
		}
	})
}
