package fsm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/allocs"
	"scalar/master/fsm"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func encode(t interface {
	Helper()
	Fatal(args ...any)
}, s *fsm.State,
) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// drawCommand makes a command that often fits the state.
func drawCommand(t *rapid.T, s *fsm.State) fsm.Command {
	groom := func() string { return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "groom") }
	inc := func() uint64 { return rapid.Uint64Range(1, 3).Draw(t, "incarnation") }
	var j *fsm.Job
	if jobs := s.Jobs(); len(jobs) > 0 {
		j = rapid.SampledFrom(jobs).Draw(t, "job")
	} else {
		j = &fsm.Job{ID: "none-1"}
	}
	epoch := j.Epoch + job.Epoch(rapid.SampledFrom([]int{0, 0, 0, 0, 1}).Draw(t, "ahead"))
	c := fsm.Command{Now: start.Add(time.Duration(rapid.IntRange(0, 1e6).Draw(t, "second")) * time.Second)}
	if rapid.Bool().Draw(t, "has request") {
		c.RequestID = rapid.SampledFrom([]string{"r1", "r2", "r3", "r4"}).Draw(t, "request")
	}
	switch rapid.IntRange(0, 14).Draw(t, "command") {
	case 0, 1:
		c.Submit = &fsm.Submit{Results: "file:///r", Spec: job.Spec{
			Program: job.Program{Builtin: "pi"}, Peers: rapid.IntRange(0, 4).Draw(t, "peers"), Timeout: time.Hour, Env: map[string]string{"A": "1", "B": "2", "C": "3"},
		}}
	case 2, 3, 4:
		count := rapid.IntRange(1, 3).Draw(t, "tasks")
		list, lo := make([]fsm.Assignment, 0, count), 0
		for range count {
			n := rapid.IntRange(1, 2).Draw(t, "peers")
			name := groom()
			a := fsm.Assignment{Peers: job.Range{Lo: lo, Hi: lo + n}, Groom: name, Claim: fsm.Claim{Slots: n, MilliCores: 333 * int64(n)}}
			if g, ok := s.Groom(name); ok {
				a.Incarnation = g.Facts.Incarnation
			}
			list = append(list, a)
			lo += n
		}
		c.Place = &fsm.Place{Job: j.ID, Epoch: j.Epoch + 1, Base: s.Index, Tasks: list}
	case 5:
		kind := job.FailureKind(rapid.IntRange(0, 8).Draw(t, "kind"))
		if kind == 0 || kind > job.FaultInternal {
			kind = job.FaultLink // no other can be encoded
		}
		c.EndAttempt = &fsm.EndAttempt{Job: j.ID, Epoch: epoch, Failure: job.Failure{Kind: kind, Groom: groom()}, Last: &fsm.AttemptResult{Supersteps: 3}}
	case 6:
		c.CommitCheckpoint = &fsm.CommitCheckpoint{Job: j.ID, Epoch: epoch, Checkpoint: wire.Checkpoint{
			Superstep: j.Checkpoint + rapid.IntRange(0, 2).Draw(t, "superstep"), Epoch: epoch, Files: []wire.Part{{Path: "x"}},
		}}
	case 7:
		c.Finish = &fsm.Finish{Job: j.ID, Epoch: epoch, Result: fsm.AttemptResult{Counters: fsm.Counters(map[string]int64{"b": 1, "a": 2, "c": 3})}}
	case 8:
		c.Committed = &fsm.Committed{Job: j.ID, Epoch: epoch}
	case 9:
		c.Stop = &fsm.Stop{Job: j.ID, Last: &fsm.AttemptResult{Counters: fsm.Counters(map[string]int64{"b": 1, "a": 2})}}
	case 10:
		c.Cleaned = &fsm.Cleaned{Job: j.ID}
	case 11:
		c.RegisterGroom = &fsm.RegisterGroom{Facts: fsm.Facts{Name: groom(), Incarnation: inc(), Slots: rapid.IntRange(2, 4).Draw(t, "slots"), Cores: 2}}
	case 12:
		c.GroomLost = &fsm.GroomLost{Groom: groom(), Incarnation: inc()}
	case 14:
		c.Archived = &fsm.Archived{Jobs: []job.ID{j.ID, "pi-2", "none-7"}}
	case 13:
		c.TimeOut = &fsm.TimeOut{Job: j.ID}
	}
	return c
}

