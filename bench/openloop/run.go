package openloop

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// A Config says what is asked, and of whom.
type Config struct {
	Schedule

	Dial        func(ctx context.Context) (net.Conn, error)
	Request     []byte              // as it is sent, header and body
	Connections int                 // that are opened before the start, 1 or more
	Warm        time.Duration       // at the start, whose requests are sent and not recorded
	Patience    time.Duration       // after the last set time; what has no answer then has failed. 0: 10 s
	Sleep       func(time.Duration) // nil: the machine's, to some 10 µs
}

// A Record is what became of a request. Times are from the start.
type Record struct {
	Set    time.Duration // when it was to be sent
	Sent   time.Duration // when it was
	Done   time.Duration // when the last byte of its answer was there, or it failed
	Status int           // 0: there was no answer
	Err    error         // why not
}

// Run sends the requests of the schedule, and returns their records in no order. The error is about the config and the
// connections at the start; what goes wrong later is in the records.
func Run(ctx context.Context, c Config) ([]Record, error) {
	if c.Rate <= 0 || c.For <= 0 || c.Connections < 1 {
		return nil, fmt.Errorf("rate %v, for %v, connections %d: want more than 0", c.Rate, c.For, c.Connections)
	}
	if c.Patience == 0 {
		c.Patience = 10 * time.Second
	}
	if c.Sleep == nil {
		c.Sleep = precise
	}
	lines := make([]*line, 0, c.Connections)
	defer func() {
		for _, l := range lines {
			l.close()
		}
	}()
	for range c.Connections {
		l := &line{c: &c}
		lines = append(lines, l)
		if err := l.open(ctx); err != nil {
			return nil, err
		}
	}
	return c.run(ctx, lines), nil
}

func (c *Config) run(ctx context.Context, lines []*line) (all []Record) {
	ctx, cancel := context.WithTimeout(ctx, c.For+c.Patience)
	defer cancel()
	times := c.Times()
	work := make(chan time.Duration, len(times)) // room for all: the pacer waits for no connection, and closes it
	start := time.Now()
	var working sync.WaitGroup
	for _, l := range lines {
		working.Go(func() { l.work(ctx, start, work) })
	}
	c.pace(ctx, start, times, work)
	working.Wait()
	for _, l := range lines {
		all = append(all, l.records...)
	}
	return all
}

// pace hands out each request at its time.
func (c *Config) pace(ctx context.Context, start time.Time, times []time.Duration, work chan<- time.Duration) {
	defer close(work)
	for _, at := range times {
		for left := at - time.Since(start); left > 0; left = at - time.Since(start) {
			c.Sleep(left)
		}
		if ctx.Err() != nil {
			return
		}
		work <- at
	}
}
