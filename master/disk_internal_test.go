package master

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// TestDiskGuard: a leader with a full disk hands over at once, and again every
// minute as long as it leads; one that comes to lead later does so too.
func TestDiskGuard(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	left, broken := int64(1<<30), error(nil)
	d := &diskGuard{path: "/data", min: 64 << 20, free: func(string) (int64, error) { return left, broken }}
	at := func(seconds int, leads, want bool) {
		t.Helper()
		if err := d.measure(); (err != nil) != (broken != nil) {
			t.Fatal(err)
		}
		if got := d.yields(now.Add(time.Duration(seconds)*time.Second), leads); got != want {
			t.Errorf("after %d s, leading %t: hands over: %t", seconds, leads, got)
		}
	}
	at(0, true, false)
	left = 63 << 20
	at(1, false, false) // it is full, and does not lead
	at(2, true, true)   // now it does
	at(3, true, false)  // nobody took over, or it came back
	at(40, false, false)
	at(41, true, false)
	at(62, true, true)
	if d.check() == nil {
		t.Error("writes are taken")
	}
	broken = errors.New("no such folder") // what was measured last counts
	at(122, true, true)
	broken, left = nil, 1<<30
	at(123, true, false)
	if err := d.check(); err != nil {
		t.Error(err)
	}
	left = 0
	at(124, true, true) // full again: no need to wait
	d = &diskGuard{min: -1}
	at(125, true, false)
}

// TestTransferHangs: Raft that still calls a transfer under way, long after all of
// its limits, will do so for ever.
func TestTransferHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		over := time.Hour
		write := func(context.Context) error {
			if time.Since(began) < over {
				return raft.ErrLeadershipTransferInProgress
			}
			return nil
		}
		if err := awaitTransfer(t.Context(), write); err == nil {
			t.Error("no error")
		}
		if took := time.Since(began); took < wedgeLimit || took > wedgeLimit+time.Second {
			t.Errorf("told after %v", took)
		}
		began, over = time.Now(), 3*time.Second
		if err := awaitTransfer(t.Context(), write); err != nil || time.Since(began) > 4*time.Second {
			t.Errorf("a transfer that ends late: %v after %v", err, time.Since(began))
		}
		if err := awaitTransfer(t.Context(), func(context.Context) error { return raft.ErrNotLeader }); err != nil {
			t.Error(err)
		}
	})
}
