package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"scalar/bsp/job"
)

const (
	// lossLimit is how long a cluster that was there is looked for again: it elects a
	// leader in less than 4 s, and a machine restarts in less than a minute.
	lossLimit = 60 * time.Second

	// maxLine is of a stream: Info with 4,096 tasks is under 1 MiB, and a result of 1 MiB
	// takes six in JSON where every byte of it is escaped.
	maxLine = 8 << 20
)

// Watch calls each for every change of a job until it has ended, and returns
// its last Info. It goes on with another master when one is lost, and looks for one
// for up to a minute if any has answered this Client before. An error of each ends it.
func (c *Client) Watch(ctx context.Context, id job.ID, each func(job.Info) error) (job.Info, error) {
	var last job.Info
	err := c.follow(ctx, call{method: http.MethodGet, path: jobPath(id, "/watch")}, func(line []byte) (bool, error) {
		var info job.Info
		if err := json.Unmarshal(line, &info); err != nil {
			return false, fmt.Errorf("watch %s: %w", id, err)
		}
		if !reflect.DeepEqual(info, last) {
			last = info
			if err := each(info); err != nil {
				return true, err
			}
		}
		return info.State.Final(), nil
	}, func() {})
	return last, err
}

// LogOptions choose what Logs copies.
type LogOptions struct {
	Task   int  // -1: all
	Follow bool // until the job ends
}

// Logs copies the log of a job's tasks to w, line by line, attempt after attempt: a
// later one begins with the line "[attempt N]". A stream that is lost is opened again
// as in Watch, and the lines that w has are skipped.
func (c *Client) Logs(ctx context.Context, id job.ID, o LogOptions, w io.Writer) error {
	query := url.Values{}
	if o.Task >= 0 {
		query.Set("task", strconv.Itoa(o.Task))
	}
	if o.Follow {
		query.Set("follow", "true")
	}
	r := call{method: http.MethodGet, path: jobPath(id, "/logs"), query: query}
	seen := logSeen{written: map[logKey]int{}}
	return c.follow(ctx, r, func(line []byte) (bool, error) {
		if !seen.fresh(line, o.Task < 0) {
			return false, nil
		}
		_, err := w.Write(append(line, '\n'))
		return err != nil, err
	}, seen.restart)
}

// Trace gives each what a task of the job's last attempt has told of its supersteps, as
// far as the store has it by now.
func (c *Client) Trace(ctx context.Context, id job.ID, each func(*job.Trace)) error {
	resp, err := c.do(ctx, call{method: http.MethodGet, path: jobPath(id, "/trace")})
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	in := bufio.NewScanner(resp.Body)
	in.Buffer(make([]byte, 0, 64<<10), job.MaxTraceFile+1)
	for in.Scan() {
		var t job.Trace
		if err := json.Unmarshal(in.Bytes(), &t); err != nil {
			return fmt.Errorf("trace of %s: %w", id, err)
		}
		if t.Task < 0 || t.Task >= job.MaxTasks || !t.Valid(t.Task, t.Peers) {
			return fmt.Errorf("trace of %s: the numbers of task %d cannot be: run one version of bsp everywhere", id, t.Task)
		}
		each(&t)
	}
	return in.Err()
}

// logKey is where lines are counted: tasks' lines may mix in another order the second
// time, and a stream that is opened again begins with the attempt that runs then.
type logKey struct {
	attempt string // the line that it begins with; empty: the first
	task    string // the prefix that the master puts before its lines
}

// logSeen tells the lines that were written from those that were not.
type logSeen struct {
	attempt string
	written map[logKey]int
	skip    map[logKey]int
}

// restart is called before the stream begins again.
func (s *logSeen) restart() { s.attempt, s.skip = "", maps.Clone(s.written) }

// fresh reports whether a line was not written yet.
func (s *logSeen) fresh(line []byte, tasks bool) bool {
	key := logKey{attempt: s.attempt}
	if n, ok := bytes.CutPrefix(line, []byte("[attempt ")); ok && bytes.HasSuffix(n, []byte("]")) {
		s.attempt = string(line)
		key = logKey{attempt: s.attempt, task: s.attempt}
	} else if tasks {
		key.task, _, _ = strings.Cut(string(line), ":")
	}
	if s.skip[key] > 0 {
		s.skip[key]--
		return false
	}
	s.written[key]++
	return true
}

// errIncomplete is a stream that ended by itself without its last word.
var errIncomplete = errors.New("the master closed the stream")

// follow reads the lines of a stream. line says whether it was the last one;
// an end of the stream in order ends a plain-text stream too. restart is called
// before the stream is opened again. A cluster that nobody has seen is not waited for.
func (c *Client) follow(ctx context.Context, r call, line func([]byte) (bool, error), restart func()) error {
	met := c.met.Load()
	lost := time.Time{}
	for {
		began := time.Now()
		resp, err := c.do(ctx, r)
		if err == nil {
			met = true
			var got bool
			var final error
			got, err, final = c.lines(ctx, resp, line)
			if err == nil || final != nil {
				return final
			}
			if got {
				lost = time.Time{}
			}
			began = time.Now()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if e, ok := errors.AsType[*Error](err); !met || errors.Is(err, errUntrusted) || ok && !again(e) {
			return err
		}
		if lost.IsZero() {
			lost = began
		}
		if time.Since(lost) > c.lossLimit {
			return c.lostFor(err)
		}
		restart()
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// lostFor says that a stream was looked for in vain; err is the last try's.
func (c *Client) lostFor(err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err // a master's own words
	}
	if errors.Is(err, ErrUnreachable) {
		return fmt.Errorf("%w, for %s", err, c.lossLimit)
	}
	return fmt.Errorf("%w for %s: %w", ErrUnreachable, c.lossLimit, plain(err))
}

// lines reads one stream to its end. lost is not nil when the stream broke;
// failed is an error of line, which is final.
func (c *Client) lines(ctx context.Context, resp *http.Response, line func([]byte) (bool, error)) (got bool, lost, failed error) {
	defer resp.Body.Close() //nolint:errcheck // read only
	in := bufio.NewScanner(resp.Body)
	in.Buffer(make([]byte, 0, 64<<10), maxLine)
	for in.Scan() {
		got = true
		if len(in.Bytes()) == 0 && resp.Header.Get("Content-Type") == ndjson {
			continue // a sign of life
		}
		done, err := line(in.Bytes())
		if err != nil || done {
			return got, nil, err
		}
	}
	if err := in.Err(); err != nil {
		return got, err, nil
	}
	if ctx.Err() != nil {
		return got, ctx.Err(), nil
	}
	if resp.Header.Get("Content-Type") == ndjson {
		return got, errIncomplete, nil
	}
	return got, nil, nil
}

// ndjson is the content type of a stream of JSON lines.
const ndjson = "application/x-ndjson"
