package openloop

import (
	"bufio"
	"context"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// maxAnswer is the largest body of an answer, bytes.
const maxAnswer = 64 << 20

// A line is a connection, which has one request at a time.
type line struct {
	c       *Config
	conn    net.Conn // nil: it was closed
	in      *bufio.Reader
	answer  fasthttp.Response
	records []Record
}

func (l *line) open(ctx context.Context) (err error) {
	if l.conn, err = l.c.Dial(ctx); err != nil {
		l.conn = nil
		return err
	}
	l.in = bufio.NewReader(l.conn)
	return nil
}

func (l *line) close() {
	if l.conn != nil {
		_ = l.conn.Close() // what was asked has its answer, or an error
		l.conn = nil
	}
}

// work sends what is due until the pacer has ended.
func (l *line) work(ctx context.Context, start time.Time, due <-chan time.Duration) {
	for at := range due {
		r := Record{Set: at}
		r.Status, r.Err = l.ask(ctx, start, &r.Sent)
		r.Done = time.Since(start)
		if at >= l.c.Warm {
			l.records = append(l.records, r)
		}
	}
}

// ask sends one request and reads its answer.
func (l *line) ask(ctx context.Context, start time.Time, sent *time.Duration) (status int, err error) {
	defer func() {
		if err != nil || l.answer.ConnectionClose() {
			l.close()
		}
	}()
	if l.conn == nil {
		if err := l.open(ctx); err != nil {
			return 0, err
		}
	}
	deadline, _ := ctx.Deadline() // run has set it
	if err := l.conn.SetDeadline(deadline); err != nil {
		return 0, err
	}
	*sent = time.Since(start)
	if _, err := l.conn.Write(l.c.Request); err != nil {
		return 0, err
	}
	if err := l.answer.ReadLimitBody(l.in, maxAnswer); err != nil {
		return 0, err
	}
	return l.answer.StatusCode(), nil
}
