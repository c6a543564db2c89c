//go:build e2e

package e2e_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"scalar/bsp/job"
)

// asked is what a client asks the masters about the one job of a name. A submit and
// all of its tries are one question: they have one request id.
type asked struct {
	what string // submit, read or stop
	name string
}

// told is the answer.
type told struct {
	id      job.ID // empty: there is no such job
	jobs    int    // of that name
	stopped bool
}

// jobModel is one job as a client may see it: it is not there until its submit, has
// one id for ever, and is stopped from its stop on.
var jobModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byName := map[string][]porcupine.Operation{}
		for _, o := range history {
			name := o.Input.(asked).name
			byName[name] = append(byName[name], o)
		}
		parts := make([][]porcupine.Operation, 0, len(byName))
		for _, p := range byName {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() any { return told{} },
	Step: func(state, input, output any) (bool, any) {
		now, answer := state.(told), output.(told)
		switch input.(asked).what {
		case "submit": // several clients submit under the same request id
			if answer.id == "" || now.id != "" && now.id != answer.id {
				return false, state
			}
			return true, told{id: answer.id, jobs: 1, stopped: now.stopped}
		case "stop":
			return now.id != "", told{id: now.id, jobs: 1, stopped: true}
		default:
			return answer == now, state
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
}

// history is what clients asked and were told, with the times of both.
type history struct {
	began time.Time

	mu  sync.Mutex // guards ops
	ops []porcupine.Operation
}

// add takes down what a client was told just now.
func (h *history) add(client int, call time.Duration, in asked, out told) {
	end := time.Since(h.began)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: in, Call: int64(call), Output: out, Return: int64(end)})
}

// check has porcupine look for an order of the operations that explains all answers,
// and names a job for which there is none.
func (h *history) check(t *testing.T) {
	t.Helper()
	for _, part := range jobModel.Partition(h.ops) {
		switch porcupine.CheckOperationsTimeout(jobModel, part, time.Minute) {
		case porcupine.Unknown:
			t.Errorf("no order found in time for %d operations on %s", len(part), part[0].Input.(asked).name)
		case porcupine.Illegal:
			t.Errorf("no order explains what was told of %s:", part[0].Input.(asked).name)
			for _, o := range part {
				t.Logf("client %d, %v to %v: %s", o.ClientId, time.Duration(o.Call), time.Duration(o.Return), jobModel.DescribeOperation(o.Input, o.Output))
			}
		case porcupine.Ok:
		}
	}
}

// TestHistoryModel: histories that must not be are found to be so.
func TestHistoryModel(t *testing.T) {
	op := func(call, end int64, what string, out told) porcupine.Operation {
		return porcupine.Operation{Input: asked{what, "a"}, Call: call, Output: out, Return: end}
	}
	one, ended, two := told{id: "a-1", jobs: 1}, told{id: "a-1", jobs: 1, stopped: true}, told{id: "a-1", jobs: 2}
	for _, row := range []struct {
		name string
		ok   bool
		ops  []porcupine.Operation
	}{
		{"plain", true, []porcupine.Operation{op(1, 2, "submit", one), op(3, 4, "read", one), op(5, 6, "stop", told{}), op(7, 8, "read", ended)}},
		{"read at once", true, []porcupine.Operation{op(1, 9, "submit", one), op(2, 3, "read", told{}), op(4, 5, "read", one)}},
		{"lost", false, []porcupine.Operation{op(1, 2, "submit", one), op(3, 4, "read", told{})}},
		{"twice", false, []porcupine.Operation{op(1, 2, "submit", one), op(3, 4, "read", two)}},
		{"two ids", false, []porcupine.Operation{op(1, 2, "submit", one), op(3, 4, "submit", told{id: "a-2", jobs: 1})}},
		{"seen and gone", false, []porcupine.Operation{op(1, 9, "submit", one), op(2, 3, "read", one), op(4, 5, "read", told{})}},
		{"old", false, []porcupine.Operation{op(1, 2, "submit", one), op(3, 4, "stop", told{}), op(5, 6, "read", one)}},
	} {
		if got := porcupine.CheckOperations(jobModel, row.ops); got != row.ok {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}
