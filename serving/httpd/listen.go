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
	in, lingers := s.conns.enter(c, s.config.MaxConns)
	if in {
		go c.serve()
		return
	}
	c.end()
	if !lingers {
		nc.Close() //nolint:errcheck,gosec // nobody is there
		return
	}
	s.metrics.count(unknown, http.StatusServiceUnavailable, 0)
	go func() {
		defer s.conns.lingering.Done()
		defer plain.Close()      //nolint:errcheck // nobody is there
		if s.config.TLS == nil { // who speaks TLS would not understand
			message := fmt.Sprintf("%d connections are open, as many as may be: come back soon", s.config.MaxConns)
			s.tell(plain, s.lastAnswer(http.StatusServiceUnavailable, message, "1"))
		}
	}()
}

// tell writes the last answer of a connection that has sent no request, and reads on.
func (s *Server) tell(conn net.Conn, answer []byte) {
	if conn.SetWriteDeadline(time.Now().Add(s.config.WriteTimeout)) != nil {
		return
	}
	if _, err := conn.Write(answer); err == nil {
		s.linger(conn)
	}
}

// lastAnswer is an error as it goes over a connection that is closed then.
func (s *Server) lastAnswer(status int, message, retryAfter string) []byte {
	body := protocol.AppendError(nil, message)
	answer := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nServer: %s\r\nDate: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n",
		status, http.StatusText(status), s.config.Name, time.Now().UTC().Format(http.TimeFormat), len(body))
	if retryAfter != "" {
		answer = fmt.Appendf(answer, fasthttp.HeaderRetryAfter+": %s\r\n", retryAfter)
	}
	return append(append(answer, "\r\n"...), body...)
}

// explainTLS tells who speaks plain HTTP to a server with TLS, and returns the connection without TLS that is to be read on.
func (s *Server) explainTLS(err error) net.Conn {
	var wrong tls.RecordHeaderError
	if !errors.As(err, &wrong) || wrong.Conn == nil {
		return nil
	}
	switch string(wrong.RecordHeader[:4]) {
	case "GET ", "POST", "HEAD", "PUT ", "OPTI", "DELE":
		if _, err := wrong.Conn.Write(s.lastAnswer(http.StatusBadRequest, "this port speaks TLS: ask it with https://", "")); err == nil {
			return wrong.Conn
		}
	}
	return nil
}
