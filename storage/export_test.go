package storage

import "io"

// RenameWith renames without replacing, by a system call that the test gives.
var RenameWith = renameWith

// SetOpen has r read files that the test gives.
func (r *Records) SetOpen(open func(file int, offset int64) (io.ReadCloser, error)) { r.open = open }
