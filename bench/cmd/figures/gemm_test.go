package main_test

import (
	"os/exec"
	"testing"

	figures "scalar/bench/cmd/figures"
)

// TestMultiplier talks to a stand-in for another library's process.
func TestMultiplier(t *testing.T) {
	const script = `echo '{"library": "Fake 1"}'; read m n k seconds; echo "{\"median\": $m.5, \"least\": $n.25}"`
	library, median, least, err := figures.Ask(exec.CommandContext(t.Context(), "sh", "-c", script))
	if err != nil || library != "Fake 1" || median != 2.5 || least != 4.25 {
		t.Errorf("%q, %v, %v, %v", library, median, least, err)
	}
	for _, script := range []string{"exit 1", `echo '{"library": "Fake 1"}'; exit 1`} {
		if _, _, _, err := figures.Ask(exec.CommandContext(t.Context(), "sh", "-c", script)); err == nil {
			t.Errorf("%s: no error", script)
		}
	}
}

func TestGemmMark(t *testing.T) {
	for _, c := range []struct {
		n, cores int
		mark     float64
	}{{256, 1, 0}, {512, 1, 0.85}, {2048, 1, 0.85}, {512, 2, 0}, {1024, 2, 0.8}} {
		if _, _, mark := figures.GemmMark(c.n, c.cores); mark != c.mark {
			t.Errorf("%d³ on %d: %v", c.n, c.cores, mark)
		}
	}
	if name, gflops, _ := figures.GemmMark(1000, 1); name != "1000³" || gflops != 2 {
		t.Errorf("%s: %v", name, gflops)
	}
}
