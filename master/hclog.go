package master

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
)

// newHCLog returns a logger for HashiCorp's libraries that hands warnings and
// errors to log, as long as ending is false: what then fails is meant to.
func newHCLog(log *slog.Logger, name string, ending *atomic.Bool) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: name, Level: hclog.Warn, Output: io.Discard})
	l.RegisterSink(slogSink{log, ending})
	return l
}

type slogSink struct {
	log    *slog.Logger
	ending *atomic.Bool
}

// Accept passes on one line.
func (s slogSink) Accept(name string, level hclog.Level, msg string, args ...any) {
	if level < hclog.Warn || s.ending.Load() {
		return
	}
	to := slog.LevelWarn
	if level >= hclog.Error {
		to = slog.LevelError
	}
	s.log.Log(context.Background(), to, msg, append([]any{"part", name}, args...)...)
}
