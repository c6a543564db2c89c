// Package httpd serves models over HTTP/1.1 with fasthttp's parser and writer, and a loop of its own over connections.
//
//	connection ─ route ─ token ─ body, decompressed ─▶ protocol ─▶ host ─▶ protocol ─▶ response
//
// The routes are those of the Open Inference Protocol V2 with its repository extension, of
// TensorFlow Serving's REST, a short form, and /metrics. Whatever a request needs is in one pooled object, which has
// grown to what requests need: nothing is allocated for one that is like others before it.
//
// # Bodies
//
// A short body stays in the connection's buffer until it is answered. A long one is read as it comes, so that memory is asked for only as bytes arrive. One that is longer than the
// limit is answered with 413 at once; then the connection is read on for a while, because one that is closed with unread
// bytes is reset, and the client would not see the answer. The limit holds for what a compressed body becomes too.
//
// # Errors
//
// They are {"error":"…"} with a status. What a client did is never 500; a panic is, and is logged with its stack.
package httpd
