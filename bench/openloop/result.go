package openloop

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// A Spread is how some times are distributed, in ms, by nearest rank.
type Spread struct {
	N    int     `json:"n"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// SpreadOf sorts times and returns their distribution.
func SpreadOf(times []time.Duration) Spread {
	if len(times) == 0 {
		return Spread{}
	}
	slices.Sort(times)
	at := func(q float64) float64 {
		rank := max(1, int(math.Ceil(q*float64(len(times)))))
		return float64(times[rank-1]) / float64(time.Millisecond)
	}
	return Spread{len(times), at(.5), at(.9), at(.99), at(.999), at(1)}
}

// A Result sums records up.
type Result struct {
	Seconds float64           `json:"seconds"` // in which they were set
	Answers map[string]Spread `json:"answers"` // by status, from the set time
	Sent    map[string]Spread `json:"sent"`    // by status, from when they were sent: what a generator that waits would say
	Refused Spread            `json:"refused"` // answers of all statuses from 300, from the set time
	Lag     Spread            `json:"lag"`     // from the set time until they were sent
	Errors  int               `json:"errors"`  // without an answer
	Error   string            `json:"error"`   // one of them
}

// Sum returns what records of a window come to.
func Sum(records []Record, window time.Duration) Result {
	r := Result{Seconds: window.Seconds(), Answers: map[string]Spread{}, Sent: map[string]Spread{}}
	answers, sent := map[string][]time.Duration{}, map[string][]time.Duration{}
	var lag, refused []time.Duration
	for _, one := range records {
		if one.Err != nil {
			r.Errors++
			r.Error = one.Err.Error()
			continue
		}
		status := strconv.Itoa(one.Status)
		answers[status] = append(answers[status], one.Done-one.Set)
		sent[status] = append(sent[status], one.Done-one.Sent)
		lag = append(lag, one.Sent-one.Set)
		if one.Status >= 300 {
			refused = append(refused, one.Done-one.Set)
		}
	}
	for status := range answers {
		r.Answers[status], r.Sent[status] = SpreadOf(answers[status]), SpreadOf(sent[status])
	}
	r.Lag, r.Refused = SpreadOf(lag), SpreadOf(refused)
	return r
}
