package fsm

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"time"

	"scalar/bsp/job"
	"scalar/internal/pack"
)

// ErrSnapshot is wrapped by every error about bytes that are no valid snapshot.
var ErrSnapshot = errors.New("malformed snapshot")

// snapshotMagic begins every snapshot; its last byte is the version of the format.
const snapshotMagic = "bspfsm\x00\x01"

// maxRecord bounds one record. A job's is the largest: two checkpoints, the parts
// and the tasks came by commands of up to MaxCommand each, beside its spec.
const maxRecord = 8 * MaxCommand

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A snapshot is the magic, then frames of internal/pack, then the CRC-32C of all
// before it (4 bytes, big endian). The first frame is a header; each further one
// is one record; a record with nothing set ends them. Tables that follow from
// others (hashes, request log, what grooms have given away) are not written.
type header struct {
	Index     uint64
	Now       time.Time
	Cluster   string
	Before    string `msgpack:",omitempty"`
	AdminHash []byte
	LastJob   uint64
	FinishSeq uint64
	Requests  uint64
}

type record struct {
	Job     *Job           `msgpack:",omitempty"`
	Done    *finishedJob   `msgpack:",omitempty"`
	Groom   *Groom         `msgpack:",omitempty"`
	Token   *Token         `msgpack:",omitempty"`
	Request *requestRecord `msgpack:",omitempty"`
}

type finishedJob struct {
	Seq uint64
	Job *Job
}

type requestRecord struct {
	ID      string
	Request request
}

// Encode writes the state as a snapshot. Equal states give equal bytes.
func (s *State) Encode(w io.Writer) error {
	sum := crc32.New(castagnoli)
	buf := bufio.NewWriterSize(w, 256<<10)
	out := io.MultiWriter(buf, sum)
	if _, err := io.WriteString(out, snapshotMagic); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	if err := s.encodeRecords(out); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	if _, err := buf.Write(binary.BigEndian.AppendUint32(nil, sum.Sum32())); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}

func (s *State) encodeRecords(w io.Writer) error {
	err := writeRecord(w, header{
		Index: s.Index, Now: s.Now, Cluster: s.Cluster, Before: s.Before, AdminHash: s.AdminHash,
		LastJob: s.LastJob, FinishSeq: s.finishSeq, Requests: s.requestSeq,
	})
	put := func(r record) {
		if err == nil {
			err = writeRecord(w, r)
		}
	}
	for g := range s.Grooms() {
		put(record{Groom: g})
	}
	for _, j := range s.jobs.all() {
		put(record{Job: j})
	}
	for seq, number := range s.finished.all() {
		j, _ := s.history.get(number)
		put(record{Done: &finishedJob{seq, j}})
	}
	for t := range s.Tokens() {
		put(record{Token: t})
	}
	for _, id := range s.requestLog.all() {
		r, _ := s.requests.get(id)
		put(record{Request: &requestRecord{id, r}})
	}
	put(record{})
	return err
}

// writeRecord writes a frame as pack.WriteFrame does, with a higher limit: a state
// that cannot be written would keep Raft from ever shortening its log.
func writeRecord(w io.Writer, v any) error {
	b, err := pack.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) > maxRecord {
		return fmt.Errorf("record of %d bytes, at most %d", len(b), maxRecord)
	}
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b)))); err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// Restore reads what Encode wrote. Errors about its bytes wrap [ErrSnapshot].
func Restore(r io.Reader) (*State, error) {
	s, err := readSnapshot(bufio.NewReaderSize(r, 256<<10))
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	return s, nil
}

// summed feeds what is read through it into a checksum.
type summed struct {
	r   io.Reader
	sum hash.Hash32
}

func (s *summed) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	s.sum.Write(b[:n])
	return n, err
}

