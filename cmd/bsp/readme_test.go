package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestREADME compares the program in the README with the example that is compiled.
func TestREADME(t *testing.T) {
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	_, block, _ := strings.Cut(read("../../README.md"), "```go\n")
	block, _, _ = strings.Cut(block, "```")
	_, program, _ := strings.Cut(read("../../examples/ring/main.go"), ")\n\n") // behind the imports
	if block == "" || block != program {
		t.Errorf("README.md has\n%s\nexamples/ring has\n%s", block, program)
	}
}

// TestGraphPage does what docs/graph.md says, as it says it, in an empty folder.
func TestGraphPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/graph.md")
	if err != nil {
		t.Fatal(err)
	}
	script, code := strings.Builder{}, false
	for line := range strings.Lines(string(page)) {
		switch command, indented := strings.CutPrefix(line, "    "); {
		case code && line == "```\n":
			code = false
			script.WriteString("END\n")
		case code:
			script.WriteString(line)
		case line == "```go\n" && !strings.Contains(script.String(), "END"): // what follows are pieces
			code = true
			script.WriteString("cat > main.go <<'END'\n")
		case indented:
			script.WriteString(command)
		}
	}
	if n := strings.Count(script.String(), "bsp "); n < 6 {
		t.Fatalf("%d commands are too few:\n%s", n, &script)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", script.String())
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=", "GOPROXY=off", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	builtin, own := steps(t, dir+"/steps"), steps(t, dir+"/steps2")
	for id, n := range builtin {
		if n == "9223372036854775807" {
			n = "-1"
		}
		if own[id] != n {
			t.Errorf("vertex %s: bfs says %s, the program of the page %s", id, n, own[id])
		}
	}
	if len(builtin) < 40_000 || len(own) != len(builtin) || builtin["3"] != "0" {
		t.Errorf("%d and %d vertices", len(builtin), len(own))
	}
}

// TestTrainingPage does what docs/training.md says, as it says it, in an empty folder.
func TestTrainingPage(t *testing.T) {
	trainingPage(t, "training", "test.csv", map[string]float64{"lines": .5, "spiral": .02, "own": .02, "further": .02})
}

// TestClassicPage does what docs/classic.md says.
func TestClassicPage(t *testing.T) {
	dir := trainingPage(t, "classic", "flowers.csv", map[string]float64{"sorts": .001})
	for model, row := range map[string]struct {
		input string
		worst float64
	}{"yield": {"yield.csv", .05}, "descent": {"yield.csv", .1}, "gold": {"gold.libsvm", .001}, "steps": {"gold.libsvm", .02}, "clusters": {"flowers.csv", 0}, "given": {"flowers.csv", 0}} {
		score := evaluate(t, dir, model, row.input)
		if score.Error > row.worst || score.Inertia > .6 {
			t.Errorf("%s: %+v, want an error of %v at most", model, score, row.worst)
		}
	}
}

// A score is what bsp model eval says.
type score struct{ Error, Inertia float64 }

func evaluate(t *testing.T, dir, model, input string) (s score) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bsp", "model", "eval", "./"+model, "--input", input)
	cmd.Dir = dir
	b, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Errorf("%s: %s %v", model, b, err)
	}
	return s
}

// trainingPage does what a page says in a folder, and checks the errors of models that are there then.
func trainingPage(t *testing.T, name, test string, worst map[string]float64) (dir string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/" + name + ".md")
	if err != nil {
		t.Fatal(err)
	}
	script := strings.Builder{}
	for line := range strings.Lines(string(page)) {
		if command, indented := strings.CutPrefix(line, "    "); indented {
			script.WriteString(command)
		}
	}
	if n := strings.Count(script.String(), "bsp "); n < 10 {
		t.Fatalf("%d commands are too few:\n%s", n, &script)
	}
	dir = t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", script.String())
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for model, worst := range worst {
		if s := evaluate(t, dir, model, test); s.Error > worst {
			t.Errorf("%s: %+v, want an error of %v at most", model, s, worst)
		}
	}
	return dir
}

// steps reads a job's output.
func steps(t *testing.T, folder string) map[string]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "bsp", "data", "cat", folder).Output()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(out)) {
		id, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		values[id] = value
	}
	return values
}
