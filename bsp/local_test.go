package bsp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"scalar/bsp"
	"scalar/bsp/job"
)

// spec is a job of a test program in task processes, or in this one.
func spec(name string, peers, tasks int, args ...string) job.Spec {
	return job.Spec{Name: name, Program: job.Program{Name: name, Builtin: name}, Peers: peers, Tasks: tasks, Args: args}
}

func local(ctx context.Context, t *testing.T, s job.Spec, change ...func(*bsp.LocalConfig)) (job.Info, string, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, err := lookup(s.Program.Builtin, s.Args)
	if err != nil {
		t.Fatal(err)
	}
	cfg := bsp.LocalConfig{Spec: s, Exe: exe, ScratchDir: t.TempDir(), Stderr: io.Discard}
	for _, f := range change {
		f(&cfg)
	}
	info, out, err := bsp.RunLocal(ctx, r, cfg)
	if left, _ := filepath.Glob(cfg.ScratchDir + "/*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return info, string(out), err
}

// Tasks on one machine share its memory.
func TestLocalMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(3 << 40))
	if _, got, err := local(t.Context(), t, spec("memory", 3, 3)); err != nil || got != strings.Repeat("limit\t1099511627776\n", 3) {
		t.Errorf("limits %q, %v", got, err)
	}
}

func TestLocalEqualBits(t *testing.T) {
	info, want, err := local(t.Context(), t, spec("ring", 4, 1))
	if err != nil || info.State != job.Succeeded || info.DataPlane != "in-process" || info.Supersteps != 100 || info.Result != want || want == "" {
		t.Fatalf("%+v, %v", info, err)
	}
	for _, tasks := range []int{2, 4} {
		info, got, err := local(t.Context(), t, spec("ring", 4, tasks))
		if err != nil || got != want || info.DataPlane != "unix" || info.Supersteps != 100 || info.Attempts != 1 {
			t.Errorf("%d tasks: %+v, %v", tasks, info, err)
		}
		if info.Counters["sent"] != 400 || info.Counters[job.CounterMessages] != 400 || info.Counters[job.CounterWireBytes] == 0 {
			t.Errorf("%d tasks: counters %v", tasks, info.Counters)
		}
		if s := info.Seconds; s.Total <= 0 || s.Compute <= 0 || s.Start <= 0 || s.Start+s.Load+s.Compute > s.Total {
			t.Errorf("%d tasks: seconds %+v", tasks, s)
		}
	}
}

// gated is a ring of 4 peers in 2 tasks with checkpoints every 10 supersteps that waits
// at its gates. While all wait at the first one a checkpoint is written, and another
// one while they wait at the second: then last is called.
func gated(t *testing.T, s *job.Spec, scratch string, last func(checkpoints []string)) (wait func()) {
	t.Helper()
	dir := t.TempDir()
	s.Args, s.CheckpointEvery = []string{"100", "0", dir}, 10
	var watcher sync.WaitGroup
	watcher.Go(func() {
		for i, gate := range []string{"/30", "/60"} {
			for peer := range 4 {
				await(t, fmt.Sprintf("%s%s-%d", dir, gate, peer))
			}
			written := settled(t, scratch, i+1)
			if gate == "/60" && len(written) > 1 {
				last(written)
			}
			if err := os.WriteFile(dir+gate, nil, 0o600); err != nil {
				t.Error(err)
			}
		}
	})
	return watcher.Wait
}

// settled waits until at least n checkpoints of the first attempt are there and no
// more are coming, and returns the newest one's file of peer 3 and those before it.
func settled(t *testing.T, scratch string, n int) (files []string) {
	t.Helper()
	for quiet, deadline := 0, time.Now().Add(time.Minute); quiet < 20; time.Sleep(10 * time.Millisecond) {
		now, err := filepath.Glob(scratch + "/checkpoints/1/*/peer-*")
		if err != nil || time.Now().After(deadline) {
			t.Errorf("checkpoints %v: %v", now, err)
			return nil
		}
		if quiet++; len(now) != len(files) || len(now) < 4*n || len(now)%4 != 0 {
			quiet = 0
		}
		files = now
	}
	files = slices.DeleteFunc(files, func(f string) bool { return !strings.HasSuffix(f, "/peer-3") })
	slices.Reverse(files)
	return files
}

