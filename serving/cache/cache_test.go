package cache_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"scalar/serving/cache"
	"scalar/serving/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newCache(tb testing.TB, c cache.Config) *cache.Cache {
	tb.Helper()
	made, err := cache.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(made.Close)
	return made
}

func request(x ...float32) *protocol.Request { return &protocol.Request{Rows: 1, X: x} }

func key(namespace, digest string, r *protocol.Request) *cache.Key {
	k := &cache.Key{}
	k.Set(namespace, digest, r)
	return k
}

// answering returns what computes an answer of one number, and counts.
func answering(n *atomic.Int64, y float32) func(*protocol.Answer) error {
	return func(a *protocol.Answer) error {
		n.Add(1)
		*a = protocol.Answer{Rows: 1, Outputs: []protocol.Values{{F32: []float32{y}}, {Classes: []int32{int32(y)}}}}
		return nil
	}
}

// What asks for the same shares an answer, and nothing else does.
func TestKeys(t *testing.T) {
	c := newCache(t, cache.Config{MaxBytes: 1 << 20})
	texts := func(cells ...protocol.Cell) *protocol.Request { return &protocol.Request{Rows: 1, Cells: cells} }
	outputs := func(r *protocol.Request, choice ...int) *protocol.Request {
		for _, i := range choice {
			r.Outputs = append(r.Outputs, protocol.OutputChoice{Index: i})
		}
		return r
	}
	identified := request(1, 2)
	identified.ID, identified.Form = []byte(`"7"`), protocol.Native
	keys := []*cache.Key{
		key("a", "d", request(1, 2)), key("b", "d", request(1, 2)), key("a", "e", request(1, 2)), key("a", "d", request(2, 1)),
		key("a", "d", &protocol.Request{Rows: 2, X: []float32{1, 2}}), key("a", "d", outputs(request(1, 2), 0)), key("a", "d", outputs(request(1, 2), 1)),
		key("a", "d", outputs(request(1, 2), 0, 1)), key("a", "d", outputs(request(1, 2), 1, 0)), key("ad", "", request(1, 2)),
		key("a", "d", texts(protocol.Cell{Text: []byte("x")})), key("a", "d", texts(protocol.Cell{Kind: protocol.Missing})),
		key("a", "d", texts(protocol.Cell{Text: []byte("x")}, protocol.Cell{Text: []byte("y")})), key("a", "d", texts(protocol.Cell{Text: []byte("xy")}, protocol.Cell{})),
		key("a", "d", texts(protocol.Cell{Kind: protocol.Number, Number: 1})),
	}
	for i, k := range keys {
		for round, want := range []cache.Source{cache.Computed, cache.Hit} {
			var a protocol.Answer
			var n atomic.Int64
			got, err := c.Do(t.Context(), time.Time{}, k, &a, answering(&n, float32(i)))
			if err != nil || got != want || a.Outputs[0].F32[0] != float32(i) || a.Outputs[1].Classes[0] != int32(i) || n.Load() != int64(1-round) {
				t.Fatalf("key %d, round %d: %v %v %+v", i, round, got, err, a)
			}
		}
	}
	var a protocol.Answer
	if !c.Get(key("a", "d", identified), &a) || a.Outputs[0].F32[0] != 0 {
		t.Error("another id and form is another answer")
	}
	a.Outputs[0].F32[0] = 99 // a copy
	if c.Get(keys[0], &a); a.Outputs[0].F32[0] != 0 {
		t.Error("who got an answer has changed what is kept")
	}
	k := key("z", "d", request(5))
	cache.Collide(k, keys[0])
	if c.Get(k, &a) {
		t.Error("a key with the same hash is a hit")
	}
}

// TestModel compares with a map, without limits.
func TestModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := newCache(t, cache.Config{MaxBytes: 1 << 20})
		known := map[string]bool{}
		for range rapid.IntRange(1, 50).Draw(r, "requests") {
			ns, x := rapid.SampledFrom([]string{"a", "b"}).Draw(r, "namespace"), float32(rapid.IntRange(0, 5).Draw(r, "x"))
			fails := rapid.Bool().Draw(r, "fails")
			id := fmt.Sprint(ns, x)
			var a protocol.Answer
			var n atomic.Int64
			from, err := c.Do(t.Context(), time.Time{}, key(ns, "d", request(x)), &a, func(a *protocol.Answer) error {
				if fails {
					n.Add(1)
					return errors.New("no")
				}
				return answering(&n, x)(a)
			})
			switch {
			case known[id] != (from == cache.Hit), known[id] != (n.Load() == 0):
				r.Fatalf("%s: %v, known %v", id, from, known[id])
			case err == nil && a.Outputs[0].F32[0] != x:
				r.Fatalf("%s: %+v", id, a)
			case (err != nil) != (fails && !known[id]):
				r.Fatalf("%s: %v", id, err)
			}
			known[id] = known[id] || err == nil
		}
	})
}

// Requests for the same at the same time are computed once; each keeps its own deadline, and the
// end of the leader is none of the others'.
func TestFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := cache.New(cache.Config{MaxBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var n atomic.Int64
		slow := func(a *protocol.Answer) error {
			time.Sleep(time.Second)
			return answering(&n, 3)(a)
		}
		type end struct {
			from cache.Source
			err  error
		}
		ends := make([]end, 4)
		var all sync.WaitGroup
		for i, limit := range []time.Duration{0, 0, 2 * time.Second, 100 * time.Millisecond} {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond) // the first one leads
				var deadline time.Time
				if limit > 0 {
					deadline = time.Now().Add(limit)
				}
				var a protocol.Answer
				from, err := c.Do(t.Context(), deadline, key("a", "d", request(3)), &a, slow)
				if ends[i] = (end{from, err}); err == nil && a.Outputs[0].F32[0] != 3 {
					t.Errorf("%+v", a)
				}
			})
		}
		all.Wait()
		want := []end{{cache.Computed, nil}, {cache.Shared, nil}, {cache.Shared, nil}, {cache.Shared, context.DeadlineExceeded}}
		if !reflect.DeepEqual(ends, want) || n.Load() != 1 {
			t.Errorf("%v, %d computed; want %v", ends, n.Load(), want)
		}
	})
}

