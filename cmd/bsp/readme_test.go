package main_test

import (
	"os"
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
