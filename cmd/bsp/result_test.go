package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scalar/bsp/job"
)

// TestLongResult asks for a result that the one object of -o json cannot hold.
func TestLongResult(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "1", "--slots", "2")
	graph := filepath.Join(t.TempDir(), "g.e")
	c.must("data", "gen", "rmat", "--scale", "17", "--edge-factor", "4", "--output", graph)
	stdout, stderr, code := c.bsp("job", "submit", "-o", "json", "--input", graph, "pagerank", "--", "--iterations", "1")
	const says = "is longer than 1 MiB and not in the object: print it by `bsp job wait pagerank-1`, or give --output"
	if code != 0 || strings.Contains(stdout, `"result"`) || strings.Count(stderr, says) != 1 {
		t.Errorf("exit %d, %.200s\n%s", code, stdout, stderr)
	}
	whole := c.must("job", "wait", "pagerank-1")
	var info job.Info
	here := c.must("job", "submit", "--local", "--peers", "2", "-o", "json", "--input", graph, "pagerank", "--", "--iterations", "1")
	if err := json.Unmarshal([]byte(here), &info); err != nil {
		t.Fatal(err)
	}
	if len(whole) < 1<<20 || info.Result != whole {
		t.Errorf("results of %d and %d bytes", len(whole), len(info.Result))
	}
	if _, stderr, _ := c.bsp("job", "submit", "-o", "json", "randcomm", "--", "--size", "8", "--messages", "0", "--supersteps", "2"); strings.Contains(stderr, "1 MiB") {
		t.Errorf("of no result: %s", stderr)
	}
}

// TestResultOfAnyBytes asks for a result with names that are no UTF-8. Those that a job
// is told by are refused, since the masters would hear others.
func TestResultOfAnyBytes(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "1", "--slots", "2")
	text := filepath.Join(t.TempDir(), "latin1.txt")
	if err := os.WriteFile(text, []byte("caf\xe9 th\xe8 \ufffd\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const want = "caf\xe9\t1\nth\xe8\t1\n\ufffd\t1\n"
	if out := c.must("job", "submit", "--peers", "1", "--input", text, "wordcount"); out != want {
		t.Errorf("submit: %q, want %q", out, want)
	}
	if out := c.must("job", "wait", "wordcount-1"); out != want {
		t.Errorf("wait: %q, want %q", out, want)
	}
	for _, args := range [][]string{
		{"--env", "X=caf\xe9", "pi"},
		{"--file", text + "=caf\xe9", "pi"},
		{"--input", text, "--output", filepath.Join(t.TempDir(), "caf\xe9"), "wordcount"},
		{"--input", filepath.Join(t.TempDir(), "caf\xe9"), "wordcount"},
		{"--input", text, "bfs", "--", "--ids", "string", "--source", "caf\xe9"},
	} {
		_, stderr, code := c.bsp(append([]string{"job", "submit"}, args...)...)
		if code != job.ExitUsage || !strings.HasSuffix(stderr, "caf\\xe9\": a cluster takes UTF-8 only (a job with --local takes any bytes)\n") {
			t.Errorf("%q: exit %d, %q", args, code, stderr)
		}
	}
}
