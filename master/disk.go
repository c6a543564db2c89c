package master

import (
	"fmt"
	"net/http"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// diskGuard refuses clients' writes while the disk of the data folder is nearly
// full: Raft does not survive a log that cannot be written, and room is needed
// to clean up.
type diskGuard struct {
	path string
	min  int64 // bytes; < 0: no check
	full atomic.Bool
}

// measure looks at the disk and reports whether it is nearly full.
func (d *diskGuard) measure() (full bool, err error) {
	if d.min < 0 {
		return false, nil
	}
	var st unix.Statfs_t
	if err := unix.Statfs(d.path, &st); err != nil {
		return false, fmt.Errorf("free space of %s: %w", d.path, err)
	}
	full = int64(st.Bavail)*st.Bsize < d.min
	d.full.Store(full)
	return full, nil
}

func (d *diskGuard) check() error {
	if d.full.Load() {
		return fail(http.StatusInsufficientStorage, "the leader's disk is nearly full: free space in %s", d.path)
	}
	return nil
}
