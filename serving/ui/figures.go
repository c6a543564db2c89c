package ui

import (
	"math"
	"math/bits"
	"time"
)

// Latencies are counted by powers of two: bucket i has those up to 25 µs × 2^i, and the last what is longer. They are the
// bounds of the metrics too.
const (
	Buckets = 19
	unit    = 25 * time.Microsecond
)

// Bucket returns which bucket a time falls into.
func Bucket(took time.Duration) int {
	if took <= unit {
		return 0
	}
	return min(bits.Len64(uint64(took-1)/uint64(unit)), Buckets-1)
}

// Bound returns the longest time of a bucket that is not the last, which has none.
func Bound(bucket int) time.Duration { return unit << bucket }

// Figures are what a version has done since the server began.
type Figures struct {
	Latency [Buckets]uint64 // of all answers
	Took    time.Duration   // by all of them
	// Of these: errors of clients (4xx but 429), refusals (429, 503, 504), faults of the server.
	Client, Refused, Failed uint64
	// Answers of a model with a cache: by the model, kept ones, those that another request computed meanwhile.
	Computed, Hits, Shared uint64
}

// Requests returns how many were answered.
func (f *Figures) Requests() (n uint64) {
	for _, m := range f.Latency {
		n += m
	}
	return n
}

// Errors returns how many answers were errors.
func (f *Figures) Errors() uint64 { return f.Client + f.Refused + f.Failed }

// Quantile returns within which time a part of all answers were, about: the logarithm of times is taken to be spread evenly over a
// bucket. 0: there are none.
func (f *Figures) Quantile(part float64) time.Duration {
	rank := part * float64(f.Requests())
	below := 0.
	for i, n := range f.Latency {
		if n == 0 {
			continue
		}
		if in := float64(n); below+in >= rank {
			return within(i, (rank-below)/in)
		}
		below += float64(n)
	}
	return 0
}

// within returns the time at a fraction of a bucket.
func within(bucket int, fraction float64) time.Duration {
	if bucket == Buckets-1 {
		return unit << (bucket - 1) // and longer
	}
	return time.Duration(float64(unit) * math.Exp2(float64(bucket)-1+fraction))
}
