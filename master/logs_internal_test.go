package master

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
)

// logJob is a job with one task on each groom.
func logJob(epoch job.Epoch, state job.State, grooms ...string) *fsm.Job {
	j := &fsm.Job{ID: "p-1", Epoch: epoch, State: state}
	for _, g := range grooms {
		j.Tasks = append(j.Tasks, fsm.Assignment{Groom: g})
	}
	return j
}

// TestLogsOfTwoAttempts shows that what an attempt has written last is read of
// that attempt, however fast the next one begins, and that its lines are told
// apart, in a stream that is opened later too.
func TestLogsOfTwoAttempts(t *testing.T) {
	t.Parallel()
	logs := map[string]string{"a/1": "first\n", "b/2": "second attempt\nand more\n"}
	var read logSource = func(_ context.Context, groom string, r wire.LogRequest) (wire.LogReply, error) {
		text := logs[groom+"/"+string(rune('0'+r.Key.Epoch))]
		return wire.LogReply{Data: []byte(text[min(int(r.Offset), len(text)):]), Offset: r.Offset}, nil
	}
	step := func(s *logStream, epoch job.Epoch, groom string) {
		t.Helper()
		if err := s.adjust(t.Context(), logJob(epoch, job.Running, groom)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	open := func(sent *strings.Builder) *logStream {
		return &logStream{
			ask: logAsk{task: -1, follow: true}, read: read, store: "file://" + t.TempDir(),
			send: func(b []byte) error { sent.Write(b); return nil },
		}
	}
	var sent, later strings.Builder
	s := open(&sent)
	step(s, 1, "a")
	logs["a/1"] += "panic: the reason\n"
	step(s, 2, "b")
	step(open(&later), 2, "b")
	second := "[attempt 2]\nsecond attempt\nand more\n"
	if want := "first\npanic: the reason\n" + second; sent.String() != want || later.String() != "[the store has no log of this attempt]\n"+second {
		t.Errorf("sent %q instead of %q, and later %q", sent.String(), want, later.String())
	}
}

// TestLogsOfEarlierAttempts: a stream that begins late has what the store keeps of the
// attempts before.
func TestLogsOfEarlierAttempts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"1-0.log": "a\n", "1-1.log": "b\nno end", "2-10.log": "d\n", "2-9.log": "c\n", "3-0.log": "of this one\n", "4-0.log": "to come\n", "x-1.log": "none\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const missing = "[the rest of this log is missing: groom g2 has it no more, and the store has no copy]\n"
	for task, want := range map[int]string{
		-1: "task 0: a\ntask 1: b\ntask 1: no end\n[attempt 2]\ntask 9: c\ntask 10: d\n[attempt 3]\ntask 0: of this one\ntask 1: " + missing,
		1:  "b\nno end\n[attempt 2]\n[the store has no log of this task]\n[attempt 3]\n" + missing,
	} {
		var sent strings.Builder
		s := &logStream{
			ask: logAsk{task: task}, store: "file://" + dir, send: func(b []byte) error { sent.Write(b); return nil },
			read: func(context.Context, string, wire.LogRequest) (wire.LogReply, error) {
				return wire.LogReply{Gone: true}, nil
			},
		}
		err := s.copy(t.Context(), func() (*fsm.Job, bool) { return logJob(3, job.Succeeded, "g1", "g2"), true })
		if err != nil || sent.String() != want {
			t.Errorf("task %d: sent %q, want %q, %v", task, sent.String(), want, err)
		}
	}
}

// TestLogsOutliveTheirGroom: of a groom that was killed, what the store has is shown, and
// what nobody has any more is said, by task; a stream that follows too.
func TestLogsOutliveTheirGroom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"1-1.log": "of g2, copied\n", "2-0.log": "of g1, copied\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(_ context.Context, groom string, r wire.LogRequest) (wire.LogReply, error) {
		switch groom {
		case "alive":
			const text = "alive\n"
			return wire.LogReply{Data: []byte(text[min(int(r.Offset), len(text)):]), Offset: r.Offset, EOF: int(r.Offset) == len(text)}, nil
		case "young":
			return wire.LogReply{Gone: true}, nil
		}
		return wire.LogReply{}, errors.New("lost")
	}
	logs := func(t *testing.T, ask logAsk, j *fsm.Job) string {
		t.Helper()
		var sent strings.Builder
		s := &logStream{ask: ask, read: read, store: "file://" + dir, send: func(b []byte) error { sent.Write(b); return nil }}
		if err := s.copy(t.Context(), func() (*fsm.Job, bool) { return j, true }); err != nil {
			t.Fatal(err)
		}
		return sent.String()
	}
	const lost = "[the rest of this log is missing: groom killed cannot be asked, and the store has no copy]\n"
	earlier := "task 0: [the store has no log of this task]\n"
	for _, row := range []struct {
		what  string
		task  int
		state job.State
		on    []string
		want  string
	}{
		{"copied", 0, job.Succeeded, []string{"killed", "alive"}, "[the store has no log of this task]\n[attempt 2]\nof g1, copied\n"},
		{"lost", 1, job.Failed, []string{"alive", "killed"}, "of g2, copied\n[attempt 2]\n" + lost},
		{"lost while the job runs", 1, job.Running, []string{"alive", "killed"}, "of g2, copied\n[attempt 2]\n" + lost},
		{"not begun", 1, job.Running, []string{"alive", "young"}, "of g2, copied\n[attempt 2]\n"},
		{"all", -1, job.Failed, []string{"killed", "killed"}, "task 1: of g2, copied\n" + earlier + "[attempt 2]\ntask 0: of g1, copied\ntask 1: " + lost},
	} {
		if got := logs(t, logAsk{task: row.task}, logJob(2, row.state, row.on...)); got != row.want {
			t.Errorf("%s: sent %q, want %q", row.what, got, row.want)
		}
	}
	synctest.Test(t, func(t *testing.T) { // the store has some seconds to get a copy
		if got, want := logs(t, logAsk{task: 1, follow: true}, logJob(2, job.Failed, "alive", "killed")), "of g2, copied\n[attempt 2]\n"+lost; got != want {
			t.Errorf("followed: sent %q, want %q", got, want)
		}
	})
}

