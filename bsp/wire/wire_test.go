package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/allocs"
	"scalar/internal/pack"
)

func toTask() []wire.ToTask {
	return []wire.ToTask{
		{Start: &wire.TaskStart{
			Key: wire.TaskKey{Job: "pagerank-17", Epoch: 2, Task: 1}, Name: "pagerank", Builtin: "pagerank", Args: []string{"--iterations", "20"},
			Ranges: []job.Range{{Lo: 0, Hi: 2}, {Lo: 2, Hi: 4}}, Hosts: []string{"a", "b"}, Input: "file:///in", OutputTmp: "file:///out.tmp-pagerank-17-2",
			CheckpointDir: "file:///store/checkpoints/pagerank-17", CheckpointEvery: 5,
			Restore:   &wire.Checkpoint{Superstep: 10, Epoch: 1, Files: []wire.Part{{Peer: 0, Path: "file:///c", Size: 12, CRC: 7}}},
			DataPlane: wire.PlaneTLS, Listen: "10.0.0.1", Credentials: &wire.Credentials{CA: []byte("ca"), Cert: []byte("cert"), Key: []byte("key")},
		}},
		{Connect: &wire.Connect{Addrs: []string{"10.0.0.1:4000", "10.0.0.2:4000"}}},
		{Stop: true},
	}
}

func fromTask() []wire.FromTask {
	seconds := job.Seconds{Load: 0.5, Compute: 1.5, Write: 0.25}
	return []wire.FromTask{
		{Address: &wire.Address{Addr: "10.0.0.1:4000"}},
		{Progress: &wire.Progress{Superstep: 12, Counters: map[string]int64{"messages": 5, "a": -1}, Seconds: seconds, Note: "epoch 2/3"}},
		{Checkpoint: &wire.CheckpointPart{Superstep: 10, Task: 1, Files: []wire.Part{{Peer: 2, Path: "file:///c", Size: 1, CRC: 2}}}},
		{LinkLost: job.Fail(job.FaultLink, "link to task 1: EOF")},
		{Done: &wire.TaskDone{Supersteps: 20, Parts: []wire.Part{{Peer: 2, Path: "file:///p"}}, Counters: map[string]int64{"messages": 9}, Seconds: seconds}},
		{Failed: &job.Failure{Kind: job.FaultProgram, Code: 1, Message: "panic: x", Task: 1, Peer: 2, Detail: "stack"}},
		{Trace: trace()},
	}
}

func trace() *job.Trace {
	one := func(v int64) []int64 { return []int64{v, v + 1} }
	return &job.Trace{
		Task: 1, Peers: job.Range{Lo: 2, Hi: 4}, First: 10, Steps: 3, Width: 2, Compute: one(1), Exchange: one(2), Wait: one(3), Messages: one(4), Active: one(0),
		Longest: one(5), End: one(1 << 40), TrackWidth: 4, Tracks: []job.Track{{Peer: 3, Compute: []int64{7}, Exchange: []int64{8}, Wait: []int64{9}}},
		Curves: []job.Curve{{Name: "loss", Width: 4, At: []int64{2, 3}, Y: []float64{0.5, 0}, N: []int64{4, 0}}},
	}
}

// The largest traces that are valid fit their limits, as messages and as files.
func TestTraceSize(t *testing.T) {
	column := func(n int) []int64 { return slices.Repeat([]int64{1 << 53}, n) }
	all := column(job.MaxStretches)
	curves := make([]job.Curve, job.MaxCurves)
	for i := range curves {
		c := job.Curve{Name: fmt.Sprintf("%02d%s", i, strings.Repeat("\"", job.MaxCurveName-2)), Width: 1, N: column(job.MaxPoints)}
		for k := range job.MaxPoints {
			c.At, c.Y = append(c.At, 1<<39+int64(k)), append(c.Y, -1.2345678901234567e-300)
		}
		curves[i] = c
	}
	for _, tracks := range []int{1, 16, job.MaxTracks} {
		tr := &job.Trace{
			Peers: job.Range{Hi: job.MaxPeers}, First: 1 << 39, Steps: job.MaxStretches << 20, Curves: curves, Width: 1 << 20, Compute: all, Exchange: all, Wait: all, Messages: all, Active: all, Longest: all, End: all,
			TrackWidth: 1 << 20 * max(tracks/16, 1),
		}
		for i := range tracks {
			cells := column(min(8192/tracks, job.MaxStretches))
			tr.Tracks = append(tr.Tracks, job.Track{Peer: job.MaxPeers - tracks + i, Compute: cells, Exchange: cells, Wait: cells})
		}
		if !tr.Valid(0, tr.Peers) {
			t.Errorf("%d tracks: not valid", tracks)
		}
		b, err := pack.Marshal(wire.FromTask{Trace: tr})
		if err != nil || len(b) > job.MaxTrace {
			t.Errorf("%d tracks: a message of %d bytes, %v", tracks, len(b), err)
		}
		if b, err := json.Marshal(tr); err != nil || len(b) > job.MaxTraceFile {
			t.Errorf("%d tracks: a file of %d bytes, %v", tracks, len(b), err)
		}
	}
}

func report() wire.Report {
	return wire.Report{
		Cluster: "c", Groom: "g1", Incarnation: 3, Seq: 9, OrdersSeq: 4, OrdersTerm: 2, Addr: "10.0.0.1", Slots: 4, Cores: 2, Memory: 1 << 33, Version: "v",
		Tasks: []wire.TaskStatus{{
			Key: wire.TaskKey{Job: "pi-1", Epoch: 1}, Phase: wire.Working, PID: 77, Addr: "10.0.0.1:1", Superstep: 3, Counters: map[string]int64{"messages": 1}, Note: "a note",
			Checkpoints: []wire.CheckpointPart{{Superstep: 2, Files: []wire.Part{{Path: "p"}}}}, Failure: job.Fail(job.FaultProgram, "x"),
		}},
		Storage: []wire.StorageStatus{{Job: "pi-1", Epoch: 1, Done: true}},
	}
}

