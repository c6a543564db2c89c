package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// renewer is a daemon whose certificate can be replaced.
type renewer interface {
	Renew(cert, key []byte) (renewed bool, err error)
}

// renewEvery is how often a daemon looks at its certificate's files; SIGHUP has it look
// at once.
const renewEvery = time.Minute

// keepRenewed gives a daemon the certificate that is in its files, whenever that is
// another one, until ctx ends.
func keepRenewed(ctx context.Context, log *slog.Logger, d renewer, certFile, keyFile string) {
	now := make(chan os.Signal, 1)
	signal.Notify(now, syscall.SIGHUP)
	defer signal.Stop(now)
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-now:
			told = ""
		case <-tick.C:
		}
		renewed, err := renew(d, certFile, keyFile)
		switch {
		case renewed:
			log.Info("the certificate was renewed", "file", certFile)
		case err != nil && err.Error() != told: // one file may be written and the other not yet
			log.Warn("the certificate is not renewed, the one before stays", "file", certFile, "error", err)
		}
		if told = ""; err != nil {
			told = err.Error()
		}
	}
}

func renew(d renewer, certFile, keyFile string) (bool, error) {
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
