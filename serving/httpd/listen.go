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

// accept serves a connection, or refuses it with an answer if there are as many as may be.
func (s *Server) accept(nc net.Conn) {
	nc = &patient{Conn: nc}
	plain := nc
	if s.config.TLS != nil {
		nc = tls.Server(nc, s.config.TLS)
	}
	c, _ := s.pool.Get().(*conn) // there is no other type in it
	c.begin(nc)
	if s.conns.enter(c, s.config.MaxConns) {
		go c.serve()
		return
	}
	c.end()
	if s.conns.ending.Load() {
		nc.Close() //nolint:errcheck,gosec // nobody is there
		return
	}
	s.metrics.count(unknown, http.StatusServiceUnavailable, 0)
	s.lingering.Go(func() {
		defer plain.Close()      //nolint:errcheck // nobody is there
		if s.config.TLS == nil { // who speaks TLS would not understand
			message := fmt.Sprintf("%d connections are open, as many as may be: come back soon", s.config.MaxConns)
			s.linger(plain, s.lastAnswer(http.StatusServiceUnavailable, message, nil, "1"))
		}
	})
}

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
