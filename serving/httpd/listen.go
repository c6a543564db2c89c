package httpd

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"scalar/serving/protocol"

	"github.com/valyala/fasthttp"
)

// A limited listener refuses connections beyond the limit with an answer.
type limited struct {
	net.Listener

	s *Server
}

// Accept returns the next connection that is not refused.
func (l limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || int(l.s.http.GetOpenConnectionsCount()) < l.s.config.MaxConns {
			return conn, err
		}
		l.s.metrics.count(unknown, http.StatusServiceUnavailable, 0)
		l.s.lingering.Go(func() {
			defer conn.Close()         //nolint:errcheck // nobody is there
			if l.s.config.TLS == nil { // who speaks TLS would not understand
				message := fmt.Sprintf("%d connections are open, as many as may be: come back soon", l.s.config.MaxConns)
				l.s.linger(conn, l.s.lastAnswer(http.StatusServiceUnavailable, message, nil, "1"))
			}
		})
	}
}

// spare is how many connections fasthttp takes beyond the limit: those that end count no more, and still have a goroutine.
func spare(conns int) int { return conns + conns/8 + 64 }

// lastAnswer is an error as it goes over a connection that is closed then.
func (s *Server) lastAnswer(status int, message string, id []byte, retryAfter string) []byte {
	body := protocol.AppendError(nil, message)
	answer := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nServer: %s\r\nDate: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n",
		status, http.StatusText(status), s.config.Name, time.Now().UTC().Format(http.TimeFormat), len(body))
	if len(id) > 0 {
		answer = fmt.Appendf(answer, headerID+": %s\r\n", id)
	}
	if retryAfter != "" {
		answer = fmt.Appendf(answer, fasthttp.HeaderRetryAfter+": %s\r\n", retryAfter)
	}
	return append(append(answer, "\r\n"...), body...)
}

// explainTLS tells who speaks plain HTTP to a server with TLS.
func (s *Server) explainTLS(err error) {
	var wrong tls.RecordHeaderError
	if !errors.As(err, &wrong) || wrong.Conn == nil {
		return
	}
	switch string(wrong.RecordHeader[:4]) {
	case "GET ", "POST", "HEAD", "PUT ", "OPTI", "DELE":
		wrong.Conn.Write(s.lastAnswer(http.StatusBadRequest, "this port speaks TLS: ask it with https://", nil, "")) //nolint:errcheck,gosec // the connection ends
	}
}
