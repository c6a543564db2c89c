package master

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sys/unix"
)

const (
	yieldAgain = time.Minute            // between two tries of a leader with a full disk to hand over
	yieldLimit = 5 * time.Second        // for one try; a transfer takes Raft's election timeout at most
	wedgeLimit = 10 * time.Second       // a transfer that is over by all limits and still holds up writes
	wedgeLook  = 500 * time.Millisecond // between two looks at it
)

// diskGuard refuses clients' writes while the disk of the data folder is nearly
// full: Raft does not survive a log that cannot be written, and room is needed
// to clean up. A leader then hands over. The ballast is given back at that moment,
// and until there is room for it again the disk counts as full.
type diskGuard struct {
	path    string
	min     int64                            // bytes; < 0: no check, and no ballast
	free    func(path string) (int64, error) // bytes free
	ballast ballast
	full    atomic.Bool
	next    time.Time // when a leader hands over again; only Master.guardDisk uses it
}

// begin looks at the disk before anything is written to the folder. A master that has a
// log starts on a full disk too: it is only that it takes no writes. A new one does not.
func (d *diskGuard) begin(hasLog bool) error {
	if d.min < 0 || d.ballast.size <= 0 { // there may be one of an earlier configuration
		if err := d.ballast.release(); err != nil {
			return err
		}
	}
	err := d.measure()
	if hasLog {
		return nil // what is wrong is told, and tried again, by Master.guardDisk
	}
	if err == nil && d.full.Load() {
		err = errors.New("the disk is too full for a new master")
	}
	if err == nil {
		return nil
	}
	const mib = 1 << 20
	return fmt.Errorf("data folder %s: %w: it needs %d MiB (min_free and ballast): make room, or give it another disk", d.path, err, (d.min+max(d.ballast.size, 0))/mib)
}

// freeSpace returns the bytes that a user may still write at path.
func freeSpace(path string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// measure looks at the disk, and gives the ballast back or makes it.
func (d *diskGuard) measure() error {
	if d.min < 0 {
		return nil
	}
	free, err := d.free(d.path)
	if err != nil {
		return fmt.Errorf("free space of %s: %w", d.path, err)
	}
	if d.ballast.size <= 0 {
		d.full.Store(free < d.min)
		return nil
	}
	held, err := d.ballast.held()
	if err != nil {
		d.full.Store(free < d.min)
		return err
	}
	switch {
	case held && free < d.min:
		d.full.Store(true)
		return d.ballast.release()
	case held:
		d.full.Store(false)
		return nil
	case free < d.min || free-d.min < d.ballast.size: // no sum: it might overflow
		d.full.Store(true)
		return d.ballast.release() // a piece of one
	}
	err = d.ballast.take() // it may fail, as with a quota that free does not know
	d.full.Store(err != nil)
	return err
}

// yields reports whether a leader should hand over now: as soon as it leads with a
// full disk, and every minute again. A transfer may fail; and the others' disks may
// be full too, so that the leadership comes back.
func (d *diskGuard) yields(now time.Time, leads bool) bool {
	switch {
	case !d.full.Load():
		d.next = time.Time{}
	case leads && !now.Before(d.next):
		d.next = now.Add(yieldAgain)
		return true
	}
	return false
}

func (d *diskGuard) check() error {
	if d.full.Load() {
		return fail(http.StatusInsufficientStorage, "the leader's disk is nearly full: free space in %s", d.path)
	}
	return nil
}

// guardDisk looks at the free space; a leader whose disk is nearly full hands over.
func (m *Master) guardDisk(ctx context.Context) error {
	tick := time.NewTicker(houseInterval)
	defer tick.Stop()
	for {
		if err := m.disk.measure(); err != nil {
			m.log.Warn("disk", "error", err)
		}
		if m.disk.yields(time.Now(), m.node.leads()) {
			m.log.Error("the disk of the data folder is nearly full: writes are refused and another master is to lead", "folder", m.cfg.DataDir)
			if err := m.handOver(ctx); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// handOver has another master lead, if one can. It returns an error when the
// transfer hangs: then this master neither leads nor follows, and must start anew.
func (m *Master) handOver(ctx context.Context) error {
	transfer, cancel := context.WithTimeout(ctx, yieldLimit)
	defer cancel()
	err := m.node.stepDown(transfer)
	if err == nil {
		return nil
	}
	m.log.Warn("step down", "error", err)
	return awaitTransfer(ctx, m.node.barrier)
}

// awaitTransfer waits until Raft takes writes again after a transfer that failed,
// or another master leads. That this may never be is hashicorp/raft#696.
func awaitTransfer(ctx context.Context, write func(context.Context) error) error {
	look := time.NewTicker(wedgeLook)
	defer look.Stop()
	for end := time.Now().Add(wedgeLimit); ; {
		try, cancel := context.WithTimeout(ctx, wedgeLook)
		err := write(try)
		cancel()
		switch {
		case !errors.Is(err, raft.ErrLeadershipTransferInProgress):
			return nil
		case time.Now().After(end):
			return errors.New("a transfer of the leadership hangs: this master ends so that it starts anew")
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil
		}
	}
}
