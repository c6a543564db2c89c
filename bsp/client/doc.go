// Package client talks to a Scalar cluster over its HTTPS API.
//
// A Client knows the addresses of all masters. Every call goes to the master
// that answered last; when that one is gone or has no leader to pass the call
// to, the call goes to the next one with the same request id, so that a job is
// never submitted twice. When no master answers within Config.Patience the
// error wraps ErrUnreachable. When they answer that none of them leads, the call goes
// on for Config.Election, and the error is their own.
//
// Errors that a master answered are an *Error with the exit code that bsp ends
// with. A Client is safe for concurrent use and starts no goroutine that
// outlives a call, apart from net/http's idle connections: Close ends them.
package client
