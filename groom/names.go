package groom

import (
	"fmt"
	"regexp"

	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// taskName returns what the task's folder, cgroup and log have in their names.
func taskName(key wire.TaskKey) string {
	return fmt.Sprintf("%s-%d-%d", key.Job, key.Epoch, key.Task)
}

var jobIDRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// safeID reports whether a job id can be part of a path.
func safeID(id job.ID) bool { return jobIDRule.MatchString(string(id)) }