// A task process killed in the middle costs nothing but time: the bits are equal.
func TestLocalKill(t *testing.T) {
	_, want, err := local(t.Context(), t, spec("ring", 4, 1, "100"))
	if err != nil {
		t.Fatal(err)
	}
	for _, output := range []bool{false, true} {
		s, scratch := spec("ring", 4, 2), t.TempDir()
		if output {
			s.Output = t.TempDir() + "/out"
		}
		from := ""
		wait := gated(t, &s, scratch, func(checkpoints []string) {
			from = filepath.Base(filepath.Dir(checkpoints[0]))
			kill(t, "ring-local/1/1")
		})
		var log bytes.Buffer
		info, got, err := local(t.Context(), t, s, func(cfg *bsp.LocalConfig) { cfg.ScratchDir, cfg.Stderr = scratch, &log })
		wait()
		if err != nil || info.Attempts != 2 {
			t.Fatalf("%+v, %v", info, err)
		}
		if output {
			got = read(t, s.Output)
		}
		if got != want || info.Supersteps != 100 || info.Counters["sent"] != 400 || info.Counters[job.CounterMessages] != 400 {
			t.Errorf("output %v: %+v", output, info)
		}
		if log.String() != "attempt 1 failed: task 1 was killed (signal: killed); starting again from superstep "+from+"\n" {
			t.Errorf("checkpoint of superstep %s, log: %s", from, log.String())
		}
	}
}

// A checkpoint that has gone bad is found out and the one before it used.
func TestLocalDamagedCheckpoint(t *testing.T) {
	_, want, err := local(t.Context(), t, spec("ring", 4, 1, "100"))
	if err != nil {
		t.Fatal(err)
	}
	s, scratch := spec("ring", 4, 2), t.TempDir()
	var steps []string
	wait := gated(t, &s, scratch, func(checkpoints []string) {
		for _, f := range checkpoints {
			steps = append(steps, filepath.Base(filepath.Dir(f)))
		}
		f, err := os.OpenFile(checkpoints[0], os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt([]byte("damage"), 60)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Error(err)
		}
		kill(t, "ring-local/1/0")
	})
	var log bytes.Buffer
	info, got, err := local(t.Context(), t, s, func(cfg *bsp.LocalConfig) { cfg.ScratchDir, cfg.Stderr = scratch, &log })
	wait()
	if err != nil || got != want || info.Attempts != 3 || len(steps) < 2 {
		t.Fatalf("%+v, %v, checkpoints %v, log %s", info, err, steps, log.String())
	}
	for _, want := range []string{
		"attempt 1 failed: task 0 was killed (signal: killed); starting again from superstep " + steps[0] + "\n",
		"attempt 2 failed: peer 3: checkpoint of superstep " + steps[0] + ": ",
		"starting again from superstep " + steps[1] + "\n",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("log %swant %s", log.String(), want)
		}
	}
}

