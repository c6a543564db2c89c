package sim_test

import (
	"flag"
	"testing"

	"scalar/testcluster/sim"
)

var placements = flag.Bool("placements", false, "measure placements on 10,000 grooms, and fail below 10,000 a second")

// TestPlacements fills a cluster with jobs and prints how fast. By itself it is small
// and only looks whether all slots are used. What is promised is the rate of scheduler
// and state; that of the whole loop, with every groom's orders, is told beside it.
func TestPlacements(t *testing.T) {
	load := sim.Load{Grooms: 200, Slots: 8, Queued: 2000, Seed: *seed}
	if *placements {
		load = sim.DefaultLoad
	}
	for _, way := range []struct {
		name string
		do   func() (sim.Placed, error)
		rate float64 // at least
	}{{"scheduler and state", load.Schedule, 10_000}, {"whole control loop", load.Lead, 0}} {
		p, err := way.do()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s, %d grooms: %v", way.name, load.Grooms, p)
		if all := load.Grooms * load.Slots; p.Slots < all*99/100 || p.Slots > all {
			t.Errorf("%s used %d of %d slots", way.name, p.Slots, all)
		}
		if *placements && max(p.Rate(), p.RateCPU()) < way.rate { // others may use the machine
			t.Errorf("%s: %.0f placements a second, at least %.0f are promised", way.name, p.RateCPU(), way.rate)
		}
	}
}