func orders() wire.Orders {
	return wire.Orders{
		Term: 2, Seq: 4, Cluster: "c",
		Tasks: []wire.TaskOrder{{
			Start: *toTask()[0].Start, Program: job.Program{Name: "p", Digest: "ab"}, Files: []job.File{{Name: "f", Digest: "cd", Size: 3}},
			Env: map[string]string{"K": "V"}, Limits: wire.Limits{Memory: 1 << 30, Cores: 1, Procs: 100}, Addrs: []string{"x"},
		}},
		Storage: []wire.StorageOrder{{Job: "pi-1", Epoch: 1, Commit: &wire.OutputCommit{Tmp: "t", Output: "o", Parts: []wire.Part{{Path: "p"}}}, Remove: []string{"r"}}},
	}
}

// Every message comes back as it was, one after another on one connection, and
// nothing follows the last.
func TestRoundTrip(t *testing.T) {
	var b bytes.Buffer
	want := make([]any, 0, 20)
	for _, m := range toTask() {
		want = append(want, &m)
	}
	for _, m := range fromTask() {
		want = append(want, &m)
	}
	r, o := report(), orders()
	want = append(want, &r, &o, &wire.Probe{Inputs: []string{"i"}, Output: "o"}, &wire.ProbeReply{Missing: []string{"i"}, OutputExists: true},
		&wire.LogRequest{Key: wire.TaskKey{Job: "a-1"}, Offset: 5, Max: 10}, &wire.LogReply{Data: []byte("x"), Offset: 5, EOF: true},
		&wire.ReportReply{Cluster: "c", Leader: "l", Term: 4})
	for _, m := range want {
		if err := pack.WriteFrame(&b, m); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range want {
		got := reflect.New(reflect.TypeOf(m).Elem()).Interface()
		if err := pack.ReadFrame(&b, pack.MaxOrders, got); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%T: %+v, want %+v, %v", m, got, m, err)
		}
	}
	if err := pack.ReadFrame(&b, pack.MaxOrders, &wire.ToTask{}); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

// A newer version's fields are skipped, and what an older one leaves out is zero.
func TestOtherVersions(t *testing.T) {
	type newer struct {
		Address *wire.Address
		Later   map[string][]int
	}
	b, err := pack.Marshal(newer{Address: &wire.Address{Addr: "a"}, Later: map[string][]int{"x": {1}}})
	if err != nil {
		t.Fatal(err)
	}
	var m wire.FromTask
	if err := pack.Unmarshal(b, &m); err != nil || m.Address == nil || m.Address.Addr != "a" || m.Done != nil {
		t.Errorf("%+v, %v", m, err)
	}
	type progress struct { // before there were notes
		Superstep int
		Seconds   job.Seconds
	}
	type older struct{ Progress *progress }
	if b, err = pack.Marshal(older{&progress{Superstep: 7}}); err != nil {
		t.Fatal(err)
	}
	if err := pack.Unmarshal(b, &m); err != nil || m.Progress == nil || m.Progress.Superstep != 7 || m.Progress.Note != "" {
		t.Errorf("%+v, %v", m, err)
	}
	var old older
	if b, err = pack.Marshal(wire.FromTask{Progress: &wire.Progress{Superstep: 8, Note: "new"}}); err != nil {
		t.Fatal(err)
	}
	if err := pack.Unmarshal(b, &old); err != nil || old.Progress == nil || old.Progress.Superstep != 8 {
		t.Errorf("%+v, %v", old, err)
	}
}

func TestPhases(t *testing.T) {
	for p, want := range map[wire.Phase]string{wire.Starting: "starting", wire.Dead: "dead", 99: "unknown"} {
		if p.String() != want {
			t.Errorf("%d is %q", p, p.String())
		}
	}
}

// fuzz decodes bytes from outside into a message; what is taken must survive a
// round trip, and no input may take long or much memory.
func fuzz[M any](f *testing.F, seeds ...M) {
	f.Helper()
	for _, m := range seeds {
		b, err := pack.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff})                          // an array that claims 2^32-1 items
	f.Add(append(bytes.Repeat([]byte{0x91}, 100), 0xc0))                 // nested too deep
	f.Add([]byte{0x81, 0xa5, 'S', 't', 'a', 'r', 't', 0xc7, 0xff, 0x01}) // an extension
	f.Fuzz(func(t *testing.T, b []byte) {
		began := time.Now()
		var m, again M
		var err error
		if got := allocs.Bytes(func() { err = pack.Unmarshal(b, &m) }); got > 2*uint64(1<<20+8*len(b)) {
			t.Errorf("%d bytes took %d of memory", len(b), got)
		}
		if err != nil {
			return
		}
		out, err := pack.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := pack.Unmarshal(out, &again); err != nil {
			t.Fatalf("%+v cannot be read back: %v", m, err)
		}
		if second, err := pack.Marshal(again); err != nil || !bytes.Equal(out, second) {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
		if took := time.Since(began); took > 10*time.Second { // a hang, whatever else the machine does
			t.Errorf("%d bytes took %v", len(b), took)
		}
	})
}

func FuzzToTask(f *testing.F)   { fuzz(f, toTask()...) }
func FuzzFromTask(f *testing.F) { fuzz(f, fromTask()...) }
func FuzzReport(f *testing.F)   { fuzz(f, report()) }
func FuzzOrders(f *testing.F)   { fuzz(f, orders()) }