// Two replicas that apply the same log have the same snapshot byte for byte, one
// of them restored from a snapshot on the way; claims add up at every step.
func TestReplicasAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := fsm.New(), fsm.New()
		for range rapid.IntRange(1, 120).Draw(t, "length") {
			c := drawCommand(t, a)
			entry, err := c.Encode()
			if err != nil {
				t.Fatal(err)
			}
			index := a.Index + 1
			check := rapid.IntRange(0, 9).Draw(t, "check") == 0
			var before []byte
			if check {
				before = encode(t, a)
			}
			nextA, ra := fsm.ApplyEncoded(a, index, entry)
			nextB, rb := fsm.ApplyEncoded(b, index, entry)
			if ra != rb {
				t.Fatalf("results differ: %+v and %+v", ra, rb)
			}
			if check && !bytes.Equal(before, encode(t, a)) {
				t.Fatal("Apply changed the old state")
			}
			if ra.Code != 0 && nextA != a {
				t.Fatal("a refused command changed the state")
			}
			a, b = nextA, nextB
			checkClaims(t, a)
			if rapid.IntRange(0, 9).Draw(t, "restore") == 0 {
				if b, err = fsm.Restore(bytes.NewReader(encode(t, b))); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !bytes.Equal(encode(t, a), encode(t, b)) {
			t.Fatal("snapshots differ")
		}
	})
}

func checkClaims(t *rapid.T, s *fsm.State) {
	used := map[string]fsm.Claim{}
	for j := range s.Active() {
		if j.State != job.Running {
			continue
		}
		for _, a := range j.Tasks {
			used[a.Groom] = used[a.Groom].Plus(a.Claim)
			if g, ok := s.Groom(a.Groom); !ok || g.Lost || g.Facts.Incarnation != a.Incarnation {
				t.Fatalf("job %s runs on a life of groom %s that is over", j.ID, a.Groom)
			}
		}
		if len(j.Checkpoints) > 2 {
			t.Fatalf("job %s keeps %d checkpoints", j.ID, len(j.Checkpoints))
		}
	}
	for g := range s.Grooms() {
		if g.Used != used[g.Facts.Name] {
			t.Fatalf("groom %s: used %+v, claims %+v", g.Facts.Name, g.Used, used[g.Facts.Name])
		}
	}
}

// sample is a state with something of everything.
func sample(t interface {
	Helper()
	Fatal(args ...any)
},
) *fsm.State {
	t.Helper()
	s := fsm.New()
	apply := func(c fsm.Command) {
		c.Now = start.Add(time.Duration(s.Index) * time.Second)
		next, r := fsm.Apply(s, s.Index+1, c)
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
		s = next
	}
	spec := job.Spec{Program: job.Program{Name: "pi", Builtin: "pi"}, Peers: 2, Args: []string{"--samples", "10"}, Env: map[string]string{"K": "V"}}
	one := []fsm.Assignment{{Peers: job.Range{Hi: 2}, Groom: "a", Incarnation: 1, Host: "h", Claim: fsm.Claim{Slots: 2}}}
	apply(fsm.Command{Bootstrap: &fsm.Bootstrap{Cluster: "uuid", AdminHash: []byte("hash")}})
	apply(fsm.Command{RegisterGroom: &fsm.RegisterGroom{Facts: fsm.Facts{Name: "a", Incarnation: 1, Addr: "h", Slots: 4, Cores: 1.5, Memory: 1 << 30}}})
	apply(fsm.Command{CreateToken: &fsm.CreateToken{ID: "t", Name: "ann", Role: job.Admin, Namespace: "*", Hash: bytes.Repeat([]byte{7}, 32)}})
	for range 3 {
		apply(fsm.Command{RequestID: fmt.Sprint("r", s.LastJob), Submit: &fsm.Submit{Spec: spec, Submitter: "ann", Results: "file:///r"}})
	}
	for _, id := range []job.ID{"pi-1", "pi-2"} {
		apply(fsm.Command{Place: &fsm.Place{Job: id, Epoch: 1, Base: s.Index, Tasks: one, CA: []byte("ca")}})
	}
	apply(fsm.Command{CommitCheckpoint: &fsm.CommitCheckpoint{Job: "pi-1", Epoch: 1, Checkpoint: wire.Checkpoint{Superstep: 4, Epoch: 1, Files: []wire.Part{{Peer: 1, Path: "c", Size: 3, CRC: 9}}}}})
	apply(fsm.Command{EndAttempt: &fsm.EndAttempt{Job: "pi-1", Epoch: 1, Failure: *job.Fail(job.FaultLink, "link")}})
	apply(fsm.Command{Finish: &fsm.Finish{Job: "pi-2", Epoch: 1, Result: fsm.AttemptResult{Supersteps: 1, Counters: fsm.Counters(map[string]int64{"n": 5}), DataPlane: "tcp"}}})
	apply(fsm.Command{Committed: &fsm.Committed{Job: "pi-2", Epoch: 1}})
	apply(fsm.Command{Cleaned: &fsm.Cleaned{Job: "pi-2"}})
	return s
}

