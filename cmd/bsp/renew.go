package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"scalar/cmd/bsp/internal/cluster"
)

// renewer is a daemon whose certificate and gossip keys can be replaced.
type renewer interface {
	Renew(cert, key []byte) (renewed bool, err error)
	RenewGossip(keys [][]byte) (renewed bool, err error)
}

// renewEvery is how often a daemon looks at the files of its credentials; SIGHUP has it
// look at once.
const renewEvery = time.Minute

// renewal is what a daemon takes from files while it runs.
type renewal struct {
	what string // with its verb, for the log
	file string // to name in the log
	// renew takes what there is. asked: a person has sent SIGHUP.
	renew func(asked bool) (renewed bool, err error)
	// files are those to be looked at before renew is called, which is then when they have changed and two looks have found
	// them the same, or when it is asked for. None: it is called at every look.
	files []string

	told        string // the error that the log has
	last, taken string // what told the files from others at the last look, and when renew was called
}

// hangups returns what says that SIGHUP came. The function ends it.
func hangups() (now <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// keepRenewed gives a daemon what is in its files, whenever that is something
// else, until ctx ends. It looks now and then, and at once when now says so.
func keepRenewed(ctx context.Context, log *slog.Logger, now <-chan os.Signal, every time.Duration, all []*renewal) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-now:
			asked = true
		case <-tick.C:
		}
		for _, r := range all {
			if r.due(asked) {
				r.look(log, asked)
			}
		}
	}
}

// due reports whether there may be something new.
func (r *renewal) due(asked bool) bool {
	if len(r.files) == 0 {
		return true
	}
	is := states(r.files)
	due := asked || is == r.last && is != r.taken // not while it is being written
	if r.last = is; due {
		r.taken = is
	}
	return due
}

// states returns what tells files from what they were before.
func states(files []string) string {
	var b strings.Builder
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			fmt.Fprintf(&b, "%v\n", err)
			continue
		}
		fmt.Fprintf(&b, "%d %d", info.Size(), info.ModTime().UnixNano())
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			fmt.Fprintf(&b, " %d", s.Ino)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// look renews once. An error is told when it is another one, or when a person asks.
func (r *renewal) look(log *slog.Logger, asked bool) {
	renewed, err := r.renew(asked)
	switch {
	case renewed:
		log.Info(r.what+" renewed", "file", r.file)
	case err != nil && (asked || err.Error() != r.told): // one file may be written and the other not yet
		log.Warn(r.what+" not renewed, as before", "file", r.file, "error", err)
	}
	if r.told = ""; err != nil {
		r.told = err.Error()
	}
}

func renewCert(d renewer, certFile, keyFile string) (bool, error) {
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return false, err
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return false, err
	}
	return d.Renew(cert, key)
}

func renewGossip(d renewer, file string) (bool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	keys, err := cluster.ParseKeys(text)
	if err != nil {
		return false, err
	}
	return d.RenewGossip(keys)
}
