package master

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
	"scalar/storage"
)

const (
	logPiece  = 256 << 10              // bytes asked of a groom at once
	logPieces = 4                      // of one task, before the next one's turn
	logKept   = 64 << 20               // bytes that a groom keeps of a task at most
	logLine   = 64 << 10               // a longer line is cut
	logPause  = 150 * time.Millisecond // between questions for more: grooms push no logs
	logGrace  = 5 * time.Second        // for the last lines after the job has ended
)

// logAsk says what is wanted of a job's logs.
type logAsk struct {
	task   int  // -1: all
	follow bool // until the job has ended
}

// logSource reads a piece of a task's log from the groom that ran it.
type logSource func(ctx context.Context, groom string, r wire.LogRequest) (wire.LogReply, error)

// logStream merges the logs of a job's tasks, whole lines at a time.
type logStream struct {
	ask   logAsk
	read  logSource
	store string // URL where grooms copy logs of tasks that have ended
	send  func([]byte) error
	tails []*logTail
}

// logTail is how far one task's log has been sent.
type logTail struct {
	key     wire.TaskKey
	groom   string
	offset  int64
	limit   int64 // offset to end at; 0: none
	prefix  string
	partial []byte // of a line
	ended   bool   // nothing follows
	silent  bool   // its groom cannot be asked, and the store has no copy
	unknown bool   // its groom knows no such task, or not any more, and the store has no copy
}

// copyLogs sends the logs as far as they go now, or with follow until the job has
// ended. Those of an archived job are whole.
func (a *api) copyLogs(ctx context.Context, f found, ask logAsk, send func([]byte) error) error {
	s := &logStream{ask: ask, read: a.control.Log, store: a.cfg.Store + "/logs/" + string(f.info.ID), send: send}
	if f.archived == nil {
		return s.copy(ctx, func() (*fsm.Job, bool) { return a.node.State().Job(f.info.ID) })
	}
	s.ask.follow = false
	j := asJob(f.archived)
	return s.copy(ctx, func() (*fsm.Job, bool) { return j, true })
}