// flood is a groom whose tasks write faster than they are read; "quiet" has said
// one line.
type flood struct {
	told  bool // groom tells sizes
	reads int
}

func (f *flood) read(_ context.Context, groom string, r wire.LogRequest) (wire.LogReply, error) {
	f.reads++
	if groom == "quiet" {
		const text = "a word\n"
		return wire.LogReply{Data: []byte(text[min(int(r.Offset), len(text)):]), Offset: r.Offset}, nil
	}
	reply := wire.LogReply{Data: bytes.Repeat([]byte("flooding\n"), r.Max/9), Offset: r.Offset}
	if f.told {
		reply.Size = r.Offset + 3*logPiece
	}
	return reply, nil
}

// TestLogsEnd: without follow an answer ends where the logs ended when it began,
// however fast more is written, and no task keeps another from being heard.
func TestLogsEnd(t *testing.T) {
	t.Parallel()
	for told, most := range map[bool]int{true: 3 * logPiece, false: logKept} {
		f := &flood{told: told}
		size, heard := 0, 0
		s := &logStream{ask: logAsk{task: -1}, read: f.read, store: "file://" + t.TempDir(), send: func(b []byte) error {
			if bytes.Contains(b, []byte("task 1: a word\n")) {
				heard = f.reads
			}
			for line := range bytes.Lines(b) {
				size += len(line) - len("task 0: ")
			}
			return nil
		}}
		j := logJob(1, job.Running, "loud", "quiet")
		if err := s.copy(t.Context(), func() (*fsm.Job, bool) { return j, true }); err != nil {
			t.Fatal(err)
		}
		if size > most+100 || size < most {
			t.Errorf("sizes told: %t: %d bytes were sent, want %d", told, size, most)
		}
		if heard == 0 || heard > 2*logPieces {
			t.Errorf("the quiet task was heard after %d reads", heard)
		}
	}
}

// TestLogsFollowInPauses: changes elsewhere in the cluster do not make the grooms
// be asked more often, and the end of the job is noticed soon.
func TestLogsFollowInPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		f := &flood{}
		var sent strings.Builder
		s := &logStream{ask: logAsk{task: -1, follow: true}, read: f.read, store: "file://" + t.TempDir(), send: func(b []byte) error {
			sent.Write(b)
			return nil
		}}
		err := s.copy(t.Context(), func() (*fsm.Job, bool) {
			state := job.Running
			if time.Since(began) >= 3*time.Second {
				state = job.Succeeded
			}
			return logJob(1, state, "quiet"), true
		})
		took := time.Since(began)
		if err != nil || sent.String() != "a word\n" || took > 3*time.Second+logGrace+2*logPause {
			t.Errorf("sent %q in %v, %v", sent.String(), took, err)
		}
		if most := 2 * (int(took/logPause) + 2); f.reads > most {
			t.Errorf("%s", fmt.Sprintf("the groom was asked %d times, at most %d", f.reads, most))
		}
	})
}
