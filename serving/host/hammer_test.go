package host_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"scalar/serving/host"
	"scalar/serving/protocol"
)

func withCancel(t *testing.T) (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) }

// While versions are loaded, replaced and unloaded every few ms, each request is answered by one that was
// there, with its own bits.
func TestHammer(t *testing.T) {
	h := start(t, host.Batches(host.Config{Cores: 1, QueueRows: 1 << 20, Models: map[string]host.ModelConfig{
		"m": {Traffic: map[string]float64{"1": 50, "2": 50}, Shadow: map[string]float64{"3": 50}},
	}}, 16))
	// Version v adds 100·v, or 100·v + 1.
	folders := map[string][2]string{}
	for v := 1; v <= 3; v++ {
		dir := t.TempDir()
		folders[fmt.Sprint(v)] = [2]string{sum(t, dir+"/a", float32(100*v)), sum(t, dir+"/b", float32(100*v+1))}
	}
	for version, both := range folders {
		load(t, h, "m", version, both[0])
	}
	ctx, cancel := withCancel(t)
	var loads, asked atomic.Int64
	var all sync.WaitGroup
	all.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			version := []string{"1", "2", "3"}[i%3]
			if i%7 == 0 {
				if err := h.Unload("m", version); err != nil {
					t.Error(err)
				}
			}
			if err := h.Load(context.Background(), "m", version, folders[version][i/3%2]); err != nil {
				t.Error(err)
			}
			loads.Add(1)
			time.Sleep(time.Millisecond)
		}
	})
	for g := range 64 {
		all.Go(func() {
			r, a := &protocol.Request{}, &protocol.Answer{}
			for i := 0; ctx.Err() == nil; i++ {
				r.Rows = 1 + (g+i)%5
				r.X = r.X[:0]
				for row := range r.Rows {
					r.X = append(r.X, float32(10000*row), 0, 0, float32(1000*(g%8)))
				}
				l, err := h.Acquire(fmt.Sprint(g%3), []byte("m"), nil, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if i%5 == 0 {
					runtime.Gosched() // between: the executor may be taken, the version replaced
				}
				err = l.Predict(ctx, time.Time{}, r, a)
				version := l.Version.Version()
				l.Release()
				if err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				asked.Add(1)
				for row, got := range a.Outputs[0].F32 {
					rest := got - float32(10000*row+1000*(g%8)) - 100*float32(version[0]-'0')
					if a.Rows != r.Rows || rest != 0 && rest != 1 {
						t.Errorf("version %s: row %d of %v is %v", version, row, r.X, got)
						return
					}
				}
				clear(r.X) // as a handler that gives its buffers back
			}
		})
	}
	time.Sleep(time.Second)
	cancel()
	all.Wait()
	if loads.Load() < 10 || asked.Load() < 1000 {
		t.Errorf("%d loads, %d requests", loads.Load(), asked.Load())
	}
	for _, v := range h.Models("")[0].Versions {
		t.Logf("%+v", v.Stats)
		if v.Users != 0 && v.Version != "3" || v.Waiting != 0 { // a shadow may still be computed
			t.Errorf("%+v", v)
		}
	}
	h.Close()
	if bytes, draining := h.Usage(); bytes != 0 || draining != 0 {
		t.Error(bytes, draining)
	}
}

// Requests whose deadlines pass at any moment have their buffers back at once: the race detector
// would see who still reads them. Every executor comes back.
func TestHammerDeadlines(t *testing.T) {
	h := start(t, host.Batches(host.Config{Cores: 2, QueueRows: 64}, 8))
	folder := mlp(t, t.TempDir(), 64, []int{512}, 3)
	load(t, h, "m", "1", folder)
	v := host.Current(h, "m")
	host.Tune(v, 1)
	x := random(4*64, 9)
	want := oracle(t, folder, 4, x).Probabilities.Values()
	var answered, late, full atomic.Int64
	var all sync.WaitGroup
	for g := range 64 {
		all.Go(func() {
			r, a := &protocol.Request{}, &protocol.Answer{}
			for i := range 300 {
				r.Rows = 1 + (g+i)%4
				r.X = append(r.X[:0], x[:64*r.Rows]...)
				if (g+i)%4 == 0 {
					host.Tune(v, 1) // else what it takes in truth refuses all
				}
				l := acquire(t, h, "m", "", "")
				err := l.Predict(context.Background(), time.Now().Add(time.Duration((g*7+i*13)%300)*time.Microsecond), r, a)
				l.Release()
				switch status(err) {
				case 200:
					answered.Add(1)
					for j, got := range a.Outputs[0].F32 {
						if got != want[j] {
							t.Errorf("value %d is %v, want %v", j, got, want[j])
							return
						}
					}
				case 504:
					late.Add(1)
				case 503:
					full.Add(1)
				default:
					t.Error(err)
				}
				clear(r.X)
				for j := range a.Outputs {
					clear(a.Outputs[j].F32)
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d answered, %d late, %d refused, %+v", answered.Load(), late.Load(), full.Load(), v.Stats())
	if answered.Load() == 0 || late.Load() == 0 || host.Free(v) != 2 {
		t.Errorf("%d answered, %d late, %d executors are free", answered.Load(), late.Load(), host.Free(v))
	}
	if s := h.Models("")[0].Versions[0]; s.Waiting != 0 || s.Users != 0 {
		t.Errorf("%+v", s)
	}
}
