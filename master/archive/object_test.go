package archive_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/master/archive"

	"github.com/klauspost/compress/zstd"
)

var update = flag.Bool("update", false, "rewrite the golden file")

func example() archive.Object {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	f := job.Fail(job.FaultProgram, "peer 1 broke")
	f.Groom = "g1"
	return archive.Object{
		Version: 1, Cluster: "uuid",
		Info: job.Info{
			ID: "pagerank-17", Name: "pagerank", Namespace: "default", Program: "pagerank", State: job.Failed, ExitCode: 1,
			Peers: 4, Tasks: 2, Attempts: 4, Supersteps: 9, Output: "file:///out", DataPlane: "tcp+tls",
			Seconds: job.Seconds{Queued: 0.5, Total: 2}, Counters: map[string]int64{"messages": 5}, Error: f,
			Checkpoint: -1, Submitter: "ann", Submitted: at, Finished: at.Add(2 * time.Second),
			Placement: []job.Placed{{Task: 0, Peers: job.Range{Lo: 0, Hi: 2}, Groom: "g1"}, {Task: 1, Peers: job.Range{Lo: 2, Hi: 4}, Groom: "g2"}},
		},
		Spec:   job.Spec{Program: job.Program{Name: "pagerank", Builtin: "pagerank"}, Args: []string{"--iterations", "9"}, Output: "file:///out"},
		Faults: 4, Placed: at.Add(time.Second), Done: time.Time{},
	}
}

func TestRoundTrip(t *testing.T) {
	o := example()
	o.Info.Result = "is kept apart"
	b, err := archive.Encode(o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := archive.Decode(b)
	if err != nil || !reflect.DeepEqual(got, example()) {
		t.Errorf("%+v, %v", got, err)
	}
}

// The golden file was written by the first version of the format and is read for ever.
func TestGolden(t *testing.T) {
	file := filepath.Join("testdata", "object-v1.json.zst")
	if *update {
		b, err := archive.Encode(example())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b, 0o644); err != nil { //nolint:gosec // a golden file
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := archive.Decode(b)
	if err != nil || !reflect.DeepEqual(got, example()) {
		t.Errorf("%+v, %v", got, err)
	}
}

func pack(tb testing.TB, plain string) []byte {
	tb.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll([]byte(plain), nil)
}

func TestRefused(t *testing.T) {
	good, err := archive.Encode(example())
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty":          {},
		"plain":          []byte(`{"version":1}`),
		"cut":            good[:len(good)-3],
		"flipped":        append(append([]byte{}, good[:len(good)-20]...), bytes.Repeat([]byte{0x55}, 20)...),
		"other version":  pack(t, `{"version":2,"cluster":"c","info":{"id":"a-1","state":"failed"}}`),
		"no version":     pack(t, `{"cluster":"c","info":{"id":"a-1","state":"failed"}}`),
		"no job":         pack(t, `{"version":1,"cluster":"c"}`),
		"runs":           pack(t, `{"version":1,"cluster":"c","info":{"id":"a-1","state":"running"}}`),
		"two":            pack(t, `{"version":1,"cluster":"c","info":{"id":"a-1","state":"failed"}}{}`),
		"bomb":           pack(t, `{"version":1,"cluster":"`+strings.Repeat("x", 64<<20)+`"}`),
		"deep":           pack(t, `{"version":1,"x":`+strings.Repeat("[", 1<<20)),
		"packed too big": make([]byte, archive.MaxPacked+1),
	} {
		if _, err := archive.Decode(b); !errors.Is(err, archive.ErrObject) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The largest object that the history's bounds allow is taken and read again.
func TestLargest(t *testing.T) {
	o := example()
	for i := range job.MaxTasks {
		o.Info.Placement = append(o.Info.Placement, job.Placed{Task: i, Peers: job.Range{Lo: i, Hi: i + 1}, Groom: fmt.Sprintf("%063d", i)})
		o.Info.Counters[fmt.Sprintf("%0256d", i)] = int64(i)
	}
	b, err := archive.Encode(o)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := archive.Decode(b); err != nil || len(got.Info.Counters) != job.MaxTasks+1 {
		t.Errorf("%d counters, %v", len(got.Info.Counters), err)
	}
}

func FuzzObject(f *testing.F) {
	good, err := archive.Encode(example())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(pack(f, `{"version":1,"cluster":"c","info":{"id":"a-1","state":"failed","counters":{"a":1},"placement":[{}]}}`))
	f.Add(pack(f, `{"version":1,"info":[[[[[[[[`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, in := range [][]byte{b, pack(t, string(b))} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			o, err := archive.Decode(in)
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 128<<20 {
				t.Errorf("%d bytes took %d MiB", len(in), grown>>20)
			}
			if err != nil {
				if !errors.Is(err, archive.ErrObject) {
					t.Fatal(err)
				}
				continue
			}
			again, err := archive.Encode(o)
			if err != nil {
				return // what was not UTF-8 has grown over the limit
			}
			if p, err := archive.Decode(again); err != nil || p.Info.ID != o.Info.ID {
				t.Fatalf("%+v became %+v, %v", o, p, err)
			}
		}
	})
}
