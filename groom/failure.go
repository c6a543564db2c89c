package groom

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"scalar/bsp/job"
	"scalar/bsp/taskproc"
	"scalar/bsp/wire"

	"github.com/dustin/go-humanize"
)

// Limits on what a task may put into reports.
const (
	maxMessage     = 2 << 10
	maxDetail      = 4 << 10
	maxCounters    = 256
	maxCounterName = 256       // bytes, as master/fsm has it
	panicTail      = 256 << 10 // of the log, searched for the start of a panic
)

// exitFailure says why a task failed that ended without a last word.
func exitFailure(key wire.TaskKey, e taskproc.Exit, tail []byte) *job.Failure {
	detail, headline := lastWords(tail)
	f := job.Fail(job.FaultProgram, "task %d %v", key.Task, e)
	if headline != "" && e.Signal() == 0 {
		f.Message += ": " + headline
	}
	f.Detail = detail
	return f
}

// memoryFailure says that a task was killed for its memory.
func memoryFailure(key wire.TaskKey, limit int64) *job.Failure {
	return job.Fail(job.FaultProgram, "task %d used more than its %s of memory: raise --memory", key.Task, humanize.IBytes(uint64(limit)))
}

// lastWords returns the end of a log for people, at most maxDetail bytes of whole
// lines. If the Go runtime ended the program it begins with the panic, which is
// the headline too: behind it may come the stacks of many goroutines.
func lastWords(tail []byte) (detail, headline string) {
	if i := lastPanic(tail); i >= 0 {
		detail = clip(string(tail[i:]), maxDetail)
		headline, _, _ = strings.Cut(detail, "\n")
		return detail, clip(headline, maxMessage)
	}
	if len(tail) > maxDetail {
		tail = tail[len(tail)-maxDetail:]
		if i := bytes.IndexByte(tail, '\n'); i >= 0 {
			tail = tail[i+1:]
		}
	}
	return clean(string(tail)), ""
}

// lastPanic returns where the last line starts with which the Go runtime begins
// to die, or -1.
func lastPanic(tail []byte) int {
	at := -1
	for _, start := range []string{"panic: ", "fatal error: "} {
		i := bytes.LastIndex(tail, []byte("\n"+start)) + 1
		if i > 0 || bytes.HasPrefix(tail, []byte(start)) {
			at = max(at, i)
		}
	}
	return at
}

// complete fills in where a failure happened and bounds what a task wrote.
func (l *life) complete(f *job.Failure) *job.Failure {
	out := *f
	out.Groom = l.cfg.Name
	if out.Task < 0 {
		out.Task = l.key.Task
	}
	out.Kind = cmp.Or(out.Kind, job.FaultProgram)
	out.Code = cmp.Or(out.Code, job.ExitFailed)
	room := l.share.failure()
	out.Message = clip(out.Message, min(maxMessage, room))
	out.Detail = clip(out.Detail, min(maxDetail, room-len(out.Message)))
	return &out
}

// clip returns at most n bytes of s, whole characters only.
func clip(s string, n int) string {
	if len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return clean(s)
}

// clean makes s valid UTF-8 without making it longer.
func clean(s string) string { return strings.ToValidUTF8(s, "?") }

// boundCounters drops counters beyond what a report has room for, in bytes: the last
// by name, but the engine's after all others.
func boundCounters(c map[string]int64, room int) map[string]int64 {
	maps.DeleteFunc(c, func(name string, _ int64) bool { return len(name) > maxCounterName })
	engine := []string{
		job.CounterMessages, job.CounterMessageBytes, job.CounterWireBytes, job.CounterSpilledBytes,
		job.CounterCheckpoints, job.CounterCheckpointBytes, job.CounterCheckpointPause,
	}
	names := slices.Concat(engine, slices.Sorted(maps.Keys(c)))
	out := make(map[string]int64, min(len(c), maxCounters))
	for _, name := range names {
		v, ok := c[name]
		if _, twice := out[name]; !ok || twice {
			continue
		}
		if room -= 12 + len(name); room < 0 || len(out) == maxCounters {
			break
		}
		out[name] = v
	}
	return out
}

// setupFailure is a fault of this node while it prepared a task.
func setupFailure(key wire.TaskKey, err error) *job.Failure {
	return job.Fail(job.FaultGroom, "start of task %d: %v", key.Task, err)
}

var errKeyUnsafe = errors.New("the job's id has characters that a path must not have")
