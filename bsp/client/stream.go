package client

import (
	"bufio"
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
	// lossLimit is how long a stream is looked for again: a cluster elects a
	// leader in less than 4 s, and a machine restarts in less than a minute.
	lossLimit = 60 * time.Second

	maxLine = 4 << 20 // of a stream: Info with 4,096 tasks is under 1 MiB
)

// Watch calls each for every change of a job until it has ended, and returns
// its last Info. It goes on with another master when one is lost, for up to a
// minute. An error of each ends it.
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

// Logs copies the log of a job's tasks to w, line by line. A stream that is
// lost is opened again and the lines that w has are skipped.
func (c *Client) Logs(ctx context.Context, id job.ID, o LogOptions, w io.Writer) error {
	query := url.Values{}
	if o.Task >= 0 {
		query.Set("task", strconv.Itoa(o.Task))
	}
	if o.Follow {
		query.Set("follow", "true")
	}
	r := call{method: http.MethodGet, path: jobPath(id, "/logs"), query: query}
	// Tasks' lines may mix in another order the second time, so they are
	// counted for each task by the prefix that the master puts before them.
	written, skip := map[string]int{}, map[string]int{}
	return c.follow(ctx, r, func(line []byte) (bool, error) {
		key := ""
		if o.Task < 0 {
			key, _, _ = strings.Cut(string(line), ":")
		}
		if skip[key] > 0 {
			skip[key]--
			return false, nil
		}
		written[key]++
		_, err := w.Write(append(line, '\n'))
		return err != nil, err
	}, func() {
		maps.Copy(skip, written)
	})
}

// errIncomplete is a stream that ended by itself without its last word.
var errIncomplete = errors.New("the master closed the stream")

// follow reads the lines of a stream. line says whether it was the last one;
// an end of the stream in order ends a plain-text stream too. restart is called
// before the stream is opened again.
func (c *Client) follow(ctx context.Context, r call, line func([]byte) (bool, error), restart func()) error {
	lost := time.Time{}
	for {
		resp, err := c.do(ctx, r)
		if err == nil {
			var got bool
			var final error
			got, err, final = c.lines(ctx, resp, line)
			if err == nil || final != nil {
				return final
			}
			if got {
				lost = time.Time{}
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if e, ok := errors.AsType[*Error](err); ok && !again(e) {
			return err
		}
		if lost.IsZero() {
			lost = time.Now()
		} else if time.Since(lost) > lossLimit {
			return fmt.Errorf("%w for %s: %w", ErrUnreachable, lossLimit, plain(err))
		}
		restart()
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
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
