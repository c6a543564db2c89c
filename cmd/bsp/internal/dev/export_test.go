package dev

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
)

// Absent returns the daemons that are not up.
var Absent = absent

// Serving returns where the prediction server of a config listens, its URL, and whom its certificate is for; nothing
// if there is to be none.
func Serving(cfg Config) (listen, url string, hosts []string, err error) {
	s, err := newServer(cfg, nil)
	if s == nil {
		return "", "", nil, err
	}
	return s.listen, s.url, s.hosts, err
}

// Keep keeps one child alive until ctx ends.
func Keep(ctx context.Context, exe, dir string, lifeline *os.File, logger *slog.Logger) error {
	c := &child{name: "m1", exe: exe, log: filepath.Join(dir, "m1.log"), pid: filepath.Join(dir, "m1.pid"), lifeline: lifeline, logger: logger}
	return c.run(ctx)
}
