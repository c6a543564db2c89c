package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"scalar/internal/procfs"
)

// damages are what makes a model's folder one that cannot be served, with what is said of it.
func damages() map[string]struct {
	damage func(folder string) error
	says   string
} {
	const model, weights = "/model.json", "/weights.safetensors"
	edit := func(old, now string) func(string) error {
		return func(folder string) error {
			text, err := os.ReadFile(folder + model)
			if err == nil && !strings.Contains(string(text), old) {
				err = fmt.Errorf("model.json has no %s", old)
			}
			if err == nil {
				err = os.WriteFile(folder+model, []byte(strings.ReplaceAll(string(text), old, now)), 0o600)
			}
			return err
		}
	}
	return map[string]struct {
		damage func(folder string) error
		says   string
	}{
		"cut":     {func(folder string) error { return os.Truncate(folder+weights, 100) }, "it is not whole"},
		"gone":    {func(folder string) error { return os.Remove(folder + weights) }, "there is no weights.safetensors"},
		"torn":    {func(folder string) error { return os.Truncate(folder+model, 50) }, "model.json"},
		"text":    {func(folder string) error { return os.Truncate(folder+model, 1<<40) }, "model.json"},
		"numbers": {func(folder string) error { return os.Truncate(folder+weights, 1<<40) }, "it is not whole"},
		"folder": {func(folder string) error {
			if err := os.Remove(folder + model); err != nil {
				return err
			}
			return os.Mkdir(folder+model, 0o700)
		}, "model.json"},
		"pipe": {func(folder string) error {
			if err := os.Remove(folder + model); err != nil {
				return err
			}
			return syscall.Mkfifo(folder+model, 0o600)
		}, "model.json"},
		"swapped": {func(folder string) error {
			text, err := os.ReadFile(folder + weights)
			if err != nil {
				return err
			}
			text[len(text)-1] ^= 1
			return os.WriteFile(folder+weights, text, 0o600)
		}, "digest"},
		"claims": {func(folder string) error {
			info, err := os.Stat(folder + weights)
			if err != nil {
				return err
			}
			if err := edit(fmt.Sprintf(`"bytes":%d`, info.Size()), `"bytes":1099511627776`)(folder); err != nil {
				return err
			}
			return os.Truncate(folder+weights, 1<<40)
		}, "it was changed after training"},
	}
}

// TestServeDamaged serves a good model beside one that cannot be served, in all ways: the good one answers, a line says which,
// why and what to do, and when the folder is mended the server is ready.
func TestServeDamaged(t *testing.T) {
	for name, d := range damages() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			copyModels(t, dir)
			bad := filepath.Join(dir, "digits")
			if err := d.damage(bad); err != nil {
				t.Fatal(err)
			}
			args := []string{"--models", dir, "--insecure"}
			if len(name)%2 == 0 {
				args = []string{"--insecure", "--model", "digits=" + bad, "--model", "points=" + filepath.Join(dir, "points")}
			}
			s := startServing(t, args...)
			s.url = "http://" + s.listens()
			line := s.says("a model cannot be served until its folder is mended")
			for _, want := range []string{"model=digits", "version=1", bad + " ", d.says} {
				if !strings.Contains(line, want) {
					t.Errorf("%s\nwant %s", line, want)
				}
			}
			s.says("not ready until all models are: the others answer")
			s.wants(200, "", "/predict/points", "[1,2]")
			s.wants(503, "", "/v2/health/ready", "")
			s.wants(200, "", "/v2/health/live", "")
			if text := s.wants(503, "", "/v2/models/digits", ""); !strings.Contains(text, d.says) {
				t.Error(text)
			}
			if text := s.wants(200, "", "/v2/repository/index", "{}"); !strings.Contains(text, `"state":"UNAVAILABLE"`) || !strings.Contains(text, d.says) {
				t.Error(text)
			}
			if n := resident(t, s.cmd.Process.Pid); n > 128<<20 {
				t.Errorf("it has %d MiB", n>>20)
			}
			whole := filepath.Join(t.TempDir(), "whole")
			if err := os.CopyFS(whole, os.DirFS(goldenModels+"/digits")); err != nil {
				t.Fatal(err)
			}
			if err := unix.Renameat2(unix.AT_FDCWD, whole, unix.AT_FDCWD, bad, unix.RENAME_EXCHANGE); err != nil { // at once
				t.Fatal(err)
			}
			s.ready()
			s.wants(200, "", "/v2/health/ready", "")
			s.wants(200, "", "/v2/models/digits", "")
		})
	}
}

// listens returns the address that a server without tokens warns of.
func (s *serving) listens() string {
	s.t.Helper()
	_, address, _ := strings.Cut(s.says("whoever reaches "), "whoever reaches ")
	address, _, _ = strings.Cut(address, " ")
	return address
}

