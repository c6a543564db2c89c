package programs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scalar/bsp/bsptest"
	"scalar/bsp/job"
)

// TestOneClass checks that rows of one class are refused by all that learns classes, with one line.
func TestOneClass(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"rows.csv": "x,y,kind\n1,2,a\n3,4,a\n", "rows.svm": "1 1:2\n1 1:3 2:1\n"} {
		url := filepath.Join(dir, name)
		if err := os.WriteFile(url, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"softmax", "softmax --optimizer lbfgs", "softmax --optimizer adam", "logistic", "logistic --optimizer lbfgs", "mlp"} {
			t.Run(name+"/"+line, func(t *testing.T) {
				words := strings.Fields(line)
				r, err := catalog().NewRunner(words[0], words[1:])
				if err != nil {
					t.Fatal(err)
				}
				_, err = bsptest.Try(t, bsptest.Config{Peers: 1, Input: url}, r)
				if f := job.AsFailure(err, job.FaultProgram); err == nil || f.Code != job.ExitFailed || !strings.Contains(f.Message, "there is nothing to tell apart") {
					t.Fatalf("error %v", err)
				}
			})
		}
	}
}