// The format of snapshots is what the golden file says. A new version reads it still.
func TestSnapshotGolden(t *testing.T) {
	path := filepath.Join("testdata", "snapshot-v1.golden")
	got := encode(t, sample(t))
	if os.Getenv("GOLDEN") != "" {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the snapshot has %d bytes and differs from %s: keep the format, or give it a new version", len(got), path)
	}
	s, err := fsm.Restore(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encode(t, s), want) {
		t.Error("restoring and encoding again gives other bytes")
	}
	// The first masters wrote what is zero too; it is the same state.
	zeros, err := os.ReadFile(filepath.Join("testdata", "snapshot-v1-zeros.golden"))
	if err != nil {
		t.Fatal(err)
	}
	if s, err = fsm.Restore(bytes.NewReader(zeros)); err != nil || !bytes.Equal(encode(t, s), want) {
		t.Errorf("with zeros written out: %v", err)
	}
}

func TestSnapshotDamage(t *testing.T) {
	good := encode(t, sample(t))
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, err := fsm.Restore(bytes.NewReader(bad)); err == nil {
			t.Errorf("byte %d of %d changed without notice", i, len(good))
		}
		if i%9 > 0 {
			continue
		}
		if _, err := fsm.Restore(bytes.NewReader(good[:i])); err == nil {
			t.Errorf("cut at %d of %d without notice", i, len(good))
		}
	}
}

// A job with all that commands can give it still fits a snapshot: one that cannot
// be written would let Raft's log grow for ever.
func TestSnapshotOfALargeJob(t *testing.T) {
	s := fsm.New()
	apply := func(c fsm.Command) error {
		t.Helper()
		c.Now = start
		b, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		next, r := fsm.ApplyEncoded(s, s.Index+1, b)
		s = next
		return r.Err()
	}
	must := func(c fsm.Command) {
		t.Helper()
		if err := apply(c); err != nil {
			t.Fatal(err)
		}
	}
	files := func(n int) []wire.Part {
		list := make([]wire.Part, n)
		for i := range list {
			list[i] = wire.Part{Peer: i, Path: strings.Repeat("p", 150), Size: 1 << 40, CRC: 1 << 31}
		}
		return list
	}
	must(fsm.Command{RegisterGroom: &fsm.RegisterGroom{Facts: fsm.Facts{Name: "a", Incarnation: 1, Slots: 1}}})
	must(fsm.Command{Submit: &fsm.Submit{Spec: job.Spec{Program: job.Program{Builtin: "p"}, Args: []string{strings.Repeat("x", job.MaxSpecBytes-1000)}}, Results: "file:///r"}})
	must(fsm.Command{Place: &fsm.Place{Job: "job-1", Epoch: 1, Base: 9, Tasks: []fsm.Assignment{{Peers: job.Range{Hi: 1}, Groom: "a", Incarnation: 1, Claim: fsm.Claim{Slots: 1}}}}})
	checkpoint := func(superstep, n int) fsm.Command {
		return fsm.Command{CommitCheckpoint: &fsm.CommitCheckpoint{Job: "job-1", Epoch: 1, Checkpoint: wire.Checkpoint{Superstep: superstep, Epoch: 1, Files: files(n)}}}
	}
	must(checkpoint(1, job.MaxPeers))
	must(checkpoint(2, job.MaxPeers))
	if err := apply(checkpoint(3, job.MaxPeers*5/4)); !errors.Is(err, fsm.ErrInvalid) {
		t.Errorf("a checkpoint over the limit: %v", err)
	}
	long := []fsm.Counter{{Name: strings.Repeat("x", fsm.MaxCounterName+1)}}
	if err := apply(fsm.Command{Finish: &fsm.Finish{Job: "job-1", Epoch: 1, Result: fsm.AttemptResult{Counters: long}}}); !errors.Is(err, fsm.ErrInvalid) {
		t.Errorf("a counter over the limit: %v", err)
	}
	must(fsm.Command{Finish: &fsm.Finish{Job: "job-1", Epoch: 1, Result: fsm.AttemptResult{Parts: files(job.MaxPeers)}}})
	b := encode(t, s)
	again, err := fsm.Restore(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encode(t, again), b) {
		t.Error("restoring and encoding again gives other bytes")
	}
}

