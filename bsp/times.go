package bsp

import (
	"fmt"
	"maps"
	"sync"

	"scalar/bsp/job"
)

// seconds are the task's phases so far. Load is the last peer's; compute begins
// then and ends with the last barrier, or when the last peer has begun to write after it.
func (t *task) seconds() job.Seconds {
	var load, computed int64
	for _, c := range t.peers {
		l := c.load.Load()
		if l == 0 { // still loading
			l = t.now()
		}
		load, computed = max(load, l), max(computed, c.barrier.Load(), c.wrote.Load())
	}
	s := job.Seconds{Load: float64(load) / 1e9}
	if computed > load {
		s.Compute = float64(computed-load) / 1e9
	}
	return s
}

// The built-in counters of a task in the checkpoint of one of its peers; messages
// and their bytes are counted by each peer for itself.
func (c *core) totals() map[string]int64 {
	all := c.counted()
	messages, bytes := c.port.Sent()
	add(all, job.CounterMessages, messages)
	add(all, job.CounterMessageBytes, bytes)
	if c.index == c.t.own.Lo {
		stats := c.t.group.Stats()
		add(all, job.CounterWireBytes, stats.WireBytes)
		add(all, job.CounterSpilledBytes, stats.SpilledBytes+c.t.arena.Spilled())
	}
	return all
}

// Limits on the counters of a task, as its groom has them.
const (
	maxTaskCounters = 256 // the built-in ones included
	maxCounterName  = 256 // bytes
)

// counterNames are the counters of a task.
type counterNames struct {
	mu    sync.Mutex // guards known
	known map[string]bool
	room  int // for the program's own
}

func newCounterNames() *counterNames {
	builtin := map[string]bool{
		job.CounterMessages: true, job.CounterMessageBytes: true, job.CounterWireBytes: true, job.CounterSpilledBytes: true, job.CounterCheckpoints: true,
		job.CounterCheckpointBytes: true, job.CounterCheckpointPause: true,
	}
	return &counterNames{known: builtin, room: maxTaskCounters - len(builtin)}
}

// add makes room for a counter.
func (n *counterNames) add(name string) error {
	if len(name) > maxCounterName {
		return fmt.Errorf("Count: a counter's name of %d bytes, at most %d: %.60q…", len(name), maxCounterName, name)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.known[name] && len(n.known) == maxTaskCounters {
		return fmt.Errorf("Count: %q is one counter too many, a task can have %d of its own: count few things and write the others to the output", name, n.room)
	}
	n.known[name] = true
	return nil
}

// counters are the task's so far.
func (t *task) counters() map[string]int64 {
	stats := t.group.Stats()
	all := map[string]int64{
		job.CounterMessages: stats.Messages, job.CounterMessageBytes: stats.MessageBytes,
		job.CounterWireBytes: stats.WireBytes, job.CounterCheckpoints: 0,
	}
	if t.own.Lo == 0 { // one task counts for all
		all[job.CounterCheckpoints] = t.ckpt.written.Load()
	}
	add(all, job.CounterSpilledBytes, stats.SpilledBytes+t.arena.Spilled())
	add(all, job.CounterCheckpointBytes, t.ckpt.bytes.Load())
	add(all, job.CounterCheckpointPause, t.ckpt.paused.Load()/1e3)
	for _, c := range t.peers {
		c.mu.Lock()
		merge(all, c.counters)
		c.mu.Unlock()
	}
	return all
}

func merge(dst, src map[string]int64) {
	for name, n := range src {
		dst[name] += n
	}
}

func add(m map[string]int64, name string, n int64) {
	if n != 0 {
		m[name] += n
	}
}

func sameCounters(a, b map[string]int64) bool { return maps.Equal(a, b) }