// resident returns the memory of a process, bytes.
func resident(t *testing.T, pid int) int {
	t.Helper()
	text, err := procfs.Read(pid, "statm", make([]byte, 1<<10))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// TestServeEmpty says that a folder of models has none yet, which may be the wrong folder.
func TestServeEmpty(t *testing.T) {
	s := startServing(t, "--models", t.TempDir(), "--insecure")
	s.says("there is no model yet")
	s.ready()
}

// TestServeUnused refuses settings that would be for nothing, or are times below 0, in a line that says which.
func TestServeUnused(t *testing.T) {
	dir := t.TempDir()
	keys := filepath.Join(dir, "serve.yaml")
	put(t, keys, "keys:\n  - {sha256: "+strings.Repeat("00", 32)+", namespace: a}\n")
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"--insecure", "--data", dir}, "leave out --cert, --key and --data"},
		{[]string{"--insecure", "--cert", "c"}, "leave out --cert, --key and --data"},
		{[]string{"--insecure", "--config", keys}, "leave out keys"},
		{[]string{"--data", dir, "--cert", "c", "--key", "k", "--config", keys}, "there are --cert and keys"},
		{[]string{"--insecure", "--drain", "-1s"}, "drain is -1s"},
		{[]string{"--insecure", "--header-timeout", "-1s"}, "header_timeout is -1s"},
		{[]string{"--insecure", "--body-timeout", "-2s"}, "body_timeout is -2s"},
		{[]string{"--insecure", "--idle-timeout", "-3s"}, "idle_timeout is -3s"},
	} {
		s := startServing(t, append([]string{"--models", dir}, tt.args...)...)
		if code := s.ends(); code != 2 {
			t.Errorf("%v: exit code %d", tt.args, code)
		}
		lines := strings.Split(strings.TrimSpace(s.told.String()), "\n")
		if last := lines[len(lines)-1]; !strings.Contains(last, tt.says) {
			t.Errorf("%v: %s", tt.args, last)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "token")); err == nil {
		t.Error("a token was made")
	}
}

// TestServeNone ends where no model can be served, and says which and why.
func TestServeNone(t *testing.T) {
	dir := t.TempDir()
	copyModels(t, dir)
	all := damages()
	for name, damage := range map[string]string{"digits": "cut", "houses": "torn", "points": "gone"} {
		if err := all[damage].damage(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := startServing(t, "--models", dir, "--insecure")
	if code := s.ends(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	lines := strings.Split(strings.TrimSpace(s.told.String()), "\n")
	last := lines[len(lines)-1]
	for _, want := range []string{"no model can be served: ", "digits, version 1: ", "houses, version 1: ", "points, version 1: "} {
		if !strings.Contains(last, want) {
			t.Errorf("%s\nwant %s", last, want)
		}
	}
	// Another waits until one is mended.
	s = startServing(t, "--models", dir, "--insecure", "--wait")
	s.url = "http://" + s.listens()
	s.says("not ready until all models are")
	s.wants(503, "", "/v2/health/ready", "")
	if err := os.RemoveAll(filepath.Join(dir, "digits")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "digits"), os.DirFS(goldenModels+"/digits")); err != nil {
		t.Fatal(err)
	}
	s.says("a model was loaded")
	s.wants(200, "", "/v2/models/digits/ready", "")
	// A folder of models that is not there leaves the others alone too.
	s = startServing(t, "--model", "points="+goldenModels+"/points", "--models", filepath.Join(dir, "later"), "--insecure")
	s.url = "http://" + s.listens()
	s.says("a folder of models cannot be read")
	s.wants(503, "", "/v2/health/ready", "")
	s.wants(200, "", "/predict/points", "[1,2]")
	if err := os.Mkdir(filepath.Join(dir, "later"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.ready()
}

// TestServeLate waits for a folder that is not there yet, where it is told to, and says which.
func TestServeLate(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "points")
	s := startServing(t, "--model", "points="+folder, "--insecure")
	if code := s.ends(); code != 3 {
		t.Errorf("exit code %d", code)
	}
	s = startServing(t, "--model", "points="+folder, "--insecure", "--wait")
	s.url = "http://" + s.listens()
	if line := s.says("not ready until all models are"); !strings.Contains(line, "there is no folder "+folder) {
		t.Error(line)
	}
	s.wants(503, "", "/v2/health/ready", "")
	s.wants(404, "", "/predict/points", "[1,2]")
	if err := os.CopyFS(folder, os.DirFS(goldenModels+"/points")); err != nil {
		t.Fatal(err)
	}
	s.ready()
	s.wants(200, "", "/predict/points", "[1,2]")
}
