package httpd

import (
	"bytes"
	"net/http"

	"scalar/serving/protocol"

	"github.com/valyala/fasthttp"
)

// maxFields is how many fields a header may have. The parser keeps each in memory of its own, many times that of a short one.
const maxFields = 128

func badHeader(message string) error {
	return &protocol.Error{Status: http.StatusBadRequest, Message: message}
}

// checkHeader refuses a header that somebody before this server may have read otherwise than the parser did, so that no request
// can be hidden in another (request smuggling, RFC 9112, section 11.2), and one of very many fields.
func checkHeader(h *fasthttp.RequestHeader) error {
	if !h.IsHTTP11() && !bytes.HasPrefix(h.Protocol(), []byte("HTTP/1.")) {
		return &protocol.Error{Status: http.StatusHTTPVersionNotSupported, Message: "this server speaks HTTP/1.1"}
	}
	fields, length, coding := 0, false, false
	for raw := h.RawHeaders(); len(raw) > 0; fields++ {
		end := bytes.IndexByte(raw, '\n')
		if end < 1 || raw[end-1] != '\r' {
			return badHeader("a line of the header does not end with CR LF")
		}
		switch raw[0] {
		case ' ', '\t':
			return badHeader("a field of the header goes on in another line")
		case 'C', 'c':
			length = length || named(raw, "content-length")
		case 'T', 't':
			coding = coding || named(raw, "transfer-encoding")
		}
		raw = raw[end+1:]
	}
	switch {
	case coding && length:
		return badHeader("the request has a Content-Length and a Transfer-Encoding")
	case coding && h.ContentLength() != -1:
		return badHeader("the Transfer-Encoding is another than chunked")
	case fields > maxFields+1, len(h.PeekTrailerKeys()) > maxFields: // with the empty line
		return &protocol.Error{Status: http.StatusRequestHeaderFieldsTooLarge, Message: "the header has more than 128 fields"}
	}
	return checkHost(h)
}

// named reports whether a line is the field of a name in lower case.
func named(line []byte, name string) bool {
	return len(line) > len(name) && line[len(name)] == ':' && equalFold(line[:len(name)], name)
}

// checkHost refuses what cannot be a host.
func checkHost(h *fasthttp.RequestHeader) error {
	host := h.Host()
	for _, b := range host {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '.', b == ':', b == '-', b == '_':
		default: // an address of IPv6, or none at all
			return new(fasthttp.URI).Parse(host, h.RequestURI())
		}
	}
	return nil
}
