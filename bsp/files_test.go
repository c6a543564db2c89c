package bsp_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/job"
)

// writers is a program whose peers return in different supersteps, each with a file.
func writers(ctx context.Context, p *bsp.Peer[int]) error {
	var sum struct{ Sum int }
	if _, err := p.State(&sum); err != nil {
		return err
	}
	for p.Superstep() < 3+p.Index() {
		sum.Sum += p.Superstep()
		if err := p.Sync(ctx); err != nil {
			return err
		}
	}
	return p.WriteFile(ctx, fmt.Sprintf("of-%d.txt", p.Index()), fmt.Append(nil, sum.Sum))
}

func TestFiles(t *testing.T) {
	want := map[string]string{"of-0.txt": "3", "of-1.txt": "6", "of-2.txt": "10"}
	r, err := bsp.Run(t.Context(), 3, writers, bsp.Files())
	if err != nil {
		t.Fatal(err)
	}
	same := func(got map[string][]byte) {
		t.Helper()
		if !maps.EqualFunc(want, got, func(a string, b []byte) bool { return a == string(b) }) {
			t.Errorf("files %q, want %q", got, want)
		}
	}
	same(r.Files)
	for restart := range 4 { // at superstep 3 peer 0 has not returned yet
		same(bsptest.Run(t, bsptest.Config{Peers: 3, Tasks: 2, RestartAt: restart}, bsp.NewRunner(writers, bsp.Files())).Files)
	}
	_, err = bsptest.Try(t, bsptest.Config{Peers: 3, Tasks: 2, RestartAt: 4}, bsp.NewRunner(writers, bsp.Files()))
	if err == nil || !strings.Contains(err.Error(), "no checkpoint at superstep 4") {
		t.Errorf("a checkpoint after the first peer has returned: %v", err)
	}
}

// A local job's files are all that its output has.
func TestFilesLocal(t *testing.T) {
	out := t.TempDir() + "/model"
	spec := job.Spec{Peers: 3, Output: "file://" + out}
	if _, _, err := bsp.RunLocal(t.Context(), bsp.NewRunner(writers, bsp.Files()), bsp.LocalConfig{Spec: spec}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"_SUCCESS", "of-0.txt", "of-1.txt", "of-2.txt"}; !slices.Equal(names, want) {
		t.Errorf("output has %q, want %q", names, want)
	}
	spec.Output = ""
	_, _, err = bsp.RunLocal(t.Context(), bsp.NewRunner(writers, bsp.Files()), bsp.LocalConfig{Spec: spec})
	if f := job.AsFailure(err, job.FaultInternal); err == nil || f.Code != job.ExitUsage || !strings.Contains(f.Message, "--output") {
		t.Errorf("without an output: %v", err)
	}
}

func TestFilesRefused(t *testing.T) {
	for what, row := range map[string]struct {
		prog bsp.Program[int]
		opts []bsp.Option
		want string
	}{
		"no option": {func(ctx context.Context, p *bsp.Peer[int]) error { return p.WriteFile(ctx, "a", nil) }, nil, "option Files"},
		"a part": {func(_ context.Context, p *bsp.Peer[int]) error {
			_, err := io.WriteString(p.Output(), "x")
			return err
		}, []bsp.Option{bsp.Files()}, "use WriteFile"},
		"a name":    {func(ctx context.Context, p *bsp.Peer[int]) error { return p.WriteFile(ctx, "_SUCCESS", nil) }, []bsp.Option{bsp.Files()}, "are kept"},
		"a folder":  {func(ctx context.Context, p *bsp.Peer[int]) error { return p.WriteFile(ctx, "a/b", nil) }, []bsp.Option{bsp.Files()}, "no slash"},
		"no name":   {func(ctx context.Context, p *bsp.Peer[int]) error { return p.WriteFile(ctx, "", nil) }, []bsp.Option{bsp.Files()}, "1 to 255 bytes"},
		"too many":  {tooMany, []bsp.Option{bsp.Files()}, "may write 16 files"},
		"line kept": {func(_ context.Context, p *bsp.Peer[int]) error { p.Write(1, 2); return nil }, []bsp.Option{bsp.Files()}, "use WriteFile"},
	} {
		_, err := bsptest.Try(t, bsptest.Config{}, bsp.NewRunner(row.prog, row.opts...))
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", what, err, row.want)
		}
	}
}

func tooMany(ctx context.Context, p *bsp.Peer[int]) error {
	for i := range 17 {
		if err := p.WriteFile(ctx, strconv.Itoa(i), nil); err != nil {
			return err
		}
	}
	return nil
}

// The peers of one machine share its cores, in whatever tasks they are.
func TestCores(t *testing.T) {
	for _, tasks := range []int{1, 2, 3} {
		var cores [5]int
		bsptest.Run(t, bsptest.Config{Peers: 5, Tasks: tasks}, bsp.NewRunner(func(_ context.Context, p *bsp.Peer[int]) error {
			cores[p.Index()] = p.Cores()
			return nil
		}))
		sum := 0
		for _, n := range cores {
			if sum += n; n < 1 {
				t.Errorf("%d tasks: cores %v", tasks, cores)
			}
		}
		if sum > max(runtime.NumCPU(), 5) {
			t.Errorf("%d tasks: cores %v, of %d", tasks, cores, runtime.NumCPU())
		}
	}
}

func TestTogether(t *testing.T) {
	var got [4][2]int
	bsptest.Run(t, bsptest.Config{Peers: 4, Tasks: 3}, bsp.NewRunner(func(_ context.Context, p *bsp.Peer[int]) error {
		got[p.Index()][0], got[p.Index()][1] = p.Together()
		return nil
	}))
	if want := [4][2]int{{0, 1}, {1, 2}, {2, 4}, {2, 4}}; got != want {
		t.Errorf("peers are together with %v, want %v", got, want)
	}
}
