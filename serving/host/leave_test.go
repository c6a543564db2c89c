package host_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scalar/serving/host"
	"scalar/serving/protocol"
)

// A request whose deadline passes in the moment when it is given an executor, or is refused, ends in one
// of these ways, and the executor goes on.
func TestLeaveAtTurn(t *testing.T) {
	for _, perRow := range []time.Duration{0, 1} { // 0: it can make it still
		synctest.Test(t, func(t *testing.T) {
			h, v, give := busyHost(t, host.Config{}, 1, perRow)
			outcomes := map[int]int{}
			for range 300 {
				var all sync.WaitGroup
				host.Tune(v, perRow)
				all.Go(func() {
					_, _, err := ask(h, "a", time.Now().Add(5*time.Millisecond), 1, 2, 3, 4)
					outcomes[status(err)]++
				})
				all.Go(func() {
					time.Sleep(5 * time.Millisecond)
					give()
				})
				all.Wait()
				if host.Free(v) != 1 {
					t.Fatal("the executor is lost")
				}
				give = host.Seize(v)
			}
			give()
			if outcomes[200]+outcomes[504] != 300 || outcomes[504] == 0 {
				t.Errorf("%v", outcomes)
			}
		})
	}
}

// A request may leave a batch that is being computed, and has its buffers back; the batch goes on.
func TestLeaveBatch(t *testing.T) {
	h := start(t, host.Batches(host.Config{Cores: 1}, 8))
	folder := mlp(t, t.TempDir(), 512, []int{2048, 2048}, 3)
	load(t, h, "m", "1", folder)
	v := host.Current(h, "m")
	x := random(512*3, 5)
	want := oracle(t, folder, 3, x).Probabilities.Values()
	for range 200 {
		host.Tune(v, 1)
		give, before := host.Seize(v), v.Stats().Batched
		var all sync.WaitGroup
		all.Go(func() {
			l, a := acquire(t, h, "m", "", ""), &protocol.Answer{}
			defer l.Release()
			if err := l.Predict(context.Background(), time.Time{}, request(3, x), a); err != nil || !slices.Equal(a.Outputs[0].F32, want) {
				t.Errorf("%v, or other bits", err)
			}
		})
		await(h, 3)
		left, during := 0, uint64(0)
		all.Go(func() {
			l, r, a := acquire(t, h, "m", "", ""), request(3, slices.Clone(x)), &protocol.Answer{}
			defer l.Release()
			left = status(l.Predict(context.Background(), time.Now().Add(time.Millisecond), r, a))
			during = v.Stats().Batched
			clear(r.X)
			*a = protocol.Answer{}
		})
		await(h, 6)
		give()
		all.Wait()
		if host.Free(v) != 1 {
			t.Fatal("the executor is lost")
		}
		if left == 504 && during == before && v.Stats().Batched == before+2 {
			return
		}
	}
	t.Error("no request has left a batch")
}

// await returns when that many rows of model m wait, or have.
func await(h *host.Host, rows int) {
	for range 1000 {
		if s := h.Models("")[0].Versions[0]; s.Waiting >= rows {
			return
		}
		runtime.Gosched()
	}
}
