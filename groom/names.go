package groom

import (
	"fmt"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/name"
)

// taskName returns what the task's folder, cgroup and log have in their names.
func taskName(key wire.TaskKey) string {
	return fmt.Sprintf("%s-%d-%d", key.Job, key.Epoch, key.Task)
}

// safeID reports whether a job id can be part of a path.
func safeID(id job.ID) bool { return name.Valid(string(id), 128) }
