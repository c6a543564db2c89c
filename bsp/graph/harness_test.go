package graph_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/job"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// A trial is a program and how it is run.
type trial struct {
	runner       bsp.Runner
	input        string
	peers, tasks int
	restartAt    int
}

func (tr trial) config() bsptest.Config {
	return bsptest.Config{Peers: tr.peers, Tasks: tr.tasks, Input: tr.input, RestartAt: tr.restartAt}
}

// outcome runs a trial that has to succeed. tb is t, or the test that rapid's t is
// part of.
func outcome(tb testing.TB, t fataler, tr trial) bsp.Result {
	tb.Helper()
	t.Helper()
	r, err := bsptest.Try(tb, tr.config(), tr.runner)
	if err != nil {
		t.Fatalf("%d peers, %d tasks: %v", tr.peers, tr.tasks, err)
	}
	return r
}

// table returns the lines "key TAB value" of an output, which has each key once.
func table(t fataler, output []byte) map[string]string {
	t.Helper()
	m := map[string]string{}
	for line := range strings.Lines(string(output)) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if _, twice := m[key]; !ok || twice {
			t.Fatalf("line %q of\n%s", line, output)
		}
		m[key] = value
	}
	return m
}

// write writes a file of its own.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// testContext is for what has no test of its own, as under rapid and fuzzing.
var testContext = context.Background()

// failsWith runs a program that has to fail because of its input, with a text.
func failsWith(t *testing.T, cfg bsptest.Config, r bsp.Runner, want string) {
	t.Helper()
	_, err := bsptest.Try(t, cfg, r)
	f := job.AsFailure(err, job.FaultInternal)
	if err == nil || f.Kind != job.FaultInput || f.Code != 1 || !strings.Contains(f.Message, want) || strings.Contains(f.Message, "\n") {
		t.Fatalf("%d peers: %v; want …%s…", cfg.Peers, err, want)
	}
}