func (s *logStream) copy(ctx context.Context, look func() (*fsm.Job, bool)) error {
	var ended time.Time
	pause := time.NewTimer(logPause)
	defer pause.Stop()
	for {
		j, known := look()
		if !known {
			return nil
		}
		if s.ask.follow || s.tails == nil { // else a further attempt is another question
			if err := s.adjust(ctx, j); err != nil {
				return err
			}
		}
		busy, more, err := s.pass(ctx)
		if err != nil {
			return err
		}
		if j.State.Final() && ended.IsZero() {
			ended = time.Now()
			s.limit()
		}
		late := !ended.IsZero() && time.Since(ended) > logGrace
		switch {
		case busy:
			continue
		case !s.ask.follow, !ended.IsZero() && !more, late:
			return s.finish(!ended.IsZero())
		}
		pause.Reset(logPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// earlier sends what the store has of the attempts before the one that a stream
// begins with: why they ended is in their last lines.
func (s *logStream) earlier(ctx context.Context, j *fsm.Job) error {
	if j.Epoch < 2 {
		return nil
	}
	files, dir, err := storage.Resolve(s.store)
	if err != nil {
		return err
	}
	found, err := files.List(ctx, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // then it has none
		return fmt.Errorf("logs of earlier attempts: %w", err)
	}
	logs := map[job.Epoch][]int{}
	for _, f := range found {
		var epoch job.Epoch
		var task int
		if n, err := fmt.Sscanf(path.Base(f.Name), "%d-%d.log", &epoch, &task); err == nil && n == 2 && epoch < j.Epoch && (s.ask.task < 0 || s.ask.task == task) {
			logs[epoch] = append(logs[epoch], task)
		}
	}
	for epoch := job.Epoch(1); epoch < j.Epoch; epoch++ {
		if err := s.attempt(epoch); err != nil {
			return err
		}
		tasks := logs[epoch]
		slices.Sort(tasks)
		for _, task := range tasks {
			t := s.tail(wire.TaskKey{Job: j.ID, Epoch: epoch, Task: task}, len(j.Tasks))
			s.tails = []*logTail{t}
			err := s.fromStore(ctx, t)
			if err = cmp.Or(err, s.finish(true)); err != nil {
				return err
			}
		}
		if err := s.absent(tasks, len(j.Tasks)); err != nil {
			return err
		}
	}
	s.tails = nil
	return nil
}

// absent says which logs of an earlier attempt the store lacks. How many tasks that had
// is not known for sure: it is taken to be as many as now, unless there are more logs.
func (s *logStream) absent(found []int, tasks int) error {
	switch {
	case len(found) == 0 && s.ask.task >= 0:
		return s.send([]byte("[the store has no log of this task]\n"))
	case len(found) == 0:
		return s.send([]byte("[the store has no log of this attempt]\n"))
	case s.ask.task >= 0, found[len(found)-1] >= tasks:
		return nil
	}
	for task := range tasks {
		if _, ok := slices.BinarySearch(found, task); ok {
			continue
		}
		if err := s.send(fmt.Appendf(nil, "task %d: [the store has no log of this task]\n", task)); err != nil {
			return err
		}
	}
	return nil
}

// attempt says which attempt the lines that follow are of, from the second on: a
// stream that is opened again may begin with another one than the first, and its
// reader must know which lines it has.
func (s *logStream) attempt(epoch job.Epoch) error {
	if epoch == 1 {
		return nil
	}
	return s.send(fmt.Appendf(nil, "[attempt %d]\n", epoch))
}

// tail makes the tail of one task's log; of several tasks each line says which.
func (s *logStream) tail(key wire.TaskKey, tasks int) *logTail {
	t := &logTail{key: key}
	if s.ask.task < 0 && tasks > 1 {
		t.prefix = fmt.Sprintf("task %d: ", key.Task)
	}
	return t
}

// adjust begins anew when the job is in another attempt, after what was not yet
// read of the one before: why it ended is in its last lines.
func (s *logStream) adjust(ctx context.Context, j *fsm.Job) error {
	if len(s.tails) > 0 && s.tails[0].key.Epoch == j.Epoch || len(j.Tasks) == 0 {
		return nil
	}
	if err := s.last(ctx, j); err != nil {
		return err
	}
	s.tails = nil
	for i, task := range j.Tasks {
		if s.ask.task >= 0 && i != s.ask.task {
			continue
		}
		t := s.tail(wire.TaskKey{Job: j.ID, Epoch: j.Epoch, Task: i}, len(j.Tasks))
		t.groom = task.Groom
		s.tails = append(s.tails, t)
	}
	return s.attempt(j.Epoch)
}

// last sends what was not yet read of the attempt before; at the beginning, all of
// those before.
func (s *logStream) last(ctx context.Context, j *fsm.Job) error {
	if s.tails == nil {
		return s.earlier(ctx, j)
	}
	s.limit()
	for busy := true; busy; {
		var err error
		if busy, _, err = s.pass(ctx); err != nil {
			return err
		}
	}
	return s.finish(true)
}

// limit ends each log, whatever is written from now on, after what a groom may
// have kept of it.
func (s *logStream) limit() {
	for _, t := range s.tails {
		if t.limit == 0 {
			t.limit = t.offset + logKept
		}
	}
}

// pass reads some of what each task has written by now. It reports whether there
// is more to read already, and whether any task may still write.
func (s *logStream) pass(ctx context.Context) (busy, more bool, err error) {
	for _, t := range s.tails {
		rest, err := s.drain(ctx, t)
		if err != nil {
			return false, false, err
		}
		busy = busy || rest
		more = more || !t.ended
	}
	return busy, more, nil
}

// drain reads a few pieces of one log and reports whether it goes on already.
func (s *logStream) drain(ctx context.Context, t *logTail) (busy bool, err error) {
	for range logPieces {
		if t.ended {
			return false, nil
		}
		r, err := s.read(ctx, t.groom, wire.LogRequest{Key: t.key, Offset: t.offset, Max: logPiece})
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if t.silent, t.unknown = err != nil, err == nil && r.Gone; t.silent || t.unknown { // the groom is lost, or has forgotten the task
			return false, s.fromStore(ctx, t)
		}
		if err := s.piece(t, r); err != nil || len(r.Data) == 0 {
			return false, err
		}
	}
	return !t.ended, nil
}

// piece sends what a groom has read. Who does not follow is told what was there
// when the first piece was read.
func (s *logStream) piece(t *logTail, r wire.LogReply) error {
	if !s.ask.follow && t.limit == 0 {
		if t.limit = r.Size; t.limit == 0 {
			t.limit = r.Offset + logKept
		}
	}
	t.ended = r.EOF
	data := r.Data
	if t.limit > 0 && r.Offset+int64(len(data)) >= t.limit {
		data = data[:max(0, t.limit-r.Offset)]
		t.ended = true
	}
	if len(data) == 0 {
		return nil
	}
	lost := r.Offset - t.offset
	t.offset = r.Offset + int64(len(data))
	if lost > 0 {
		data = append(fmt.Appendf(nil, "[%d bytes are not kept]\n", lost), data...)
	}
	return s.take(t, data)
}

// fromStore reads the rest of a log that its groom has copied to the store.
func (s *logStream) fromStore(ctx context.Context, t *logTail) error {
	if t.ended {
		return nil
	}
	files, url, err := storage.Resolve(fmt.Sprintf("%s/%d-%d.log", s.store, t.key.Epoch, t.key.Task))
	if err != nil {
		return err
	}
	r, err := files.Open(ctx, url)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // not yet, or never: the grace after the job's end is the limit
	}
	if err != nil {
		return fmt.Errorf("log of task %d: %w", t.key.Task, err)
	}
	defer func() { _ = r.Close() }() // only read
	t.ended, t.silent, t.unknown = true, false, false
	buf := make([]byte, logPiece)
	for t.offset < r.Size() {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), r.Size()-t.offset)], t.offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("log of task %d: %w", t.key.Task, err)
		}
		if n == 0 {
			break
		}
		t.offset += int64(n)
		if err := s.take(t, buf[:n]); err != nil {
			return err
		}
	}
	return nil
}

// take sends the whole lines of data and keeps the piece of a line at its end.
func (s *logStream) take(t *logTail, data []byte) error {
	var out []byte
	for len(data) > 0 {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		data = rest
		t.partial = append(t.partial, line...)
		if whole || len(t.partial) >= logLine {
			out = t.flush(out)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return s.send(out)
}

func (t *logTail) flush(out []byte) []byte {
	out = append(out, t.prefix...)
	out = append(out, t.partial...)
	t.partial = t.partial[:0]
	return append(out, '\n')
}

// finish sends what has no end of line, and says what is missing; over: the attempt has
// ended, so that a groom that knows nothing of a task never will.
func (s *logStream) finish(over bool) error {
	for _, t := range s.tails {
		var out []byte
		if len(t.partial) > 0 {
			out = t.flush(out)
		}
		if t.silent || t.unknown && over {
			what := "cannot be asked"
			if t.unknown {
				what = "has it no more"
			}
			out = fmt.Appendf(out, "%s[the rest of this log is missing: groom %s %s, and the store has no copy]\n", t.prefix, t.groom, what)
		}
		if len(out) == 0 {
			continue
		}
		if err := s.send(out); err != nil {
			return err
		}
	}
	return nil
}