// A snapshot of 100,000 jobs is to have at most 50 MiB, and to be restored within 2 s;
// that is measured by BenchmarkRestore. Here: they are all there.
func TestManyJobs(t *testing.T) {
	s := many(t, 3_000)
	back, err := fsm.Restore(bytes.NewReader(encode(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(back.Jobs()); n != 3_000 {
		t.Errorf("%d jobs came back", n)
	}
}

func many(t interface {
	Helper()
	Fatal(args ...any)
}, n int,
) *fsm.State {
	t.Helper()
	s := fsm.New()
	spec := job.Spec{Name: "count", Program: job.Program{Name: "pagerank", Builtin: "pagerank"}, Args: []string{"--iterations", "20"}, Peers: 8, Input: "file:///data/graph", Output: "file:///data/out"}
	for i := range n {
		next, r := fsm.Apply(s, uint64(i+1), fsm.Command{Now: start, Submit: &fsm.Submit{Spec: spec, Submitter: "ann"}})
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
		s = next
	}
	return s
}

func BenchmarkRestore(b *testing.B) {
	data := encode(b, many(b, 100_000))
	for b.Loop() {
		if _, err := fsm.Restore(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(data))/(1<<20), "MiB")
}

func FuzzCommand(f *testing.F) {
	s := sample(f)
	for _, c := range []fsm.Command{
		{Now: start, Stop: &fsm.Stop{Job: "pi-3"}},
		{Now: start, RequestID: "q", Submit: &fsm.Submit{Spec: job.Spec{Program: job.Program{Builtin: "x"}}, Results: "r"}},
		{Now: start, Place: &fsm.Place{Job: "pi-3", Epoch: 1, Base: 99, Tasks: []fsm.Assignment{{Peers: job.Range{Hi: 2}, Groom: "a", Incarnation: 1, Claim: fsm.Claim{Slots: 2}}}}},
		{Now: start, RegisterGroom: &fsm.RegisterGroom{Facts: fsm.Facts{Name: "a", Incarnation: 2, Slots: 1}}},
		{Now: start, EndAttempt: &fsm.EndAttempt{Job: "pi-1", Epoch: 1, Failure: *job.Fail(job.FaultCheckpoint, "x")}},
	} {
		b, err := c.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff})
	before := encode(f, s)
	f.Fuzz(func(t *testing.T, b []byte) {
		var next *fsm.State
		var r fsm.Result
		if got := allocs.Bytes(func() { next, r = fsm.ApplyEncoded(s, s.Index+1, b) }); got > 2*uint64(1<<20+8*len(b)) {
			t.Errorf("%d bytes took %d of memory", len(b), got)
		}
		if r.Code != 0 && next != s {
			t.Fatal("a refused entry changed the state")
		}
		if !bytes.Equal(encode(t, s), before) {
			t.Fatal("the old state was changed")
		}
		after := encode(t, next)
		back, err := fsm.Restore(bytes.NewReader(after))
		if err != nil {
			t.Fatalf("the state after it cannot be restored: %v", err)
		}
		if !bytes.Equal(encode(t, back), after) {
			t.Fatal("the restored state differs")
		}
	})
}

// FuzzSnapshot: what is restored, encodes to what restores the same. The fuzzer
// gets behind the checksum.
func FuzzSnapshot(f *testing.F) {
	for _, b := range [][]byte{encode(f, sample(f)), encode(f, fsm.New()), []byte("bspfsm\x00\x01\xff\xff\xff\xff1234")} {
		f.Add(b[:len(b)-4])
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := fsm.Restore(bytes.NewReader(binary.BigEndian.AppendUint32(slices.Clip(b), crc32.Checksum(b, table))))
		if err != nil {
			if !errors.Is(err, fsm.ErrSnapshot) {
				t.Error(err)
			}
			return
		}
		once := encode(t, s)
		back, err := fsm.Restore(bytes.NewReader(once))
		if err != nil {
			t.Fatalf("what was restored cannot be restored again: %v", err)
		}
		if !bytes.Equal(encode(t, back), once) {
			t.Error("the state differs when it is restored again")
		}
	})
}
