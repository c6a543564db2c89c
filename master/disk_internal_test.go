package master

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sys/unix"
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

// TestBallast: the room that the ballast takes is given back when little is left, and
// taken again only when the minimum is left beside it.
func TestBallast(t *testing.T) {
	t.Parallel()
	const size, least = 1 << 20, 1 << 19
	dir := t.TempDir()
	b := ballast{path: filepath.Join(dir, "ballast"), size: size}
	disk := int64(1 << 30) // free without the ballast
	d := &diskGuard{path: dir, min: least, ballast: b, free: func(string) (int64, error) {
		return disk - taken(t, b.path), nil
	}}
	look := func(what string, free int64, full, held bool) {
		t.Helper()
		disk = free
		if err := d.measure(); err != nil {
			t.Fatal(what, err)
		}
		got, err := b.held()
		if err != nil || got != held || d.full.Load() != full {
			t.Errorf("%s: full %t, ballast %t, %v", what, d.full.Load(), got, err)
		}
		if (taken(t, b.path) >= size) != held || !held && taken(t, b.path) > 0 {
			t.Errorf("%s: the ballast takes %d bytes", what, taken(t, b.path))
		}
	}
	if err := d.begin(false); err != nil {
		t.Fatal(err)
	}
	look("roomy", 1<<30, false, true)
	look("just enough", size+least, false, true)
	look("one byte less", size+least-1, true, false)
	look("what it gave back is room, and not for new things", size+least-1, true, false)
	look("Raft wrote some of it", size/2, true, false)
	look("cleaned up", size+least, false, true)
	if err := os.Truncate(b.path, 10); err != nil { // a crash in the middle
		t.Fatal(err)
	}
	look("a piece and no room", size, true, false)
	if err := os.WriteFile(b.path, make([]byte, 10), 0o600); err != nil {
		t.Fatal(err)
	}
	look("a piece and room", 1<<30, false, true)
	b.size, d.ballast.size = 2*size, 2*size
	look("a larger one is wanted", 1<<30, false, true)
	d.min = -1
	if err := d.begin(true); err != nil || taken(t, b.path) > 0 || d.full.Load() {
		t.Errorf("without a check: %v, %d bytes", err, taken(t, b.path))
	}
}

// TestBallastOnAFullDisk: a master that has a log starts, a new one does not; and room
// that the system promises and then refuses is no room.
func TestBallastOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := &diskGuard{path: dir, min: 1 << 20, ballast: ballast{path: filepath.Join(dir, "ballast"), size: 1 << 20}}
	d.free = func(string) (int64, error) { return 2<<20 - 1, nil }
	if err := d.begin(true); err != nil || d.check() == nil {
		t.Errorf("with a log: %v, takes writes: %t", err, d.check() == nil)
	}
	if err := d.begin(false); err == nil || !strings.Contains(err.Error(), "it needs 2 MiB") || strings.Contains(err.Error(), "\n") {
		t.Errorf("without a log: %v", err)
	}
	d.free = func(string) (int64, error) { return math.MaxInt64, nil }
	d.ballast.size = 1 << 61 // larger than any file
	if err := d.measure(); err == nil || d.check() == nil || taken(t, d.ballast.path) > 0 {
		t.Errorf("promised room: %v, takes writes: %t", err, d.check() == nil)
	}
	if err := d.begin(true); err != nil {
		t.Errorf("with a log: %v", err)
	}
	d.ballast.size, d.ballast.path = 1<<20, filepath.Join(dir, "written")
	f, err := os.Create(d.ballast.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.ballast.write(f), f.Sync(), f.Close()); err != nil { // where nothing can be allocated
		t.Fatal(err)
	}
	if held, err := d.ballast.held(); err != nil || !held {
		t.Errorf("a written ballast is held: %t, %v", held, err)
	}
}

// taken returns the bytes on disk of a file, 0 where there is none.
func taken(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		t.Fatal(err)
	}
	return st.Blocks * 512
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
