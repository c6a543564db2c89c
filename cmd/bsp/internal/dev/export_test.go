package dev

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
)

// Absent returns the daemons that are not up.
var Absent = absent

// Keep keeps one child alive until ctx ends.
func Keep(ctx context.Context, exe, dir string, lifeline *os.File, logger *slog.Logger) error {
	c := &child{name: "m1", exe: exe, log: filepath.Join(dir, "m1.log"), pid: filepath.Join(dir, "m1.pid"), lifeline: lifeline, logger: logger}
	return c.run(ctx)
}