// A leader that fails or panics leaves its followers to compute, and nothing behind.
func TestLeaderFails(t *testing.T) {
	for _, panics := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c, err := cache.New(cache.Config{MaxBytes: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			var all sync.WaitGroup
			all.Go(func() {
				defer func() {
					if r := recover(); (r != nil) != panics {
						t.Errorf("recovered %v", r)
					}
				}()
				var a protocol.Answer
				if _, err := c.Do(t.Context(), time.Time{}, key("a", "d", request(3)), &a, func(*protocol.Answer) error {
					time.Sleep(time.Second)
					if panics {
						panic("lost")
					}
					return errors.New("lost")
				}); err == nil {
					t.Error("the leader has an answer")
				}
			})
			time.Sleep(time.Millisecond)
			var n atomic.Int64
			for range 3 {
				all.Go(func() {
					var a protocol.Answer
					if from, err := c.Do(t.Context(), time.Time{}, key("a", "d", request(3)), &a, answering(&n, 3)); err != nil || from != cache.Computed {
						t.Errorf("%v %v", from, err)
					}
				})
			}
			all.Wait()
			var a protocol.Answer
			if from, err := c.Do(t.Context(), time.Time{}, key("a", "d", request(3)), &a, answering(&n, 3)); err != nil || from != cache.Computed || n.Load() != 4 {
				t.Errorf("afterwards: %v %v, %d computed", from, err, n.Load())
			}
			if from, _ := c.Do(t.Context(), time.Time{}, key("a", "d", request(3)), &a, answering(&n, 3)); from != cache.Hit {
				t.Errorf("at last: %v", from)
			}
		})
	}
}

// clock is one that tests move.
type clock struct{ now atomic.Int64 }

func (c *clock) NowNano() int64                      { return c.now.Load() }
func (c *clock) Tick(time.Duration) <-chan time.Time { return nil }

func TestTTL(t *testing.T) {
	clk := &clock{}
	c := newCache(t, cache.WithClock(cache.Config{MaxBytes: 1 << 20, TTL: time.Minute}, clk))
	var n atomic.Int64
	var a protocol.Answer
	for i, want := range []cache.Source{cache.Computed, cache.Hit, cache.Hit, cache.Computed} {
		if from, err := c.Do(t.Context(), time.Time{}, key("a", "d", request(3)), &a, answering(&n, 3)); err != nil || from != want {
			t.Errorf("after %d × 25 s: %v, want %v", i, from, want)
		}
		clk.now.Add(int64(25 * time.Second))
	}
}

func TestBytes(t *testing.T) {
	const limit = 64 << 10
	c := newCache(t, cache.Config{MaxBytes: limit})
	var n atomic.Int64
	var a protocol.Answer
	x := make([]float32, 100)
	for i := range 2000 {
		x[0] = float32(i)
		if _, err := c.Do(t.Context(), time.Time{}, key("a", "d", request(x...)), &a, answering(&n, 1)); err != nil {
			t.Fatal(err)
		}
	}
	entries, bytes := c.Size()
	if bytes > limit || entries > limit/400 || entries < limit/2/1000 {
		t.Errorf("%d answers of %d bytes, at most %d", entries, bytes, limit)
	}
	large := key("a", "d", request(make([]float32, limit/4/7)...))
	if _, err := c.Do(t.Context(), time.Time{}, large, &a, answering(&n, 1)); err != nil || c.Get(large, &a) {
		t.Errorf("an answer of an eighth of the cache is kept: %v", err)
	}
	if off, err := cache.New(cache.Config{}); off != nil || err != nil {
		t.Errorf("no bytes: %v %v", off, err)
	}
	for _, bad := range []cache.Config{{MaxBytes: -1}, {MaxBytes: 1, TTL: -1}} {
		if _, err := cache.New(bad); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
}

func TestAllocates(t *testing.T) {
	c := newCache(t, cache.Config{MaxBytes: 1 << 20})
	r := request(make([]float32, 784)...)
	k, a, n := &cache.Key{}, protocol.Answer{}, atomic.Int64{}
	k.Set("default", "digest", r)
	if _, err := c.Do(t.Context(), time.Time{}, k, &a, answering(&n, 1)); err != nil {
		t.Fatal(err)
	}
	if allocs := testing.AllocsPerRun(1000, func() {
		k.Set("default", "digest", r)
		if !c.Get(k, &a) {
			t.Error("no hit")
		}
	}); allocs != 0 {
		t.Errorf("%v allocations a hit", allocs)
	}
}

func BenchmarkHit(b *testing.B) {
	c := newCache(b, cache.Config{MaxBytes: 1 << 20})
	r := request(make([]float32, 784)...)
	k, a, n := &cache.Key{}, protocol.Answer{}, atomic.Int64{}
	k.Set("default", "digest", r)
	if _, err := c.Do(b.Context(), time.Time{}, k, &a, answering(&n, 1)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		k.Set("default", "digest", r)
		if !c.Get(k, &a) {
			b.Fatal("no hit")
		}
	}
}
