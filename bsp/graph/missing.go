package graph

import "scalar/bsp/job"

// Missing says what becomes of what is sent to a vertex that is not in the graph.
type Missing uint8

// The policies.
const (
	FailMissing   Missing = iota // the job fails
	DropMissing                  // it is dropped, and counted as dropped_messages
	CreateMissing                // the vertex is made, with the zero value; FreeProgram and whole numbers only
)

// CounterDropped counts what DropMissing dropped.
const CounterDropped = "dropped_messages"

// counter is the part of a peer that counts.
type counter interface {
	Count(name string, delta int64)
}

// meet fails or counts; it is not for CreateMissing.
func (m Missing) meet(p counter, id uint64) error {
	if m == DropMissing {
		p.Count(CounterDropped, 1)
		return nil
	}
	return job.Fail(job.FaultProgram, "a vertex sent a message to vertex %d, which is not in the graph: see Algorithm.Missing", id)
}
