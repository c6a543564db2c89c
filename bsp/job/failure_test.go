package job_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"scalar/bsp/job"
)

// What a program says around a Failure is kept; where it happened is said once.
func TestAsFailure(t *testing.T) {
	peer := job.Fail(job.FaultInput, `no number: "x"`)
	peer.Task, peer.Peer = 1, 2
	task := job.Fail(job.FaultInternal, "broken")
	task.Task = 3
	for _, row := range []struct {
		err  error
		kind job.FailureKind
		want string
	}{
		{peer, job.FaultInput, `peer 2: no number: "x"`},
		{fmt.Errorf("/data/in:7: %w", peer), job.FaultInput, `peer 2: /data/in:7: no number: "x"`},
		{fmt.Errorf("a: %w", fmt.Errorf("b: %w, c", peer)), job.FaultInput, `peer 2: a: b: no number: "x", c`},
		{fmt.Errorf("start: %w", task), job.FaultInternal, "task 3: start: broken"},
		{errors.New("plain"), job.FaultProgram, "plain"},
	} {
		f := job.AsFailure(row.err, job.FaultProgram)
		if f.Kind != row.kind || f.Error() != row.want {
			t.Errorf("%v became %v, kind %v; want %s", row.err, f, f.Kind, row.want)
		}
		if f.Message = "changed"; peer.Message != `no number: "x"` || task.Message != "broken" {
			t.Fatal("AsFailure gave the failure itself away")
		}
	}
}

// Where a failure happened is said once.
func TestFailureError(t *testing.T) {
	for want, f := range map[string]job.Failure{
		"peer 2: broken":            {Message: "broken", Task: 1, Peer: 2},
		"peer 2 waits in vain":      {Message: "peer 2 waits in vain", Task: 1, Peer: 2},
		"peer 2: peer 25 is gone":   {Message: "peer 25 is gone", Task: 1, Peer: 2},
		"peer 2, superstep 3: bad":  {Message: "peer 2, superstep 3: bad", Task: 1, Peer: 2},
		"task 1: broken":            {Message: "broken", Task: 1, Peer: -1},
		"task 1 was killed":         {Message: "task 1 was killed", Task: 1, Peer: -1},
		"no groom sees it":          {Message: "no groom sees it", Task: -1, Peer: -1},
		"peer 0: task 1 was killed": {Message: "task 1 was killed", Task: 0, Peer: 0},
	} {
		if f.Error() != want {
			t.Errorf("%q, want %q", f.Error(), want)
		}
	}
}

func TestClipped(t *testing.T) {
	f := job.Fail(job.FaultProgram, "%s", strings.Repeat("é", job.MaxMessage))
	f.Detail = "\xff" + strings.Repeat("x", 1<<20)
	c := f.Clipped()
	if len(c.Message) != job.MaxMessage || len(c.Detail) != job.MaxDetail || !utf8.ValidString(c.Message) || c.Detail[0] != '?' {
		t.Errorf("%d and %d bytes, message ends in %q", len(c.Message), len(c.Detail), c.Message[len(c.Message)-3:])
	}
	if len(f.Detail) != 1<<20+1 || *job.Fail(job.FaultGroom, "short").Clipped() != *job.Fail(job.FaultGroom, "short") {
		t.Error("Clipped changes more than it cuts off")
	}
}
