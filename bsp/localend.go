package bsp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/storage"
)

// inProcess is the Report of a task in this process.
func (l *local) inProcess() func(wire.FromTask) {
	if l.cfg.Progress == nil && l.spec.CheckpointEvery == 0 && l.spec.MaxAttempts < 2 && !l.spec.Report {
		return nil
	}
	var mu sync.Mutex // guards l.checkpoints and calls of Progress
	return func(m wire.FromTask) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case m.Progress != nil:
			l.tell(Progress{Superstep: m.Progress.Superstep, Phase: "runs", Note: m.Progress.Note})
		case m.Checkpoint != nil:
			l.committed([]*wire.CheckpointPart{m.Checkpoint})
		case m.Trace != nil:
			l.trace(0, m.Trace)
		}
	}
}

// trace passes on what a task of this attempt tells of its supersteps.
func (l *local) trace(task int, t *job.Trace) {
	if l.cfg.Trace != nil && t.Valid(task, l.ranges[task]) {
		l.cfg.Trace(l.info.Attempts, t)
	}
}

// committed takes note of a checkpoint that all tasks have written, and removes the
// one before the one before.
func (l *local) committed(parts []*wire.CheckpointPart) {
	k := wire.Checkpoint{Superstep: parts[0].Superstep, Epoch: job.Epoch(l.info.Attempts)}
	for _, p := range parts {
		k.Files = append(k.Files, p.Files...)
	}
	l.checkpoints = append(l.checkpoints, k)
	l.info.Checkpoint = k.Superstep
	if len(l.checkpoints) > 2 {
		for _, f := range l.checkpoints[0].Files {
			_ = os.Remove(strings.TrimPrefix(f.Path, "file://")) // the whole folder goes in the end
		}
		l.checkpoints = slices.Delete(l.checkpoints, 0, 1)
	}
}

// commit makes the output visible, or returns it.
func (l *local) commit(ctx context.Context, parts []wire.Part) ([]byte, error) {
	if l.output == "" {
		out, err := l.result(ctx, parts)
		if err != nil {
			return nil, job.AsFailure(fmt.Errorf("read output: %w", err), job.FaultOutput)
		}
		if len(out) <= maxResult {
			l.info.Result = string(out)
		}
		return out, nil
	}
	infos := make([]storage.PartInfo, len(parts))
	for i, p := range parts {
		infos[i] = storage.PartInfo{Peer: p.Peer, Path: p.Path, Size: p.Size, CRC: p.CRC}
	}
	owner, err := json.Marshal(map[string]any{"job": l.info.ID, "epoch": l.info.Attempts, "pid": os.Getpid()})
	if err != nil {
		return nil, job.AsFailure(err, job.FaultInternal)
	}
	tmp := l.folders[len(l.folders)-1]
	if err := storage.CommitOutput(ctx, tmp, l.output, string(owner), infos); err != nil {
		f := job.AsFailure(err, job.FaultOutput)
		if errors.Is(err, storage.ErrExists) {
			f.Code = job.ExitUsage
		}
		return nil, f
	}
	l.folders = l.folders[:len(l.folders)-1]
	return nil, nil
}

// result reads what the peers wrote.
func (l *local) result(ctx context.Context, parts []wire.Part) ([]byte, error) {
	if l.parts != nil {
		return joined(l.parts), nil
	}
	var out []byte
	for _, p := range parts {
		f, err := storage.Local().Open(ctx, p.Path)
		if err != nil {
			return nil, err
		}
		at := len(out)
		out = slices.Grow(out, int(p.Size))[:at+int(p.Size)]
		_, err = io.ReadFull(io.NewSectionReader(f, 0, p.Size), out[at:])
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// clean removes what must not stay. The end of ctx does not matter here, and what
// cannot be removed does not change how the job ended.
func (l *local) clean(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	rest := append(l.folders, l.scratch+"/checkpoints")
	if l.scratch != l.cfg.ScratchDir {
		rest = append(rest, l.scratch)
	}
	for _, url := range rest {
		if err := storage.RemoveAll(ctx, url); err != nil {
			l.say("temporary files stay behind: %v", err)
		}
	}
}

// mergeDone makes one of what the tasks said last.
func mergeDone(dones []*wire.TaskDone) wire.TaskDone {
	all := wire.TaskDone{Counters: map[string]int64{}}
	for _, d := range dones {
		all.Supersteps = max(all.Supersteps, d.Supersteps)
		all.Parts = append(all.Parts, d.Parts...)
		merge(all.Counters, d.Counters)
		all.Seconds = all.Seconds.Join(d.Seconds)
	}
	slices.SortFunc(all.Parts, func(a, b wire.Part) int { return cmp.Compare(a.Peer, b.Peer) })
	return all
}
