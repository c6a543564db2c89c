package sim_test

import (
	"flag"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"scalar/testcluster/sim"
)

var (
	seed  = flag.Uint64("seed", 1, "of the first world; the next ones have the numbers behind it")
	hours = flag.Float64("hours", 0, "virtual hours to run, in worlds of at most one; 0: a short slice")
	trace = flag.String("trace", "", "`file` that gets every event of the world; for one world")
)

const (
	worldLength = time.Hour
	shortSlice  = 5 * time.Minute
)

// TestSim runs worlds until the hours asked for are over. Each prints its seed when a
// promise breaks in it; the same seed and hours then show the same again.
func TestSim(t *testing.T) {
	length := time.Duration(*hours * float64(time.Hour))
	if length == 0 {
		length = shortSlice
	}
	each := min(length, worldLength)
	worlds := uint64(max(1, length/each))
	began := time.Now()
	var (
		all     sync.WaitGroup
		mu      sync.Mutex // guards what follows
		next    uint64
		virtual time.Duration
		events  uint64
		loss    time.Duration
		counts  = map[string]uint64{}
	)
	for range min(runtime.GOMAXPROCS(0), int(worlds)) {
		all.Go(func() {
			for {
				mu.Lock()
				n := next
				next++
				mu.Unlock()
				if n >= worlds || t.Failed() {
					return
				}
				r := run(t, sim.Config{Seed: *seed + n, Length: each})
				mu.Lock()
				virtual += r.Virtual
				events += r.Events
				loss = max(loss, r.Loss)
				for what, n := range r.Counts {
					counts[what] += n
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%11d  %s", counts[what], what)
	}
	t.Logf("%d worlds from seed %d: %.1f virtual hours in %v, %d events, %.0f a second; a lost groom was decided on within %v",
		worlds, *seed, virtual.Hours(), took.Round(time.Second), events, float64(events)/took.Seconds(), loss.Round(time.Millisecond))
}

// run runs one world.
func run(t *testing.T, cfg sim.Config) sim.Result {
	t.Helper()
	if *trace != "" {
		f, err := os.Create(*trace)
		if err != nil {
			t.Error(err)
			return sim.Result{}
		}
		defer f.Close()
		cfg.Trace = f
	}
	r, err := sim.New(cfg).Run()
	if err != nil {
		t.Errorf("%v\nsee it again: go test ./testcluster/sim -run TestSim -args -seed %d -hours %v", err, cfg.Seed, cfg.Length.Hours())
	}
	return r
}

// The same seed gives the same run, to the last event.
func TestReplay(t *testing.T) {
	cfg := sim.Config{Seed: *seed + 1000, Length: 2 * time.Minute}
	first, second := run(t, cfg), run(t, cfg)
	if first.Trace != second.Trace || first.Events != second.Events || !maps.Equal(first.Counts, second.Counts) {
		t.Errorf("seed %d gave %d events with the trace %016x, and then %d with %016x", cfg.Seed, first.Events, first.Trace, second.Events, second.Trace)
	}
	cfg.Seed++
	if other := run(t, cfg); other.Trace == first.Trace {
		t.Error("another seed gave the same run")
	}
}

// Without faults no attempt is lost and no master deposed.
func TestCalm(t *testing.T) {
	r := run(t, sim.Config{Seed: *seed, Length: 5 * time.Minute, Calm: true})
	for _, what := range []string{"grooms lost", "leaders deposed", "reports not answered", "orders not taken", "checkpoints that could not be read", "folders left"} {
		if r.Counts[what] > 0 {
			t.Errorf("%d %s", r.Counts[what], what)
		}
	}
	if r.Counts["jobs"] < 20 || r.Counts["jobs succeeded"] < r.Counts["jobs"]/2 || r.Counts["elections won"] != 1 {
		t.Errorf("%d jobs, %d of them succeeded, %d elections", r.Counts["jobs"], r.Counts["jobs succeeded"], r.Counts["elections won"])
	}
}
