package groom_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"scalar/bsp/wire"
	"scalar/groom"
	"scalar/internal/netx"
)

func writeIncarnation(t *testing.T, dir string, n uint64) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, "incarnation"), []byte(strconv.FormatUint(n, 10)+"\n"), 0o600))
}

// freeAddr returns an address that was free a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := netx.Listen(t.Context(), "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func get(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	r, err := client.Do(req)
	must(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	must(t, err)
	return string(b)
}

// child starts a groom in a process of its own.
func child(t *testing.T, cfg groom.Config) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), cfg.Exe)
	cmd.Env = append(os.Environ(), groomEnv+"="+saveConfig(t, cfg))
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(b), ") Z ")
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// A groom that is killed takes its tasks along, and what survives is found by the
// next one.
func TestKilledGroom(t *testing.T) {
	for _, cgroups := range []bool{false, true} {
		t.Run(fmt.Sprintf("cgroups=%v", cgroups), func(t *testing.T) {
			c := newCluster(t)
			m := c.master("m1")
			cfg := c.config()
			if cfg.DisableCgroups = !cgroups; cgroups && !groom.CgroupsUsable(t.TempDir()) {
				t.Skip("no cgroup can be made here")
			}
			cmd := child(t, cfg)
			arg := uniqueSleep()
			polite, ghost, parent := newKey(), newKey(), newKey()
			m.order(play(polite, "stay"), play(ghost, "ghost"), play(parent, "parent", "setsid", arg))
			first := m.awaitPhase(polite, wire.Working).PID
			second := m.awaitPhase(ghost, wire.Working).PID
			m.awaitPhase(parent, wire.Working)
			eventually(t, "the escaped child runs", func() bool { return len(sleepers(arg)) == 1 })
			// A task is working for its groom once the addresses are on their way to it:
			// only its own words tell that it plays its part.
			logged := func(key wire.TaskKey, words string) func() bool {
				return func() bool {
					b, err := os.ReadFile(filepath.Join(cfg.DataDir, "logs", string(key.Job), "1-0.log"))
					return err == nil && strings.Contains(string(b), words)
				}
			}
			eventually(t, "the polite task's words are in its log", logged(polite, "connected to"))
			eventually(t, "the ghost's words are in its log", logged(ghost, "ghost here"))
			before := m.await("a report", func(wire.Report) bool { return true }).Incarnation
			must(t, cmd.Process.Kill())
			_ = cmd.Wait()
			eventually(t, "a polite task ends with its groom", func() bool { return !alive(first) })
			if !alive(second) {
				t.Error("the ghost should have survived")
			}

			m.mu.Lock() // a new incarnation is ordered nothing
			m.orders.Tasks = nil
			m.mu.Unlock()
			next := c.run(cfg)
			m.await("a new incarnation", func(r wire.Report) bool { return r.Incarnation > before && len(r.Tasks) == 0 })
			if alive(second) || len(sleepers(arg)) > 0 {
				t.Error("a task of the earlier incarnation is alive")
			}
			next.empty()
			if log := c.storedLog(polite); !strings.Contains(log, "connected to") {
				t.Errorf("log of the killed groom's task: %q", log)
			}
			must(t, next.stop())
		})
	}
}

func TestMemoryLimitByTheKernel(t *testing.T) {
	if !groom.KernelLimitsMemory(t.TempDir()) {
		t.Skip("no memory cgroup can be made here")
	}
	_, m, g := one(t, func(c *groom.Config) { c.DisableCgroups = false })
	key := newKey()
	order := play(key, "hog")
	order.Limits = wire.Limits{Memory: 64 << 20, Cores: 1, Procs: 100}
	m.order(order)
	if f := m.awaitDead(key); f.Message != "task 0 used more than its 64 MiB of memory: raise --memory" {
		t.Errorf("failure %+v", f)
	}
	m.order()
	m.awaitGone(key)
	g.empty()
	must(t, g.stop())
	if left := groom.CgroupsLeft(g.cfg.Name, g.cfg.DataDir); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}
