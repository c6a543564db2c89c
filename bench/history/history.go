// Package history measures what a long history costs the masters: the size of a
// snapshot after many jobs, and the time to read it back.
//
//	Filler: submit → place → finish → committed → cleaned → archived, command by command ─▶ State ─▶ Measure
//
// Everything is in memory: there is no Raft and no disk in these figures.
package history

import (
	"bytes"
	"fmt"
	"runtime"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
)

const (
	grooms  = 16
	program = "pagerank" // of the jobs
)

// A Filler makes a state by the commands of jobs, encoded as a log has them: each job
// is submitted with a request id and has two tasks. Not safe for concurrent use.
type Filler struct {
	state *fsm.State
	index uint64
	now   time.Time
	jobs  int      // submitted
	done  []job.ID // in the history
}

// New returns a Filler of a cluster without jobs.
func New() (*Filler, error) {
	f := &Filler{state: fsm.New(), now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	if _, err := f.apply(fsm.Command{Bootstrap: &fsm.Bootstrap{Cluster: "5b0a3c52-8a4a-4f6a-9c3f-0d6f6f6f6f6f"}}); err != nil {
		return nil, err
	}
	for i := range grooms {
		if _, err := f.apply(fsm.Command{RegisterGroom: &fsm.RegisterGroom{Facts: fsm.Facts{
			Name: groomName(i), Incarnation: 1, Addr: "10.0.0.1", Slots: 8, Cores: 8, Memory: 32 << 30, Version: "1.0.0",
		}}}); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// State returns what the commands so far have made.
func (f *Filler) State() *fsm.State { return f.state }

// Finish takes n jobs from their submission to their end, and archives all but the last
// keep ones.
func (f *Filler) Finish(n, keep int) error {
	for range n {
		id, err := f.run()
		if err != nil {
			return err
		}
		if f.done = append(f.done, id); len(f.done) >= keep+256 {
			if err := f.archive(keep); err != nil {
				return err
			}
		}
	}
	return f.archive(keep)
}

// Queue submits n jobs.
func (f *Filler) Queue(n int) error {
	for range n {
		if _, err := f.submit(); err != nil {
			return err
		}
	}
	return nil
}

func groomName(i int) string { return fmt.Sprintf("groom-%02d", i%grooms) }

func (f *Filler) apply(c fsm.Command) (fsm.Result, error) {
	f.index++
	f.now = f.now.Add(time.Millisecond)
	c.Now = f.now
	entry, err := c.Encode()
	if err != nil {
		return fsm.Result{}, err
	}
	var r fsm.Result
	f.state, r = fsm.ApplyEncoded(f.state, f.index, entry)
	return r, r.Err()
}

func (f *Filler) submit() (job.ID, error) {
	i := f.jobs
	f.jobs++
	r, err := f.apply(fsm.Command{RequestID: fmt.Sprintf("t-abcdefghijkl/%026d", i), Submit: &fsm.Submit{
		Submitter: "ann", Results: "file:///srv/bsp/store/results", Spec: job.Spec{
			Name: program, Namespace: job.DefaultNamespace, Program: job.Program{Name: program, Builtin: program},
			Args: []string{"--iterations", "20", "--damping", "0.85"}, Peers: 4, Tasks: 2,
			Input: "file:///srv/data/graph.txt", Output: fmt.Sprintf("file:///srv/out/rank-%06d", i),
		},
	}})
	return r.Job, err
}

// run takes one job from its submission to its end.
func (f *Filler) run() (job.ID, error) {
	i := f.jobs
	id, err := f.submit()
	if err != nil {
		return id, err
	}
	result := fsm.AttemptResult{
		Supersteps: 21, DataPlane: "tcp+tls", Seconds: job.Seconds{Start: 0.01, Load: 0.2, Compute: 1.3, Write: 0.1},
		Counters: fsm.Counters(map[string]int64{
			job.CounterMessages: 123456, job.CounterMessageBytes: 1234567, job.CounterWireBytes: 123456, job.CounterCheckpoints: 0,
		}),
	}
	place := fsm.Place{Job: id, Epoch: 1, Base: f.index, CA: bytes.Repeat([]byte{'x'}, 600)}
	for t := range 2 {
		lo := 2 * t
		place.Tasks = append(place.Tasks, fsm.Assignment{
			Peers: job.Range{Lo: lo, Hi: lo + 2}, Groom: groomName(i + t), Incarnation: 1, Host: "10.0.0.1",
			Claim: fsm.Claim{Slots: 2, MilliCores: 2000, Memory: 8 << 30},
		})
		for p := lo; p < lo+2; p++ {
			result.Parts = append(result.Parts, wire.Part{Peer: p, Path: fmt.Sprintf("file:///srv/out/rank-%06d.tmp-%s-1/part-%05d", i, id, p), Size: 1 << 20, CRC: 1 << 30})
		}
	}
	for _, c := range []fsm.Command{
		{Place: &place},
		{Finish: &fsm.Finish{Job: id, Epoch: 1, Result: result}},
		{Committed: &fsm.Committed{Job: id, Epoch: 1}},
		{Cleaned: &fsm.Cleaned{Job: id}},
	} {
		if _, err := f.apply(c); err != nil {
			return id, err
		}
	}
	return id, nil
}

// archive forgets all but the last keep finished jobs.
func (f *Filler) archive(keep int) error {
	for len(f.done) > keep {
		n := min(len(f.done)-keep, 256)
		if _, err := f.apply(fsm.Command{Archived: &fsm.Archived{Jobs: f.done[:n]}}); err != nil {
			return err
		}
		f.done = f.done[n:]
	}
	return nil
}

// Figures are what a state costs.
type Figures struct {
	Active, Finished int
	SnapshotBytes    int
	EncodeSeconds    float64
	RestoreSeconds   float64
	HeapBytes        int64 // that the restored state holds
}

// Measure writes the state as a snapshot and reads it back.
func Measure(s *fsm.State) (Figures, error) {
	var f Figures
	f.Active, f.Finished = s.Counts()
	var b bytes.Buffer
	begin := time.Now()
	if err := s.Encode(&b); err != nil {
		return f, err
	}
	f.EncodeSeconds, f.SnapshotBytes = time.Since(begin).Seconds(), b.Len()
	before := heap()
	begin = time.Now()
	back, err := fsm.Restore(&b)
	if err != nil {
		return f, err
	}
	f.RestoreSeconds = time.Since(begin).Seconds()
	f.HeapBytes = heap() - before
	defer runtime.KeepAlive(&b)
	if active, finished := back.Counts(); active != f.Active || finished != f.Finished {
		return f, fmt.Errorf("restored %d and %d jobs, not %d and %d", active, finished, f.Active, f.Finished)
	}
	return f, nil
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
