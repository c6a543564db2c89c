package groom_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"scalar/bsp/wire"
	"scalar/groom"
	"scalar/internal/gossip"
)

func writeIncarnation(t *testing.T, dir string, n uint64) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, "incarnation"), []byte(strconv.FormatUint(n, 10)+"\n"), 0o600))
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
	return childBy(t, cfg, cfg.Exe)
}

// childBy is child, started by a command that ends by exec'ing it.
func childBy(t *testing.T, cfg groom.Config, command ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
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

// A task may make groups below its own and go there: they end with it, and with its
// groom's next life.
func TestGroupsBelowATasks(t *testing.T) {
	if !groom.CgroupsUsable(t.TempDir()) {
		t.Skip("no cgroup can be made here")
	}
	c := newCluster(t)
	m := c.master("m1")
	cfg := c.config()
	cfg.DisableCgroups = false
	// start has a task run two groups below its own.
	start := func(role string) (key wire.TaskKey, pid int, groups []string) {
		key = newKey()
		m.order(play(key, role))
		pid = m.awaitPhase(key, wire.Working).PID
		groups = groom.TaskGroups(cfg.Name, cfg.DataDir, key)
		for _, dir := range groups {
			must(t, os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755))
			must(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
			must(t, os.WriteFile(filepath.Join(dir, "a", "b", "cgroup.procs"), []byte(strconv.Itoa(pid)), 0))
		}
		return key, pid, groups
	}
	gone := func(pid int, groups []string) {
		t.Helper()
		if len(groups) == 0 || alive(pid) {
			t.Errorf("process %d of groups %v: alive %v", pid, groups, alive(pid))
		}
		for _, dir := range groups {
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("%s: %v", dir, err)
			}
		}
	}

	cmd := child(t, cfg)
	_, pid, groups := start("ghost")
	before := m.await("a report", func(wire.Report) bool { return true }).Incarnation
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	m.mu.Lock()
	m.orders.Tasks = nil
	m.mu.Unlock()
	g := c.run(cfg)
	m.await("a new incarnation", func(r wire.Report) bool { return r.Incarnation > before })
	gone(pid, groups)

	key, pid, groups := start("stubborn")
	m.order()
	m.awaitGone(key)
	gone(pid, groups)
	g.empty()
}

// What cannot be removed does not keep a groom from its work.
func TestWhatResistsIsLeft(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	c := newCluster(t)
	m := c.master("m1")
	cfg := c.config()
	var log lockedBuffer
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	stuck := filepath.Join(cfg.DataDir, "tasks", "x-1-0")
	must(t, os.MkdirAll(stuck, 0o755))
	if err := syscall.Mount("tmpfs", stuck, "tmpfs", 0, "size=4k"); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	}
	defer func() { must(t, syscall.Unmount(stuck, 0)) }()
	c.run(cfg)
	m.await("a report", func(wire.Report) bool { return true })
	if !strings.Contains(log.String(), `msg="something of a task of an earlier run stays" groom=g1 what="folder x-1-0"`) {
		t.Errorf("log %s", log.String())
	}
}

// A program that forks without end is stopped where the order has no limit.
func TestForkBomb(t *testing.T) {
	if !groom.KernelLimitsProcs(t.TempDir()) {
		t.Skip("no pids cgroup can be made here")
	}
	c, m, g := one(t, func(c *groom.Config) { c.DisableCgroups, c.Procs = false, 30 })
	for _, order := range []int{0, 50, 1 << 30} {
		key := newKey()
		o := play(key, "forkbomb")
		o.Limits.Procs = order
		m.order(o)
		m.awaitPhase(key, wire.Done)
		m.order()
		m.awaitGone(key)
		if n := started(t, c.storedLog(key)); n >= max(order, 30) || n < min(max(order, 30)/2, 100) {
			t.Errorf("with an order of %d: %d processes", order, n)
		}
	}
	g.empty()
}

// started returns how many processes a fork bomb has started.
func started(t *testing.T, log string) (n int) {
	t.Helper()
	_, rest, _ := strings.Cut(log, "started ")
	if _, err := fmt.Sscan(rest, &n); err != nil || n < 100 && !strings.Contains(log, "resource temporarily unavailable") {
		t.Errorf("log %q: %v", log, err)
	}
	return n
}

