// Package lines writes output in which most calls would be a few bytes: it gathers lines,
// and gives them on by 64 KiB. Packages graph and matrix write with it.
package lines
