// Package program turns what a person names as PROGRAM into something that can
// run: a built-in, a static binary, or a folder of Go source that is built. It
// also writes the folder that a new program starts from.
package program
