package master

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
	"scalar/storage"
)

const (
	logPiece = 256 << 10              // bytes asked of a groom at once
	logLine  = 64 << 10               // a longer line is cut
	logPause = 150 * time.Millisecond // between questions for more: grooms push no logs
	logGrace = 5 * time.Second        // for the last lines after the job has ended
)

// logSource reads a piece of a task's log from the groom that ran it.
type logSource func(ctx context.Context, groom string, r wire.LogRequest) (wire.LogReply, error)

// logStream merges the logs of a job's tasks, whole lines at a time.
type logStream struct {
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
	prefix  string
	partial []byte // of a line
	ended   bool   // nothing follows
}

// copyLogs sends the log of one task (or of all, task < 0) as far as it goes,
// or with follow until the job has ended.
func (a *api) copyLogs(ctx context.Context, id job.ID, task int, follow bool, send func([]byte) error) error {
	s := &logStream{read: a.control.Log, store: a.cfg.Store + "/logs/" + string(id), send: send}
	var ended time.Time
	for {
		changed := a.node.Changed()
		j, known := a.node.State().Job(id)
		if !known {
			return nil
		}
		if err := s.adjust(ctx, j, task); err != nil {
			return err
		}
		more, err := s.pass(ctx)
		if err != nil {
			return err
		}
		if j.State.Final() && ended.IsZero() {
			ended = time.Now()
		}
		over := !ended.IsZero() && (!more || time.Since(ended) > logGrace)
		if over || !follow {
			return s.finish()
		}
		pause := time.NewTimer(logPause)
		select {
		case <-pause.C:
		case <-changed:
		case <-ctx.Done():
		}
		pause.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// adjust begins anew when the job is in another attempt, after what was not yet
// read of the one before: why it ended is in its last lines.
func (s *logStream) adjust(ctx context.Context, j *fsm.Job, only int) error {
	if len(s.tails) > 0 && s.tails[0].key.Epoch == j.Epoch || len(j.Tasks) == 0 {
		return nil
	}
	if _, err := s.pass(ctx); err != nil {
		return err
	}
	if err := s.finish(); err != nil {
		return err
	}
	s.tails = nil
	for i, task := range j.Tasks {
		if only >= 0 && i != only {
			continue
		}
		t := &logTail{key: wire.TaskKey{Job: j.ID, Epoch: j.Epoch, Task: i}, groom: task.Groom}
		if only < 0 && len(j.Tasks) > 1 {
			t.prefix = fmt.Sprintf("task %d: ", i)
		}
		s.tails = append(s.tails, t)
	}
	return nil
}

// pass reads what each task has written by now and reports whether any may
// still write more.
func (s *logStream) pass(ctx context.Context) (more bool, err error) {
	for _, t := range s.tails {
		if err := s.drain(ctx, t); err != nil {
			return false, err
		}
		more = more || !t.ended
	}
	return more, nil
}

func (s *logStream) drain(ctx context.Context, t *logTail) error {
	for !t.ended {
		r, err := s.read(ctx, t.groom, wire.LogRequest{Key: t.key, Offset: t.offset, Max: logPiece})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || r.Gone { // the groom is lost, or has forgotten the task
			return s.fromStore(ctx, t)
		}
		t.ended = r.EOF
		if len(r.Data) == 0 {
			return nil
		}
		data := r.Data
		if r.Offset > t.offset {
			data = append(fmt.Appendf(nil, "[%d bytes are not kept]\n", r.Offset-t.offset), data...)
		}
		t.offset = r.Offset + int64(len(r.Data))
		if err := s.take(t, data); err != nil {
			return err
		}
	}
	return nil
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
	t.ended = true
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

// finish sends what has no end of line.
func (s *logStream) finish() error {
	for _, t := range s.tails {
		if len(t.partial) == 0 {
			continue
		}
		if err := s.send(t.flush(nil)); err != nil {
			return err
		}
	}
	return nil
}
