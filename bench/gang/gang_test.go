package gang_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"scalar/bench/gang"
	"scalar/bench/limit"
)

func TestMain(m *testing.M) {
	member, ok, err := gang.Join()
	if ok && err == nil {
		err = task(member)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if !ok {
		os.Exit(m.Run())
	}
}

// task passes 5 barriers on connections of the kind that the last argument names.
func task(m *gang.Member) error {
	switch os.Args[len(os.Args)-1] {
	case "bare":
		conns, err := m.Connect(context.Background())
		if err != nil {
			return err
		}
		if err := limit.AllToAll(conns, 5); err != nil {
			return err
		}
	case "mesh":
		conns, err := m.Mesh().Connect(context.Background(), m.Tasks)
		if err != nil {
			return err
		}
		if err := limit.AllToAll(conns, 5); err != nil {
			return err
		}
	default:
		return fmt.Errorf("task %d does not know what to do", m.Task)
	}
	return m.Print(gang.Result{Seconds: 1, Count: float64(m.Tasks)})
}

func TestRun(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, kind := range []string{"bare", "mesh"} {
			r, err := gang.Run(t.Context(), os.Args[0], 3, secure, kind)
			if err != nil || r.Count != 3 {
				t.Errorf("%s, TLS %v: %+v, %v", kind, secure, r, err)
			}
		}
	}
}

func TestRunSaysWhichTaskFailed(t *testing.T) {
	_, err := gang.Run(t.Context(), os.Args[0], 1, false, "nothing")
	if err == nil || !strings.Contains(err.Error(), "task 0 does not know what to do") {
		t.Error(err)
	}
}