// kill ends the task process whose BSP_TASK_ID is id by SIGKILL.
func kill(t *testing.T, id string) {
	t.Helper()
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil || !bytes.Contains(b, []byte("BSP_TASK_ID="+id+"\x00")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err != nil {
			t.Fatal(err)
		}
		if parent, err := os.ReadFile(filepath.Dir(f) + "/stat"); err != nil || !strings.Contains(string(parent), fmt.Sprintf(" %d ", os.Getpid())) {
			continue // another run of these tests
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("no process of task %s", id)
}

// read returns a committed output.
func read(t *testing.T, dir string) string {
	t.Helper()
	if _, err := os.Stat(dir + "/_SUCCESS"); err != nil {
		t.Fatal(err)
	}
	parts, err := filepath.Glob(dir + "/part-*")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, p := range parts {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	if left, _ := filepath.Glob(dir + ".tmp-*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return all.String()
}

// What a program does wrong is told as its groom would tell it, after four attempts.
func TestLocalFaults(t *testing.T) {
	for how, want := range map[string]string{
		"error": "out of luck", "panic": "panic: out of luck", "exit": "task 0 exited with code 3 before it finished",
	} {
		s := spec("fault", 3, 2, how)
		s.Peers = 4
		s.Output = t.TempDir() + "/out"
		s.CheckpointEvery = 2
		info, _, err := local(t.Context(), t, s)
		f, ok := errors.AsType[*job.Failure](err)
		if !ok || f.Message != want || f.Kind != job.FaultProgram || f.Code != job.ExitFailed || f.Task != 0 {
			t.Errorf("%s: %#v", how, err)
		}
		if info.State != job.Failed || info.ExitCode != 1 || info.Attempts != 4 || info.Error == nil {
			t.Errorf("%s: %+v", how, info)
		}
		if left, _ := filepath.Glob(filepath.Dir(s.Output) + "/*"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		if how == "panic" && !strings.Contains(f.Detail, "programs_test.go") {
			t.Errorf("detail: %s", f.Detail)
		}
	}
	info, _, err := local(t.Context(), t, spec("fault", 2, 1, "error"))
	if err == nil || info.Attempts != 1 {
		t.Errorf("in one process: %d attempts, %v", info.Attempts, err)
	}
}

// An output that cannot be made is told before anything is computed.
func TestLocalOutputIsDenied(t *testing.T) {
	disk := t.TempDir()
	if os.Getuid() != 0 {
		if err := os.Chmod(disk, 0o500); err != nil {
			t.Fatal(err)
		}
	} else if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	} else {
		defer func() {
			if err := syscall.Unmount(disk, 0); err != nil {
				t.Error(err)
			}
		}()
	}
	for _, output := range []string{"/out", "/made/too/out"} {
		s := spec("fault", 3, 1, "error")
		s.Output = disk + output
		info, _, err := local(t.Context(), t, s)
		f, ok := errors.AsType[*job.Failure](err)
		if !ok || f.Kind != job.FaultOutput || f.Code != job.ExitDenied || !strings.Contains(f.Message, "output: write in "+disk+": ") || info.Attempts != 0 {
			t.Errorf("%s after %d attempts: %#v", output, info.Attempts, err)
		}
	}
}

func TestLocalStopAndTimeout(t *testing.T) {
	for _, tasks := range []int{1, 2} {
		ctx, cancel := context.WithCancel(t.Context())
		info, _, err := local(ctx, t, spec("ring", 2, tasks, "1000000", "1"), func(cfg *bsp.LocalConfig) {
			cfg.Progress = func(p bsp.Progress) {
				if p.Superstep > 0 {
					cancel()
				}
			}
		})
		cancel()
		if err == nil || info.State != job.Stopped || info.ExitCode != job.ExitStopped || err.Error() != "stopped" {
			t.Errorf("%d tasks: %+v, %v", tasks, info, err)
		}
		s := spec("ring", 2, tasks, "1000000", "1")
		s.Timeout = 300 * time.Millisecond
		info, _, err = local(t.Context(), t, s)
		if err == nil || info.State != job.TimedOut || info.ExitCode != job.ExitTimedOut || !strings.HasPrefix(err.Error(), "timed out after ") {
			t.Errorf("%d tasks: %+v, %v", tasks, info, err)
		}
	}
}

// A program that ignores its context does not hold up the end of its process.
func TestLocalHang(t *testing.T) {
	s := spec("fault", 2, 2, "hang")
	s.Timeout = 500 * time.Millisecond
	began := time.Now()
	info, _, err := local(t.Context(), t, s)
	if err == nil || info.State != job.TimedOut || time.Since(began) > 20*time.Second {
		t.Errorf("after %v: %+v, %v", time.Since(began), info, err)
	}
}

func TestLocalPaths(t *testing.T) {
	dir := t.TempDir()
	s := spec("ring", 2, 2)
	s.Output = dir // exists, empty or not
	if _, _, err := local(t.Context(), t, s); exitCode(err) != job.ExitUsage || !strings.Contains(err.Error(), "exists") {
		t.Errorf("output exists: %v", err)
	}
	s = spec("words", 2, 2)
	s.Input = dir + "/missing"
	if _, _, err := local(t.Context(), t, s); exitCode(err) != job.ExitNotFound {
		t.Errorf("input missing: %v", err)
	}
	s.Input = dir + "/bad.gz"
	if err := os.WriteFile(s.Input, []byte("no gzip"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tasks := range []int{1, 2} {
		s.Tasks = tasks
		info, _, err := local(t.Context(), t, s)
		if exitCode(err) != job.ExitFailed || info.Attempts != 1 || !strings.Contains(err.Error(), "bad.gz") {
			t.Errorf("malformed input, %d tasks: %d attempts, %v", tasks, info.Attempts, err)
		}
	}
	if _, _, err := local(t.Context(), t, spec("ring", 2, 3)); exitCode(err) != job.ExitUsage {
		t.Errorf("more tasks than peers: %v", err)
	}
	s = spec("ring", 2, 1)
	s.Output = dir + "/deep/er/out"
	if info, out, err := local(t.Context(), t, s); err != nil || out != "" || info.Result != "" || !strings.Contains(read(t, s.Output), "sum\t") {
		t.Errorf("output: %+v, %v", info, err)
	}
}

func exitCode(err error) int {
	if f, ok := errors.AsType[*job.Failure](err); ok {
		return f.Code
	}
	return -1
}

// One process restarts too, where more than one attempt is asked for.
func TestLocalOneProcessAttempts(t *testing.T) {
	s := spec("fault", 2, 1, "error")
	s.MaxAttempts, s.CheckpointEvery = 3, 4
	info, _, err := local(t.Context(), t, s)
	if err == nil || info.Attempts != 3 {
		t.Errorf("%+v, %v", info, err)
	}
}
