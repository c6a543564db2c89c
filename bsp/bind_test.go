package bsp_test

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// Tasks get their share of the cores, in order, if it is even.
func TestCoresOf(t *testing.T) {
	for _, row := range []struct{ before, own, here, n, lo, hi int }{
		{0, 1, 1, 2, 0, 2},
		{0, 2, 2, 2, 0, 2},
		{0, 1, 2, 2, 0, 1},
		{1, 1, 2, 2, 1, 2},
		{1, 1, 2, 16, 8, 16},
		{2, 2, 4, 4, 2, 4},
		{0, 1, 4, 2, 0, 1},
		{3, 1, 4, 2, 1, 2},
		{0, 3, 4, 2, 0, 2},
		{0, 1, 3, 2, 0, 2},
		{1, 1, 3, 4, 0, 4},
		{2, 1, 3, 1, 0, 1},
		{5, 1, 6, 3, 2, 3},
	} {
		if lo, hi := bsp.CoresOf(row.before, row.own, row.here, row.n); lo != row.lo || hi != row.hi {
			t.Errorf("%d peers behind %d of %d, %d cores: [%d, %d), want [%d, %d)", row.own, row.before, row.here, row.n, lo, hi, row.lo, row.hi)
		}
	}
}

// A cgroup's quota, which Go knows, is shared as cores are, though all cores are there.
func TestProcsOf(t *testing.T) {
	for _, row := range []struct {
		own, here, cores, all int
		quota                 bool
		want                  int
	}{
		{1, 1, 64, 2, true, 2},
		{1, 2, 32, 2, true, 1},
		{1, 4, 16, 2, true, 1},
		{2, 3, 64, 4, true, 3},
		{1, 2, 1, 2, false, 1},
		{1, 2, 2, 1, false, 1}, // told by GOMAXPROCS
	} {
		if n := bsp.ProcsOf(row.own, row.here, row.cores, row.all, row.quota); n != row.want {
			t.Errorf("%+v: %d", row, n)
		}
	}
}

// Task processes of a local run share what this one may use, not the machine's cores.
func TestLocalProcs(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	t.Setenv("BSP_BIND", "off")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(6 * runtime.NumCPU()))
	_, out, err := local(t.Context(), t, spec("bound", 3, 3))
	if want := "procs\t" + strconv.Itoa(2*runtime.NumCPU()) + "\n"; err != nil || strings.Count(out, want) != 3 {
		t.Errorf("%q, %v: want 3 times %q", out, err, want)
	}
}

// Tasks of one machine are bound apart, and not where they are told to be free.
func TestBind(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	for _, mode := range []string{"", "off"} {
		t.Setenv("BSP_BIND", mode)
		free := mode == "off" || runtime.NumCPU()%2 == 1
		c := launch(t, 2, func(s *wire.TaskStart) { s.Builtin, s.Args = "bound", nil })
		c.connect(t)
		var sets [2][]int
		for i, p := range c.procs {
			m := last(t, p)
			if m.Done == nil {
				t.Fatalf("%+v", m)
			}
			var procs int
			sets[i], procs = coresIn(t, m.Done.Parts[0].Path)
			want := runtime.NumCPU() / 2
			if free {
				want = runtime.NumCPU()
			}
			if len(sets[i]) != want || procs != want {
				t.Errorf("BSP_BIND=%s: task %d has cores %v and runs on %d, want %d", mode, i, sets[i], procs, want)
			}
		}
		if !free && slices.ContainsFunc(sets[0], func(cpu int) bool { return slices.Contains(sets[1], cpu) }) {
			t.Errorf("tasks on cores %v and %v", sets[0], sets[1])
		}
	}
}

func coresIn(t *testing.T, part string) (set []int, procs int) {
	t.Helper()
	b, err := os.ReadFile(strings.TrimPrefix(part, "file://"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		what, number, _ := strings.Cut(strings.TrimSpace(line), "\t")
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		if what == "procs" {
			procs = n
		} else {
			set = append(set, n)
		}
	}
	return set, procs
}

// A wrong word is an error, which no other attempt mends.
func TestBindWord(t *testing.T) {
	t.Setenv("BSP_BIND", "always")
	c := launch(t, 1, func(*wire.TaskStart) {})
	m := last(t, c.procs[0])
	if m.Failed == nil || m.Failed.Kind != job.FaultInput || !strings.Contains(m.Failed.Message, "BSP_BIND=always: want cores or off") {
		t.Errorf("%+v", m)
	}
}
