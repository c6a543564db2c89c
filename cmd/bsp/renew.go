package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
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

// renewal is one kind of credentials that a daemon takes from files while it runs.
type renewal struct {
	what  string // with its verb, for the log
	file  string // to name in the log
	renew func() (renewed bool, err error)
	told  string // the error that the log has
}

// keepRenewed gives a daemon the credentials that are in its files, whenever those are
// others, until ctx ends.
func keepRenewed(ctx context.Context, log *slog.Logger, all []*renewal) {
	now := make(chan os.Signal, 1)
	signal.Notify(now, syscall.SIGHUP)
	defer signal.Stop(now)
	tick := time.NewTicker(renewEvery)
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
			r.look(log, asked)
		}
	}
}

// look renews once. An error is told when it is another one, or when a person asks.
func (r *renewal) look(log *slog.Logger, asked bool) {
	renewed, err := r.renew()
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
