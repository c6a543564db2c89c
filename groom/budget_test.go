package groom_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/groom"
	"scalar/internal/pack"
)

// Orders arrive, and are answered, while a task says as much as it may.
func TestTalkativeTask(t *testing.T) {
	_, m, _ := one(t, func(c *groom.Config) { c.Slots = 1024 })
	key := newKey()
	o := play(key, "greedy")
	o.Start.Ranges = []job.Range{{Lo: 0, Hi: 1024}}
	m.order(o)
	m.await("the newest checkpoint", func(r wire.Report) bool {
		n := 0
		if len(r.Tasks) == 1 {
			n = len(r.Tasks[0].Checkpoints)
		}
		return n > 1 && r.Tasks[0].Checkpoints[n-1].Superstep == 39
	})
	other := newKey()
	m.order(o, play(other, "stay"))
	m.awaitPhase(other, wire.Working)
	m.order()
	m.awaitGone(key)
}

// A report of a groom whose tasks all say the most stays below its limit, however
// many slots it has.
func TestReportOfTheMost(t *testing.T) {
	id := job.ID(strings.Repeat("j", 128))
	for _, slots := range []int{1, 300, 4096} {
		counters := map[string]int64{}
		for i := range min(300, 8<<20/slots/8/256+2) {
			counters[fmt.Sprintf("%0256d", i)] = math.MinInt64
		}
		path := strings.Repeat("p", min(4096, 8<<20/slots/4-48))
		files := []wire.Part{{Peer: math.MinInt64, Path: path, Size: math.MinInt64, CRC: math.MaxUint32}}
		words := append(make([]wire.FromTask, 0, 21), wire.FromTask{Address: &wire.Address{Addr: strings.Repeat("a", 256)}})
		for range 17 {
			words = append(words, wire.FromTask{Checkpoint: &wire.CheckpointPart{Superstep: math.MinInt64, Task: math.MinInt64, Files: files}})
		}
		words = append(words,
			wire.FromTask{LinkLost: &job.Failure{
				Kind: job.FaultProgram, Code: math.MinInt64, Message: strings.Repeat("m", 5000), Detail: strings.Repeat("d", 5000),
				Task: math.MaxInt64, Peer: math.MinInt64, Groom: strings.Repeat("g", 5000),
			}},
			wire.FromTask{Progress: &wire.Progress{Superstep: math.MinInt64, Counters: counters, Seconds: job.Seconds{Load: 0.1, Compute: 0.1, Write: 0.1, Queued: 0.1, Start: 0.1, Total: 0.1}, Note: strings.Repeat("n", job.MaxNote)}},
			wire.FromTask{Done: &wire.TaskDone{Supersteps: math.MinInt64, Parts: files, Counters: counters}},
		)
		// The failure is gone with the last word: most is said before that, or with it.
		for _, words := range [][]wire.FromTask{words[:len(words)-1], words} {
			r := groom.Said(slots, id, words)
			b, err := pack.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) > pack.MaxOrders {
				t.Errorf("%d slots: the report has %d bytes", slots, len(b))
			}
			if s := r.Tasks[0]; len(r.Tasks) != 2*slots || len(s.Checkpoints) == 0 || len(s.Addr) != 256 || s.Superstep != math.MinInt64 || len(s.Note) != job.MaxNote {
				t.Errorf("%d slots: %d tasks, %d checkpoints", slots, len(r.Tasks), len(s.Checkpoints))
			}
			t.Logf("%d slots: %d bytes", slots, len(b))
		}
	}
}
