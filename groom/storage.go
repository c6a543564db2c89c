package groom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/groom/table"
	"scalar/storage"
)

// runStorage does one order about storage. All of it may be repeated.
func runStorage(ctx context.Context, by table.Owner, o wire.StorageOrder) *job.Failure {
	if c := o.Commit; c != nil {
		if err := commit(ctx, by, c); err != nil {
			f := job.Fail(job.FaultOutput, "%v", err)
			if errors.Is(err, storage.ErrExists) {
				f.Code = job.ExitUsage
			}
			return f
		}
	}
	for _, url := range o.Remove {
		if err := remove(ctx, o.Job, url); err != nil {
			return job.Fail(job.FaultOutput, "remove %s: %v", url, err)
		}
	}
	return nil
}

func commit(ctx context.Context, by table.Owner, c *wire.OutputCommit) error {
	line, err := json.Marshal(by)
	if err != nil {
		return fmt.Errorf("commit of %s: %w", by.Job, err)
	}
	parts := make([]storage.PartInfo, len(c.Parts))
	for i, p := range c.Parts {
		parts[i] = storage.PartInfo{Peer: p.Peer, Path: p.Path, Size: p.Size, CRC: p.CRC}
	}
	return storage.CommitOutput(ctx, c.Tmp, c.Output, string(line), parts)
}

// remove deletes a folder. As the last line of defence for people's files it
// touches only paths that name the job.
func remove(ctx context.Context, id job.ID, url string) error {
	path, err := storage.Path(url)
	if err != nil {
		return err
	}
	if !namesJob(path, id) {
		return fmt.Errorf("refused: the path does not name job %s", id)
	}
	return storage.RemoveAll(ctx, url)
}

// namesJob reports whether a path has the job's own folder in it, or a temporary
// folder of one of its epochs: OUT.tmp-JOB-EPOCH.
func namesJob(path string, id job.ID) bool {
	if !safeID(id) {
		return false
	}
	for elem := range strings.SplitSeq(path, "/") {
		if elem == string(id) || strings.Contains(elem, ".tmp-"+string(id)+"-") {
			return true
		}
	}
	return false
}
