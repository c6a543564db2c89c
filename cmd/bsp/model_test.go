package main_test

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/ml/nn"
)

const goldenModels = "../../ml/model/testdata/v1"

// copyModels copies the golden models into a folder.
func copyModels(t *testing.T, dir string) {
	t.Helper()
	if err := os.CopyFS(dir, os.DirFS(goldenModels)); err != nil {
		t.Fatal(err)
	}
}

// ^C ends a prediction that waits for its rows, and nothing is left of them.
func TestPredictStops(t *testing.T) {
	models := t.TempDir()
	copyModels(t, models)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	l := &local{t: t, tmp: t.TempDir(), cmd: exec.CommandContext(t.Context(), "bsp", "predict", models+"/points", "--input", "-")}
	l.cmd.Dir, l.cmd.Env, l.cmd.Stdin = t.TempDir(), append(os.Environ(), "TMPDIR="+l.tmp), r
	l.cmd.Stdout, l.cmd.Stderr = &l.stdout, &l.stderr
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err := io.WriteString(w, "1,2\n3,4\n"); err != nil {
		t.Fatal(err)
	}
	l.eventually("rows are kept", func() bool {
		kept, _ := filepath.Glob(l.tmp + "/*/stdin")
		if len(kept) == 0 {
			return false
		}
		info, err := os.Stat(kept[0])
		return err == nil && info.Size() > 0
	})
	if err := l.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	l.ends()
	if l.stdout.Len() > 0 || l.stderr.String() != "bsp: stopped\n" {
		t.Errorf("stdout %q, stderr %q", &l.stdout, &l.stderr)
	}
}

// idx writes a file of bytes.
func idx(t *testing.T, file string, dims []uint32, values string) {
	t.Helper()
	b := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, d)
	}
	if err := os.WriteFile(file, append(b, values...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Of a folder with MNIST's names, eval and predict read t10k-*, and --part says otherwise.
func TestParts(t *testing.T) {
	dir := t.TempDir()
	idx(t, dir+"/train-images-idx3-ubyte", []uint32{4, 1, 2}, "\x00\xff\xff\x00\x00\xff\xff\x00")
	idx(t, dir+"/train-labels-idx1-ubyte", []uint32{4}, "\x03\x05\x03\x05")
	idx(t, dir+"/t10k-images-idx3-ubyte", []uint32{2, 1, 2}, "\xff\x00\x00\xff")
	idx(t, dir+"/t10k-labels-idx1-ubyte", []uint32{2}, "\x05\x05")
	_, e, err := data.Load(t.Context(), data.Input{URL: dir, Target: data.Classes})
	if err != nil {
		t.Fatal(err)
	}
	net := nn.MLP(2, nil, 2)
	g, err := nn.Compile(net)
	if err != nil {
		t.Fatal(err)
	}
	m := &model.Model{Kind: "softmax", Transform: e.Transform(), Net: net}
	arena := make([]float32, g.Size())
	copy(arena, []float32{0, 1, 1, 0}) // the class whose pixel is the larger
	files, err := m.Files(model.Tensors(g, arena))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(folder, f.Name), f.Content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for args, want := range map[string]string{
		"":             `{"n":2,"error":0.5,"accuracy":0.5,`,
		"--part test":  `{"n":2,"error":0.5,`,
		"--part train": `{"n":4,"error":0,`,
		"--part train --labels " + dir + "/train-labels-idx1-ubyte": `{"n":4,"error":0,`,
	} {
		out, err := exec.CommandContext(t.Context(), "bsp", append([]string{"model", "eval", folder, "--input", dir}, strings.Fields(args)...)...).Output()
		if err != nil || !strings.HasPrefix(string(out), want) || !json.Valid(out) {
			t.Errorf("%s: %s, want %s: %v", args, out, want, err)
		}
	}
	for args, want := range map[string]string{
		"--input " + dir:                              "0\t5\t",
		"--part train --input " + dir:                 "0\t3\t",
		"--input " + dir + "/train-images-idx3-ubyte": "0\t3\t",
	} {
		out, err := exec.CommandContext(t.Context(), "bsp", append([]string{"predict", folder}, strings.Fields(args)...)...).Output()
		if err != nil || !strings.HasPrefix(string(out), want) {
			t.Errorf("%s: %s, want %s: %v", args, out, want, err)
		}
	}
}
