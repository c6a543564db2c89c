package main_test

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	main "scalar/cmd/bsp"
)

// TestMain makes the test binary a bsp too: scripts and the tests of bsp dev run it
// by that name, and a task runs it whatever its name.
func TestMain(m *testing.M) {
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	if os.Getenv("BSP_TASK") != "" {
		main.Main()
		return
	}
	// Under the race detector every process would sleep for a second at its end.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	testscript.Main(m, map[string]func(){"bsp": main.Main})
}

// TestScripts runs testdata/*.txtar: everything that needs no cluster.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir+"/home")
			env.Setenv("GOPROXY", "off")
			env.Setenv("GORACE", os.Getenv("GORACE"))
			env.Setenv("GOFLAGS", "")
			for name, folder := range map[string]string{"MODELS": "../../ml/model/testdata/v1", "DIGITS": "../../examples/digits"} {
				path, err := filepath.Abs(folder)
				if err != nil {
					return err
				}
				env.Setenv(name, path)
			}
			for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOROOT"} {
				out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
				if err != nil {
					return err
				}
				env.Setenv(name, strings.TrimSpace(string(out)))
			}
			return os.MkdirAll(env.WorkDir+"/home", 0o755)
		},
	})
}

// exits is the script command "exits CODE PROGRAM ARGS…": it runs a program that
// must end with that code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		ended, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = ended.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
