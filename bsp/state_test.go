package bsp_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/job"
)

// keep runs 8 supersteps with a state of type T that begins as first returns, is
// changed by each in every superstep, and is shown at the end.
func keep[T any](first func() T, each func(*T, int)) bsp.Runner {
	return bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
		st := first()
		if _, err := p.State(&st); err != nil {
			return err
		}
		for p.Superstep() < 8 {
			each(&st, p.Superstep())
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		p.Write(p.Index(), fmt.Sprintf("%+v", st))
		return nil
	})
}

// What a restart restores is all of the state: nothing of what the program puts
// there before stays.
func TestStateReplaces(t *testing.T) {
	type point struct{ X, Y int }
	type state struct {
		Done map[int]bool
		Last *point         `msgpack:",omitempty"`
		List []string       `msgpack:",omitempty"`
		Seen map[string]int `msgpack:",omitempty"`
		Grid [2]map[string]point
	}
	for name, r := range map[string]bsp.Runner{
		"a frontier": keep(func() map[int]bool { return map[int]bool{0: true} }, func(m *map[int]bool, _ int) {
			next := map[int]bool{}
			for v := range *m {
				next[v+1] = true
			}
			*m = next
		}),
		"maps in fields": keep(func() state {
			return state{Done: map[int]bool{0: true, 1: true}, Grid: [2]map[string]point{{"a": {1, 2}}, {"b": {3, 4}}}}
		}, func(st *state, s int) {
			delete(st.Done, s)
			delete(st.Grid[s%2], "a")
			st.Grid[1][strconv.Itoa(s)] = point{s, s}
		}),
		"empty fields": keep(func() state {
			return state{Last: &point{1, 1}, List: []string{"first"}, Seen: map[string]int{"first": 1}}
		}, func(st *state, s int) {
			if s == 2 {
				st.Last, st.List, st.Seen = nil, nil, nil
			}
		}),
	} {
		t.Run(name, func(t *testing.T) { bsptest.SameBits(t, bsptest.Config{Peers: 2, RestartAt: 5}, r) })
	}
}

// cached is embedded by a state: it counts through its exported fields.
type cached struct {
	Sum    int
	square func(int) int
}

