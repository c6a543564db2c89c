package wire

// MaxSpread is the most values in PhaseTimes.Spread.
const MaxSpread = 32

// Times are how long the peers of a task have spent in each phase.
type Times struct {
	Load    PhaseTimes // until the program or Peer.Loaded said that all was there
	Compute PhaseTimes // since then, waiting for others in barriers and collectives not counted
	Write   PhaseTimes // from the last barrier until the output was closed
}

// PhaseTimes are the peers of one task in one phase, in microseconds.
type PhaseTimes struct {
	Peer    int     // the one that took longest, the lowest of several
	Longest int64   // what it took
	Spread  []int64 // ascending: all peers, or of more than MaxSpread so many, evenly spaced by rank
}

// Valid reports whether times can be those of a task with peers [lo,hi).
func (t *Times) Valid(lo, hi int) bool {
	if t == nil {
		return true
	}
	for _, p := range [...]*PhaseTimes{&t.Load, &t.Compute, &t.Write} {
		if p.Peer < lo || p.Peer >= hi || p.Longest < 0 || len(p.Spread) > min(MaxSpread, hi-lo) {
			return false
		}
		for _, us := range p.Spread {
			if us < 0 || us > p.Longest {
				return false
			}
		}
	}
	return true
}