// Without a cgroup the tasks' user is what is counted by.
func TestForkBombOfAUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	var log lockedBuffer
	c, m, g := one(t, func(c *groom.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.TaskUser, c.Procs = reachable(t, c.DataDir), 16 // for each of 4 slots
		c.TaskUser.UID = 61_357                           // of this test alone
	})
	key := newKey()
	o := play(key, "forkbomb")
	o.Program = c.putProgram(g.cfg.Exe, "x")
	m.order(o)
	m.awaitPhase(key, wire.Done)
	m.order()
	m.awaitGone(key)
	if strings.Contains(log.String(), "CAP_SYS_RESOURCE") {
		t.Skip("this root may not limit another user's processes, and the groom says so")
	}
	if n := started(t, c.storedLog(key)); n >= 64 || n < 32 {
		t.Errorf("%d processes", n)
	}
	g.empty()
}

// A groom's own cgroups are gone before gossip has said goodbye: whoever starts many
// on one machine does not wait for that.
func TestCgroupsGoFirst(t *testing.T) {
	if !groom.CgroupsUsable(t.TempDir()) {
		t.Skip("no cgroup can be made here")
	}
	_, m, g := one(t, func(c *groom.Config) { c.DisableCgroups = false })
	key := newKey()
	m.order(play(key, "stay"))
	m.awaitPhase(key, wire.Working)
	m.order()
	m.awaitGone(key)
	listed := func() bool {
		return slices.ContainsFunc(m.gossip.Members(), func(m gossip.Member) bool { return m.ID == "g1" })
	}
	eventually(t, "gossip lists the groom", listed)
	folders := groom.GroomGroups(g.cfg.Name, g.cfg.DataDir)
	go func() { _ = g.stop() }() // returned by the cleanup
	eventually(t, "the goodbye", func() bool { return !listed() })
	for _, dir := range folders {
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is there after the goodbye: %v", dir, err)
		}
	}
}

// All tasks together weigh less than one daemon, whose group or process has the
// kernel's default.
func TestTasksWeighLessThanADaemon(t *testing.T) {
	if !groom.CgroupsUsable(t.TempDir()) {
		t.Skip("no cgroup can be made here")
	}
	_, m, g := one(t, func(c *groom.Config) { c.DisableCgroups, c.Cores = false, 64 })
	key := newKey()
	o := play(key, "stay")
	o.Limits.Cores = 64
	m.order(o)
	m.awaitPhase(key, wire.Working)
	found := false
	for _, dir := range groom.GroomGroups(g.cfg.Name, g.cfg.DataDir) {
		for file, usual := range map[string]int{"cpu.shares": 1024, "cpu.weight": 100} {
			b, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				continue // another hierarchy
			}
			found = true
			if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err != nil || n >= usual || n < usual/10 {
				t.Errorf("%s in %s is %q", file, dir, b)
			}
		}
	}
	if !found {
		t.Skip("no cgroup shares the CPU here")
	}
}

// A groom that comes back in another cgroup, and by another path to its data folder,
// finds what the life before has left.
func TestLeftoversElsewhere(t *testing.T) {
	if !groom.CgroupsUsable(t.TempDir()) {
		t.Skip("no cgroup can be made here")
	}
	c := newCluster(t)
	m := c.master("m1")
	cfg := c.config()
	cfg.DisableCgroups = false
	bases := groom.GroomGroups(cfg.Name, cfg.DataDir)
	groups, moves := make([]string, 0, len(bases)), make([]string, 0, len(bases)+1)
	for _, base := range bases {
		must(t, os.Remove(base))
		dir := filepath.Join(filepath.Dir(base), "bsp-test-"+uniqueSleep())
		must(t, os.Mkdir(dir, 0o755))
		t.Cleanup(func() { _ = os.Remove(dir) })
		moves = append(moves, "echo $$ > "+dir+"/cgroup.procs")
		groups = append(groups, dir)
	}
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(filepath.Dir(cfg.DataDir), link))
	linked := cfg
	linked.DataDir = filepath.Join(link, cfg.Name)
	cmd := childBy(t, linked, "sh", "-c", strings.Join(append(moves, "exec "+cfg.Exe), " && "))
	arg := uniqueSleep()
	key := newKey()
	m.order(play(key, "parent", "cleanenv", arg))
	m.awaitPhase(key, wire.Working)
	eventually(t, "the escaped child runs", func() bool { return len(sleepers(arg)) == 1 })
	before := m.await("a report", func(wire.Report) bool { return true }).Incarnation
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	m.mu.Lock()
	m.orders.Tasks = nil
	m.mu.Unlock()
	g := c.run(cfg)
	m.await("a new incarnation", func(r wire.Report) bool { return r.Incarnation > before })
	if left := sleepers(arg); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	must(t, g.stop())
	for _, dir := range groups {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	}
}
