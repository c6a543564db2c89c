// Package dev runs a whole cluster on one machine: each daemon a child process
// in a session of its own, restarted when it dies.
//
// Every child inherits the reading end of a pipe that dev holds open (the
// lifeline): when dev is gone, however it went, children read its end and exit.
package dev
