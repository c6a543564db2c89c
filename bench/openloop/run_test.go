package openloop_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"scalar/bench/openloop"
)

// A server of one worker answers in order, the i-th request after a time of its own.
type server struct {
	turn chan struct{}
	n    atomic.Int64
	cost func(i int) time.Duration
	fail int // the request whose connection it closes without an answer; −1: none
}

func (s *server) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		s.turn <- struct{}{}
		i := int(s.n.Add(1)) - 1
		time.Sleep(s.cost(i)) // virtual
		<-s.turn
		switch {
		case i == s.fail:
			return
		case i%3 == 2:
			_, err = io.WriteString(conn, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
		default:
			_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
		if err != nil {
			return
		}
	}
}

func (s *server) dial(context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go s.serve(theirs)
	return ours, nil
}

const request = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"

// TestStall compares every record with Lindley's recursion: a request begins when the one before has
// ended, and counts from the time set for it, though the server stalled.
func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cost := func(i int) time.Duration {
			if i == 50 {
				return time.Second
			}
			return 3 * time.Millisecond
		}
		s := &server{turn: make(chan struct{}, 1), cost: cost, fail: -1}
		c := openloop.Config{Schedule: openloop.Schedule{Rate: 200, For: 2 * time.Second}, Dial: s.dial, Request: []byte(request), Connections: 1, Sleep: time.Sleep}
		records, err := openloop.Run(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) != 400 {
			t.Fatalf("%d records, want 400", len(records))
		}
		end := time.Duration(0)
		for i, r := range records {
			set := time.Duration(i) * 5 * time.Millisecond
			begin := max(set, end)
			end = begin + cost(i)
			status := http.StatusOK
			if i%3 == 2 {
				status = http.StatusServiceUnavailable
			}
			if want := (openloop.Record{Set: set, Sent: begin, Done: end, Status: status}); r != want {
				t.Fatalf("record %d is %+v, want %+v", i, r, want)
			}
		}
	})
}

// TestConnections sends at the set times though no answer has come, as far as connections reach.
func TestConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{turn: make(chan struct{}, 4), cost: func(int) time.Duration { return time.Second }, fail: -1}
		c := openloop.Config{Schedule: openloop.Schedule{Rate: 100, For: 60 * time.Millisecond}, Dial: s.dial, Request: []byte(request), Connections: 4, Sleep: time.Sleep}
		records, err := openloop.Run(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(records, func(a, b openloop.Record) int { return int(a.Set - b.Set) })
		for i, r := range records {
			sent := r.Set
			if i >= 4 {
				sent = time.Second + time.Duration(i-4)*10*time.Millisecond
			}
			if r.Sent != sent {
				t.Errorf("request %d was sent at %v, want %v", i, r.Sent, sent)
			}
		}
		if len(records) != 6 {
			t.Errorf("%d records, want 6", len(records))
		}
	})
}

// TestFailures counts what has no answer, goes on with a new connection, and ends though a server never answers.
func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{turn: make(chan struct{}, 1), cost: func(i int) time.Duration {
			if i == 8 {
				return time.Hour
			}
			return 0
		}, fail: 4}
		c := openloop.Config{
			Schedule: openloop.Schedule{Rate: 10, For: time.Second}, Dial: s.dial, Request: []byte(request), Connections: 1, Sleep: time.Sleep,
			Warm: 200 * time.Millisecond, Patience: time.Second,
		}
		records, err := openloop.Run(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		r := openloop.Sum(records, 800*time.Millisecond)
		if r.Errors != 3 || r.Answers["200"].N != 3 || r.Answers["503"].N != 2 || r.Refused.N != 2 || r.Error == "" {
			t.Errorf("%+v: want errors of requests 4, 8 and 9", r)
		}
		time.Sleep(2 * time.Hour) // until the server has seen that the connections are closed
	})
}

func TestDialFails(t *testing.T) {
	refused := errors.New("refused")
	c := openloop.Config{
		Schedule: openloop.Schedule{Rate: 10, For: time.Second}, Request: []byte(request), Connections: 1,
		Dial: func(context.Context) (net.Conn, error) { return nil, refused },
	}
	if _, err := openloop.Run(t.Context(), c); !errors.Is(err, refused) {
		t.Errorf("Run said %v", err)
	}
	c.Rate = 0
	if _, err := openloop.Run(t.Context(), c); err == nil || errors.Is(err, refused) {
		t.Errorf("Run of no rate said %v", err)
	}
}

// TestPoisson compares the steps with what an exponential distribution has: mean, deviation and median.
func TestPoisson(t *testing.T) {
	times := openloop.Schedule{Rate: 1000, Poisson: true, Seed: 7, For: 100 * time.Second}.Times()
	if n := float64(len(times)); math.Abs(n-1e5) > 4*math.Sqrt(1e5) {
		t.Errorf("%v arrivals, want about 100,000", n)
	}
	steps := make([]float64, 0, len(times))
	last, sum, squares := time.Duration(0), 0.0, 0.0
	for _, at := range times {
		if at < last {
			t.Fatal("times go back")
		}
		step := (at - last).Seconds() * 1e3
		steps, sum, squares, last = append(steps, step), sum+step, squares+step*step, at
	}
	mean := sum / float64(len(steps))
	deviation := math.Sqrt(squares/float64(len(steps)) - mean*mean)
	slices.Sort(steps)
	if m := steps[len(steps)/2]; math.Abs(mean-1) > .02 || math.Abs(deviation-1) > .02 || math.Abs(m-math.Ln2) > .02 {
		t.Errorf("mean %v, deviation %v, median %v: want 1, 1, %v", mean, deviation, m, math.Ln2)
	}
}

func TestSpread(t *testing.T) {
	times := make([]time.Duration, 0, 1000)
	for i := range 1000 {
		times = append(times, time.Duration(1000-i)*time.Millisecond)
	}
	if s, want := openloop.SpreadOf(times), (openloop.Spread{N: 1000, P50: 500, P90: 900, P99: 990, P999: 999, Max: 1000}); s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
	if s, want := openloop.SpreadOf([]time.Duration{2 * time.Millisecond}), (openloop.Spread{N: 1, P50: 2, P90: 2, P99: 2, P999: 2, Max: 2}); s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
	if s := openloop.SpreadOf(nil); s != (openloop.Spread{}) {
		t.Errorf("%+v of nothing", s)
	}
}
