package host_test

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"scalar/serving/host"
	"scalar/serving/protocol"
)

// A hammer asks a host for model m, of which version v adds 100·v, or 100·v + 1.
type hammer struct {
	*testing.T
	h            *host.Host
	folders      map[string][2]string
	loads, asked atomic.Int64
}

// reload loads, replaces and unloads versions until ctx ends.
func (m *hammer) reload(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		version := []string{"1", "2", "3"}[i%3]
		if i%7 == 0 {
			if err := m.h.Unload("m", version); err != nil {
				m.Error(err)
			}
		}
		if err := m.h.Load(ctx, "m", version, m.folders[version][i/3%2]); err != nil && ctx.Err() == nil {
			m.Error(err)
		}
		m.loads.Add(1)
		time.Sleep(time.Millisecond)
	}
}

// ask asks until ctx ends, as the handlers of a server do.
func (m *hammer) ask(ctx context.Context, g int) {
	r, a := &protocol.Request{}, &protocol.Answer{}
	for i := 0; ctx.Err() == nil; i++ {
		r.Rows, r.X = 1+(g+i)%5, r.X[:0]
		for row := range r.Rows {
			r.X = append(r.X, float32(10000*row), 0, 0, float32(1000*(g%8)))
		}
		l, err := m.h.Acquire(strconv.Itoa(g%3), []byte("m"), nil, nil)
		if err != nil {
			m.Error(err)
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
				m.Error(err)
			}
			return
		}
		m.asked.Add(1)
		for row, got := range a.Outputs[0].F32 {
			rest := got - float32(10000*row+1000*(g%8)) - 100*float32(version[0]-'0')
			if a.Rows != r.Rows || rest != 0 && rest != 1 {
				m.Errorf("version %s: row %d of %v is %v", version, row, r.X, got)
				return
			}
		}
		clear(r.X) // as a handler that gives its buffers back
	}
}

// While versions are loaded, replaced and unloaded every few ms, each request is answered by one that was
// there, with its own bits.
func TestHammer(t *testing.T) {
	h := start(t, host.Batches(host.Config{Cores: 1, QueueRows: 1 << 20, QueueTime: time.Hour, Models: map[string]host.ModelConfig{
		"m": {Traffic: map[string]float64{"1": 50, "2": 50}, Shadow: map[string]float64{"3": 50}},
	}}, 16))
	m := &hammer{T: t, h: h, folders: map[string][2]string{}}
	for v := 1; v <= 3; v++ {
		dir := t.TempDir()
		both := [2]string{sum(t, dir+"/a", float32(100*v)), sum(t, dir+"/b", float32(100*v+1))}
		m.folders[strconv.Itoa(v)] = both
		load(t, h, "m", strconv.Itoa(v), both[0])
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { m.reload(ctx) })
	for g := range 64 {
		all.Go(func() { m.ask(ctx, g) })
	}
	for began := time.Now(); !t.Failed() && (time.Since(began) < time.Second || m.loads.Load() < 10 || m.asked.Load() < 1000); {
		time.Sleep(time.Millisecond)
	}
	cancel()
	all.Wait()
	t.Logf("%d loads, %d requests", m.loads.Load(), m.asked.Load())
	for _, v := range h.Models("")[0].Versions {
		if v.Users != 0 && v.Version != "3" || v.Waiting != 0 { // a shadow may still be computed
			t.Errorf("%+v", v)
		}
	}
	h.Close()
	if bytes, draining := h.Usage(); bytes != 0 || draining != 0 {
		t.Error(bytes, draining)
	}
}

// A late hammer asks for model m with deadlines that pass at any moment.
type late struct {
	*testing.T
	h                    *host.Host
	x, want              []float32
	answered, gone, full atomic.Int64
}

func (m *late) ask(g int) {
	r, a := &protocol.Request{}, &protocol.Answer{}
	for i := range 300 {
		r.Rows = 1 + (g+i)%4
		deadline := time.Duration((g*7+i*13)%300) * time.Microsecond
		if (g+i)%16 == 1 { // one in parts
			r.Rows, deadline = 600, 20*deadline
		}
		r.X = append(r.X[:0], m.x[:64*r.Rows]...)
		l := acquire(m, m.h, "m", "", "")
		if (g+i)%4 == 0 {
			host.Tune(l.Version, 1) // else what it takes in truth refuses all
		}
		err := l.Predict(context.Background(), time.Now().Add(deadline), r, a)
		l.Release()
		switch status(err) {
		case 200:
			m.answered.Add(1)
			for j, got := range a.Outputs[0].F32 {
				if got != m.want[j] {
					m.Errorf("value %d is %v, want %v", j, got, m.want[j])
					return
				}
			}
		case 504:
			m.gone.Add(1)
		case 503:
			m.full.Add(1)
		default:
			m.Error(err)
		}
		clear(r.X)
		for j := range a.Outputs {
			clear(a.Outputs[j].F32)
		}
	}
}

// Requests whose deadlines pass at any moment have their buffers back at once: the race detector
// would see who still reads them. Every executor comes back.
func TestHammerDeadlines(t *testing.T) {
	h := start(t, host.Batches(host.Config{Cores: 2, QueueRows: 64}, 8))
	folder := mlp(t, t.TempDir(), 64, []int{512}, 3)
	load(t, h, "m", "1", folder)
	x := random(600*64, 9)
	m := &late{T: t, h: h, x: x, want: oracle(t, folder, 600, x).Probabilities.Values()}
	var all sync.WaitGroup
	for g := range 64 {
		all.Go(func() { m.ask(g) })
	}
	all.Wait()
	v := host.Current(h, "m")
	t.Logf("%d answered, %d late, %d refused, %+v", m.answered.Load(), m.gone.Load(), m.full.Load(), v.Stats())
	if m.answered.Load() == 0 || m.gone.Load() == 0 || host.Free(v) != 2 {
		t.Errorf("%d executors are free", host.Free(v))
	}
	if s := h.Models("")[0].Versions[0]; s.Waiting != 0 || s.Users != 0 {
		t.Errorf("%+v", s)
	}
}
