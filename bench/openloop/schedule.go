package openloop

import (
	"math"
	"math/rand/v2"
	"time"
)

// A Schedule says when requests are sent.
type Schedule struct {
	Rate    float64       // requests a second, above 0
	Poisson bool          // independent arrivals, else equal steps
	Seed    uint64        // of the arrivals
	For     time.Duration // from the first moment to the last
}

// Times returns the times from the start at which requests are sent, ascending, below For.
func (s Schedule) Times() []time.Duration {
	times := make([]time.Duration, 0, int(s.Rate*s.For.Seconds())+1)
	r := rand.New(rand.NewPCG(s.Seed, 1))
	at := 0.0 // seconds
	if s.Poisson {
		at = r.ExpFloat64() / s.Rate
	}
	for i := 1; ; i++ {
		t := time.Duration(math.Round(at * float64(time.Second)))
		if t >= s.For {
			return times
		}
		times = append(times, t)
		if s.Poisson {
			at += r.ExpFloat64() / s.Rate
		} else {
			at = float64(i) / s.Rate
		}
	}
}
