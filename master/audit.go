package master

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"scalar/bsp/job"
)

// auditLog is a file of JSON lines, one for every write call with a valid token,
// only ever appended to. Each line holds the hash of the one before and its own, over all
// of the line before the hash, so that a line that was changed, removed or put
// in is found at the next start. (That lines are missing at the end cannot be
// seen from the file alone.) A line is in the kernel's hands before the call is
// answered; sync brings it to disk every second.
type auditLog struct {
	mu   sync.Mutex // guards what follows, and the order of lines
	file *os.File
	seq  uint64
	prev string // hash of the last line
	dirt bool   // written since the last sync
}

// auditEntry is one line of the audit log, in this order of fields.
type auditEntry struct {
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`
	Who  string    `json:"who"`  // token's id, empty: none that is valid
	What string    `json:"what"` // "stop job", …
	On   string    `json:"on"`   // the path called
	auditObject
	Outcome   string `json:"outcome"`
	Status    int    `json:"status"`
	RequestID string `json:"request_id"`
	Remote    string `json:"remote"`              // address of the connection
	Forwarded string `json:"forwarded,omitempty"` // client's address, as a following master claims
	Calls     int    `json:"calls,omitempty"`     // without a valid token, of which this is the last; at most one such line a second
	Prev      string `json:"prev"`
	Hash      string `json:"hash,omitempty"`
}

// auditObject is what a call was about, beside its path: of a call that failed, as
// far as it was known by then.
type auditObject struct {
	Job       job.ID   `json:"job,omitempty"`
	Token     string   `json:"token,omitempty"` // id of the token made or revoked
	Role      job.Role `json:"role,omitempty"`  // of that token
	Namespace string   `json:"namespace,omitempty"`
	Groom     string   `json:"groom,omitempty"`
}

const (
	maxAuditLine  = 128 << 10 // every byte of every field escaped
	maxAuditField = 1 << 10
	hashField     = `,"hash":"`
)

func openAudit(path string, logger *slog.Logger) (*auditLog, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	a := &auditLog{file: f}
	if err := a.verify(logger); err != nil {
		return nil, errors.Join(fmt.Errorf("audit log %s: %w", path, err), f.Close())
	}
	return a, nil
}

// verify reads the whole log, line by line. What a crash or a power loss left
// after the last whole line is dropped, and noted by the next line.
func (a *auditLog) verify(logger *slog.Logger) error {
	r := bufio.NewReaderSize(a.file, maxAuditLine)
	good := int64(0) // bytes of whole lines
	for n := 1; ; n++ {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("line %d: %w", n, err)
		}
		bad := err
		if err == nil {
			bad = a.check(bytes.TrimSuffix(line, []byte("\n")))
		}
		if bad == nil {
			good += int64(len(line))
			continue
		}
		torn, err := isTorn(r, line)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if torn {
			return a.repair(good, logger)
		}
		return fmt.Errorf("line %d: %w: the file was changed; keep it as evidence and move it away to start a new one", n, bad)
	}
}

// isTorn reports whether piece and what r has after it are what is left of lines
// that were not on disk yet: a line without its end, or with blocks of zeros in
// place of what was written, at the end of the file. No whole line holds a zero.
func isTorn(r *bufio.Reader, piece []byte) (bool, error) {
	zeros := false
	for {
		zeros = zeros || bytes.IndexByte(piece, 0) >= 0
		if bytes.HasSuffix(piece, []byte("\n")) {
			_, err := r.Peek(1)
			return zeros && errors.Is(err, io.EOF), nil
		}
		var err error
		if piece, err = r.ReadSlice('\n'); errors.Is(err, io.EOF) && len(piece) == 0 {
			return true, nil
		} else if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return false, err
		}
	}
}

// repair drops what comes after the first good bytes.
func (a *auditLog) repair(good int64, logger *slog.Logger) error {
	info, err := a.file.Stat()
	if err != nil {
		return err
	}
	torn := info.Size() - good
	if err := a.file.Truncate(good); err != nil {
		return fmt.Errorf("drop the torn end: %w", err)
	}
	logger.Warn("the audit log ended in a piece of a line, as a crash or a power loss leaves it: dropped", "bytes", torn)
	return a.append(auditEntry{Time: time.Now().UTC(), What: "repair", Outcome: fmt.Sprintf("dropped %d bytes of a line cut by a crash", torn)})
}

func (a *auditLog) check(line []byte) error {
	var e auditEntry
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	i := bytes.LastIndex(line, []byte(hashField))
	switch {
	case i < 0 || hashOf(line[:i]) != e.Hash:
		return errors.New("its hash does not match")
	case e.Prev != a.prev || e.Seq != a.seq+1:
		return errors.New("it does not follow the line before")
	}
	a.seq, a.prev = e.Seq, e.Hash
	return nil
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// append writes one entry; it fills in Seq, Prev and Hash.
func (a *auditLog) append(e auditEntry) error {
	for _, f := range []*string{
		&e.Who, &e.What, &e.On, (*string)(&e.Job), &e.Token, (*string)(&e.Role), &e.Namespace, &e.Groom,
		&e.Outcome, &e.RequestID, &e.Remote, &e.Forwarded,
	} {
		*f = strings.ToValidUTF8((*f)[:min(len(*f), maxAuditField)], "")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e.Seq, e.Prev, e.Hash = a.seq+1, a.prev, ""
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	b = bytes.TrimSuffix(b, []byte("}"))
	e.Hash = hashOf(b)
	line := append(b, hashField+e.Hash+"\"}\n"...)
	if n, err := a.file.Write(line); err != nil {
		return errors.Join(fmt.Errorf("audit log: %w", err), a.undo(n))
	}
	a.seq, a.prev, a.dirt = e.Seq, e.Hash, true
	return nil
}

// undo takes back the first n bytes of a line that could not be written whole.
func (a *auditLog) undo(n int) error {
	if n == 0 {
		return nil
	}
	info, err := a.file.Stat()
	if err != nil {
		return err
	}
	return a.file.Truncate(info.Size() - int64(n))
}

// sync brings what was appended to disk.
func (a *auditLog) sync() error {
	a.mu.Lock()
	dirt := a.dirt
	a.dirt = false
	a.mu.Unlock()
	if !dirt {
		return nil
	}
	if err := a.file.Sync(); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

func (a *auditLog) close() error { return errors.Join(a.sync(), a.file.Close()) }

// strangers gathers the write calls whose token is not valid, or could not be
// checked for want of a leader: whoever can reach the port must not fill the disk with lines. The last one stands for all of
// a second.
type strangers struct {
	mu    sync.Mutex // guards what follows
	calls int        // since the last line
	last  auditEntry
}

func (s *strangers) note(e auditEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.last = e
}

// take returns the line about the calls since the last one, if there were any.
func (s *strangers) take() (e auditEntry, some bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, some = s.last, s.calls > 0
	e.Calls = s.calls
	s.calls, s.last = 0, auditEntry{}
	return e, some
}