func readSnapshot(r io.Reader) (*State, error) {
	in := &summed{r, crc32.New(castagnoli)}
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(in, magic); err != nil {
		return nil, err
	}
	if string(magic) != snapshotMagic {
		return nil, fmt.Errorf("begins with %q instead of %q", magic, snapshotMagic)
	}
	var h header
	if err := pack.ReadFrame(in, pack.MaxOrders, &h); err != nil {
		return nil, err
	}
	s := &State{
		Index: h.Index, Now: h.Now.UTC(), Cluster: h.Cluster, Before: h.Before, AdminHash: h.AdminHash,
		LastJob: h.LastJob, finishSeq: h.FinishSeq, requestSeq: h.Requests,
	}
	for {
		var rec record
		if err := pack.ReadFrame(in, maxRecord, &rec); err != nil {
			return nil, err
		}
		if rec == (record{}) {
			break
		}
		if err := s.restore(rec); err != nil {
			return nil, err
		}
	}
	sum := in.sum.Sum32()
	var tail [4]byte
	if _, err := io.ReadFull(r, tail[:]); err != nil {
		return nil, err
	}
	if got := binary.BigEndian.Uint32(tail[:]); got != sum {
		return nil, fmt.Errorf("checksum %08x instead of %08x", got, sum)
	}
	return s, nil
}

func (s *State) restore(r record) error {
	switch {
	case r.Groom != nil:
		g := r.Groom
		if g.Facts.Name == "" || s.grooms.len() >= MaxGrooms {
			return fmt.Errorf("groom %q of %d", g.Facts.Name, s.grooms.len())
		}
		g.Since = g.Since.UTC()
		s.grooms = s.grooms.set(g.Facts.Name, g)
	case r.Job != nil:
		if s.jobs.len() >= MaxJobs || !s.valid(r.Job) {
			return fmt.Errorf("job %q of %d", r.Job.ID, s.jobs.len())
		}
		s.put(r.Job)
		s.hold(r.Job)
	case r.Done != nil:
		j := r.Done.Job
		if s.history.len() >= MaxHistory+MaxJobs || j == nil || !s.valid(j) || !j.State.Final() || r.Done.Seq > s.finishSeq {
			return fmt.Errorf("finished job %d of %d", r.Done.Seq, s.history.len())
		}
		if _, ok := s.finished.get(r.Done.Seq); ok {
			return fmt.Errorf("two finished jobs %d", r.Done.Seq)
		}
		j.seq = r.Done.Seq
		s.history = s.history.set(j.Number, j)
		s.finished = s.finished.set(r.Done.Seq, j.Number)
	case r.Token != nil:
		t := r.Token
		if t.ID == "" || s.tokens.len() >= MaxTokens {
			return fmt.Errorf("token %q of %d", t.ID, s.tokens.len())
		}
		t.Created = t.Created.UTC()
		s.tokens = s.tokens.set(t.ID, t)
		s.hashes = s.hashes.set(string(t.Hash), t.ID)
	case r.Request != nil:
		q := r.Request
		if s.requests.len() > MaxRequests || q.Request.Seq > s.requestSeq {
			return fmt.Errorf("request %q of %d", q.ID, s.requests.len())
		}
		q.Request.At = q.Request.At.UTC()
		s.requests = s.requests.set(q.ID, q.Request)
		s.requestLog = s.requestLog.set(q.Request.Seq, q.ID)
	}
	return nil
}

// valid checks what the rest of the package relies on in a job, and puts its times into UTC.
func (s *State) valid(j *Job) bool {
	for _, t := range []*time.Time{&j.Submitted, &j.Queued, &j.NotBefore, &j.Placed, &j.Done, &j.Finished} {
		*t = t.UTC()
	}
	if j.Stopping != nil {
		if j.State != job.Running {
			return false
		}
		j.Stopping.Deadline = j.Stopping.Deadline.UTC()
	}
	if j.Number == 0 || j.Number > s.LastJob || j.State < job.Queued || j.State > job.TimedOut {
		return false
	}
	if _, ok := s.jobs.get(j.Number); ok {
		return false
	}
	if _, ok := s.history.get(j.Number); ok {
		return false
	}
	switch j.State {
	case job.Running:
		return len(j.Tasks) > 0
	case job.Committing, job.Succeeded:
		return j.Result != nil
	case job.Queued, job.Failed, job.Stopped, job.TimedOut:
	}
	return true
}

// hold takes what j's tasks claim from their grooms.
func (s *State) hold(j *Job) {
	if j.State != job.Running {
		return
	}
	for _, t := range j.Tasks {
		if g, ok := s.grooms.get(t.Groom); ok {
			h := *g
			h.Used = h.Used.Plus(t.Claim)
			s.grooms = s.grooms.set(t.Groom, &h)
		}
	}
}
