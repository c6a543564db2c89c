package bsp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/storage"
)

// output is a peer's part, or a writer given to RunTask, or nothing.
type output struct {
	folder    string // URL; empty: there is none
	peer      int
	part      *storage.Part // made by begin, if there is a folder
	other     io.Writer     // without a folder
	resumed   *wire.Part    // what the checkpoint says was written; nil: nothing
	dirty     bool          // something is to be synced
	err       error         // the first; a *job.Failure
	scratch   []byte
	now       func() int64 // task.now
	since     int64        // when the first was written after the last barrier; 0: nothing was
	done      wire.Part
	named     bool                                    // there are files instead of a part
	files     []wire.Part                             // that were written
	otherFile func(name string, content []byte) error // without a folder
}

func newOutput(t *task, peer int) *output {
	o := &output{now: t.now, folder: t.start.OutputTmp, peer: peer, named: t.cfg.Runner.options().files}
	if o.folder == "" && t.cfg.Output != nil && !o.named {
		o.other = t.cfg.Output(peer)
	}
	if t.cfg.File != nil {
		o.otherFile = func(name string, content []byte) error { return t.cfg.File(peer, name, content) }
	}
	return o
}

// begin makes the part, before the program runs: an output that cannot be written is
// told before anything is computed, and a checkpoint whose part is gone before
// another one is taken that rests on it.
func (o *output) begin(ctx context.Context) (err error) {
	switch {
	case o.folder == "" || o.named:
		return nil
	case o.resumed != nil:
		old := storage.PartInfo{Peer: o.peer, Path: o.resumed.Path, Size: o.resumed.Size, CRC: o.resumed.CRC}
		o.part, err = storage.ResumePart(ctx, o.folder, o.peer, old)
	default:
		o.part, err = storage.CreatePart(ctx, o.folder, o.peer)
	}
	if err != nil {
		return o.fail(err)
	}
	o.dirty = true // the name, and what was resumed
	return nil
}

// writes takes note of when the peer began to write.
func (o *output) writes() {
	if o.since == 0 {
		o.since = o.now()
	}
}

// file writes a file of the output.
func (o *output) file(ctx context.Context, name string, content []byte) error {
	o.writes()
	switch {
	case o.err != nil:
		return o.err
	case !o.named:
		return fmt.Errorf("WriteFile %s: the program needs the option Files", name)
	case storage.CheckFileName(name) != nil:
		return storage.CheckFileName(name)
	case o.folder == "" && o.otherFile != nil:
		return o.otherFile(name, content)
	case o.folder == "":
		return o.fail(job.Fail(job.FaultInput, "the program writes files: say where by --output"))
	case len(o.files) == wire.MaxFiles:
		return fmt.Errorf("WriteFile %s: a peer may write %d files", name, wire.MaxFiles)
	}
	info, err := storage.WriteOutputFile(ctx, o.folder, o.peer, name, content)
	if err != nil {
		return o.fail(err)
	}
	o.files = append(o.files, wire.Part{Peer: info.Peer, Path: info.Path, Size: info.Size, CRC: info.CRC})
	return nil
}

// written returns all files of the output, once the peer has returned.
func (o *output) written() []wire.Part {
	if o.done.Path != "" {
		return append(o.files, o.done)
	}
	return o.files
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.writes()
	if o.named && o.err == nil {
		return 0, o.fail(errors.New("a program with the option Files has no other output: use WriteFile"))
	}
	if o.part == nil {
		return o.writeOther(b)
	}
	o.dirty = true
	n, err := o.part.Write(b)
	if err != nil {
		return n, o.fail(err)
	}
	return n, nil
}

func (o *output) writeOther(b []byte) (int, error) {
	if o.other == nil || o.err != nil {
		return len(b), o.err
	}
	n, err := o.other.Write(b)
	if err != nil {
		return n, o.fail(fmt.Errorf("write output: %w", err))
	}
	return n, nil
}

func (o *output) fail(err error) error {
	if o.err == nil {
		kind := job.FaultOutput
		switch {
		case errors.Is(err, storage.ErrCorrupt): // the part that a checkpoint names is not what it was
			kind = job.FaultCheckpoint
		case errors.Is(err, storage.ErrUnreadable):
			kind = job.FaultGroom
		}
		o.err = job.AsFailure(err, kind)
	}
	return o.err
}

// sync makes what was written durable and says what there is; false: nothing.
func (o *output) sync() (wire.Part, bool, error) {
	if o.done.Path != "" { // closed: the peer has returned
		return o.done, o.done.Size > 0, nil
	}
	if o.part == nil {
		return wire.Part{}, false, nil
	}
	if o.dirty {
		if _, _, err := o.part.Sync(); err != nil {
			return wire.Part{}, false, o.fail(err)
		}
		o.dirty = false
	}
	info := o.part.Info()
	return wire.Part{Peer: info.Peer, Path: info.Path, Size: info.Size, CRC: info.CRC}, info.Size > 0, nil
}

// close ends the part.
func (o *output) close() error {
	if o.err != nil || o.part == nil {
		return o.err
	}
	size, crc, err := o.part.Close()
	if err != nil {
		return o.fail(err)
	}
	info := o.part.Info()
	o.done = wire.Part{Peer: info.Peer, Path: info.Path, Size: size, CRC: crc}
	return nil
}

// abandon closes the file of a part that will not be used.
func (o *output) abandon() {
	if o.part != nil {
		_, _, _ = o.part.Close() // the attempt has failed already
	}
}

// line writes key TAB value; an error stays in err.
func (o *output) line(key, value any) {
	b := appendValue(o.scratch[:0], key)
	b = append(b, '\t')
	b = appendValue(b, value)
	o.scratch = append(b, '\n')
	_, _ = o.Write(o.scratch) // kept in err
}

// appendValue formats a value: numbers and strings by hand, which is faster.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return append(b, v...)
	case []byte:
		return append(b, v...)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	case float64:
		return strconv.AppendFloat(b, v, 'g', -1, 64)
	case float32:
		return strconv.AppendFloat(b, float64(v), 'g', -1, 32)
	case nil:
		return b
	}
	return fmt.Append(b, v)
}

// Scalar is what Emit writes: numbers and strings.
type Scalar interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64 | ~string
}

// Emit is p.Write for hot loops: it allocates nothing. A String method of the types
// is not called.
func Emit[M any, K, V Scalar](p *Peer[M], key K, value V) {
	o := p.c.out
	b := appendScalar(o.scratch[:0], key)
	b = append(b, '\t')
	b = appendScalar(b, value)
	o.scratch = append(b, '\n')
	_, _ = o.Write(o.scratch) // kept in err
}

// appendScalar formats by kind; nothing here makes v escape, so that no caller
// allocates for it.
func appendScalar[T Scalar](b []byte, v T) []byte {
	switch x := reflect.ValueOf(v); {
	case x.CanInt():
		return strconv.AppendInt(b, x.Int(), 10)
	case x.CanUint():
		return strconv.AppendUint(b, x.Uint(), 10)
	case x.CanFloat():
		return strconv.AppendFloat(b, x.Float(), 'g', -1, x.Type().Bits())
	default:
		return append(b, x.String()...)
	}
}