// Fields that are not encoded stay as the program has set them, in structs within the
// state too; a time, whose fields are all unexported, is restored.
func TestStateLeavesWhatItDoesNotHold(t *testing.T) {
	type part struct {
		N    int
		name string
	}
	type state struct {
		cached
		Part  part
		Since time.Time
		Log   []string `msgpack:"-"`
	}
	start := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	prog := func(ctx context.Context, p *bsp.Peer[int]) error {
		st := state{cached: cached{square: func(x int) int { return x * x }}, Part: part{name: "preset"}, Log: []string{"kept"}}
		if _, err := p.State(&st); err != nil {
			return err
		}
		for p.Superstep() < 8 {
			st.Sum += st.square(p.Superstep())
			st.Part.N++
			st.Since = start.Add(time.Duration(p.Superstep()) * time.Hour)
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		p.Write(st.Sum, fmt.Sprint(st.Part, st.Since.UTC(), st.Log))
		return nil
	}
	bsptest.SameBits(t, bsptest.Config{RestartAt: 5}, bsp.NewRunner(prog))
}

// muddled has an encoding of its own, in which its two numbers change places.
type muddled struct{ A, B int }

func (m *muddled) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%d %d", m.A, m.B), nil }
func (m *muddled) UnmarshalText(b []byte) error {
	_, err := fmt.Sscanf(string(b), "%d %d", &m.B, &m.A)
	return err
}

// restless writes itself in another way each time, and reads all of them.
type restless struct{ N, written int }

func (r *restless) MarshalText() ([]byte, error) {
	r.written++
	return fmt.Appendf(nil, "%d %d", r.N, r.written), nil
}

func (r *restless) UnmarshalText(b []byte) error {
	_, err := fmt.Sscanf(string(b), "%d %d", &r.N, &r.written)
	return err
}

// A state that a restart could not go on from ends the job at the first checkpoint,
// by one line and for good.
func TestStateThatCannotComeBack(t *testing.T) {
	type node struct {
		V    int
		Next *node
	}
	type box struct{ Params map[string]any }
	type shapes struct{ All []fmt.Stringer }
	nest := func(head **node, depth int) {
		for range depth {
			*head = &node{1, *head}
		}
	}
	for name, row := range map[string]struct {
		runner bsp.Runner
		want   string // empty: it can
	}{
		"int":        {keep(func() box { return box{map[string]any{}} }, func(b *box, s int) { b.Params["n"] = s }), "State: *bsp_test.box.Params holds a value of type int in an interface"},
		"deep int":   {keep(func() []any { return []any{[]any{"x"}} }, func(l *[]any, s int) { *l = append(*l, []any{s}) }), "holds a value of type int in an interface"},
		"key":        {keep(func() map[any]bool { return nil }, func(m *map[any]bool, _ int) { *m = map[any]bool{uint8(7): true} }), "uint8 in an interface"},
		"native":     {keep(func() box { return box{map[string]any{}} }, func(b *box, s int) { b.Params["x"] = []any{float64(s), "s", nil, int8(s)} }), ""},
		"interfaces": {keep(func() shapes { return shapes{} }, func(l *shapes, _ int) { l.All = append(l.All, time.Second) }), "time.Duration in an interface"},
		"no value":   {keep(func() shapes { return shapes{} }, func(*shapes, int) {}), ""},
		"deep":       {keep(func() *node { return nil }, func(head **node, _ int) { nest(head, 20) }), "deeper than 32"},
		"not deep":   {keep(func() *node { return nil }, func(head **node, _ int) { nest(head, 3) }), ""},
		"func":       {keep(func() any { return nil }, func(f *any, _ int) { *f = func() {} }), "State: "},
		"muddled":    {keep(func() []muddled { return nil }, func(l *[]muddled, s int) { *l = []muddled{{s, s + 1}} }), "would not be after a restart what it is now"},
		"restless":   {keep(func() []restless { return nil }, func(l *[]restless, s int) { *l = []restless{{N: s}} }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if row.want == "" {
				if _, err := bsptest.Try(t, bsptest.Config{RestartAt: 5}, row.runner); err != nil {
					t.Fatal(err)
				}
				return
			}
			s := job.Spec{Name: "x", Peers: 1, MaxAttempts: 4, CheckpointEvery: 5}
			info, _, err := bsp.RunLocal(t.Context(), row.runner, bsp.LocalConfig{Spec: s, ScratchDir: t.TempDir()})
			f, ok := errors.AsType[*job.Failure](err)
			if !ok || !strings.Contains(f.Message, row.want) || strings.Contains(f.Message, "\n") || info.Attempts != 1 {
				t.Errorf("%d attempts, %v, want %q", info.Attempts, err, row.want)
			}
		})
	}
}

// half encodes itself and cannot be read.
type half struct{}

func (half) MarshalBinary() ([]byte, error) { return nil, nil }

// What cannot be restored is refused when State is called.
func TestStateRefuses(t *testing.T) {
	var none *int
	for v, want := range map[any]string{
		nil: "State(nil): give a pointer", none: "State(*int): give a pointer", 7: "State(int): give a pointer", half{}: "no UnmarshalBinary",
	} {
		_, err := bsp.Run(t.Context(), 1, func(_ context.Context, p *bsp.Peer[int]) error {
			_, err := p.State(v)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%#v: %v, want %q", v, err, want)
		}
	}
}

// heap is what is in use after three collections: what a sync.Pool holds goes with the second,
// what a finalizer has held with the third.
func heap() uint64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// The file of a checkpoint does not stay in memory once its state is restored.
func TestRestoreLetsTheFileGo(t *testing.T) {
	const size = 32 << 20
	prog := func(ctx context.Context, p *bsp.Peer[int]) error {
		state := make([]byte, size)
		resumed, err := p.State(&state)
		if err != nil {
			return err
		}
		if resumed {
			p.Count("heap", int64(heap()))
		}
		for p.Superstep() < 4 {
			p.SetValues([]byte("a value"))
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		p.Write(len(state), len(p.Values()))
		return nil
	}
	before := heap()
	got := bsptest.Run(t, bsptest.Config{RestartAt: 3}, bsp.NewRunner(prog))
	if more := got.Counters["heap"] - int64(before); more < size/2 || more > size*3/2 {
		t.Errorf("%d MiB in use after the restart, the state has %d", more>>20, size>>20)
	}
}
