package cache_test

import (
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"scalar/serving/cache"
	"scalar/serving/protocol"
)

func bodyKey(namespace, digest string, b cache.Body) *cache.Key {
	k := &cache.Key{}
	k.SetBody(namespace, digest, b)
	return k
}

// ask answers a request as servers do, and reports whether its body was known.
func ask(t *testing.T, c *cache.Cache, body *cache.Key, r *protocol.Request, y float32) (got protocol.Request, a protocol.Answer, known bool) {
	t.Helper()
	if c.Recall(body, &got, &a) {
		return got, a, true
	}
	k := key("a", "d", r)
	if c.Get(k, &a) {
		c.Remember(body, k, r)
		return *r, a, false
	}
	var n atomic.Int64
	if _, err := c.Do(t.Context(), time.Time{}, k, &a, answering(&n, y)); err != nil {
		t.Fatal(err)
	}
	return *r, a, false
}

// A body is known from the third time on, and says what it said when it was parsed.
func TestBody(t *testing.T) {
	c := newCache(t, cache.Config{MaxBytes: 1 << 20})
	said := protocol.Request{
		Form: protocol.Native, ID: []byte(`"7"`), Rows: 1, Single: true, Timeout: time.Second,
		Outputs: []protocol.OutputChoice{{Index: 1, Binary: true}, {Index: 0, Top: 3}},
	}
	for i, want := range []bool{false, false, true, true} {
		r := said
		r.X = []float32{1, 2}
		got, a, known := ask(t, c, bodyKey("a", "d", cache.Body{Text: []byte("[1, 2]")}), &r, 5)
		if got.X = nil; known != want || a.Outputs[0].F32[0] != 5 || !reflect.DeepEqual(got, said) {
			t.Errorf("%d: known %t, want %t: %+v %+v", i, known, want, got, a)
		}
	}
	if n, _ := c.Size(); n != 1 {
		t.Errorf("%d answers are kept, want 1", n)
	}
}

// What says the same in other bytes, or is another's, is another body.
func TestBodyKeys(t *testing.T) {
	c := newCache(t, cache.Config{MaxBytes: 1 << 20})
	text := cache.Body{Text: []byte("[1, 2]")}
	known := bodyKey("a", "d", text)
	for range 2 {
		ask(t, c, known, request(1, 2), 5)
	}
	others := []*cache.Key{
		bodyKey("b", "d", text), bodyKey("a", "e", text), bodyKey("ad", "", text), bodyKey("a", "d", cache.Body{Text: []byte("[1,2]")}),
		bodyKey("a", "d", cache.Body{Text: text.Text, Route: 1}), bodyKey("a", "d", cache.Body{Text: text.Text, Type: []byte("text/csv")}),
		bodyKey("a", "d", cache.Body{Text: text.Text, Length: []byte("6")}), bodyKey("a", "d", cache.Body{Type: text.Text}),
		key("a", "d", request(1, 2)),
	}
	collided := bodyKey("b", "d", text)
	cache.Collide(collided, known)
	ofAnswer := bodyKey("a", "d", cache.Body{})
	cache.Collide(ofAnswer, key("a", "d", request(1, 2)))
	var r protocol.Request
	var a protocol.Answer
	for i, k := range append(others, collided, ofAnswer) {
		if c.Recall(k, &r, &a) {
			t.Errorf("key %d is known", i)
		}
	}
	if !c.Recall(known, &r, &a) {
		t.Error("the body itself is not")
	}
}

// A body is known no longer than the answer that it had.
func TestBodyTTL(t *testing.T) {
	clk := &clock{}
	c := newCache(t, cache.WithClock(cache.Config{MaxBytes: 1 << 20, TTL: time.Minute}, clk))
	body := bodyKey("a", "d", cache.Body{Text: []byte("x")})
	ask(t, c, body, request(1), 5)
	clk.now.Add(int64(50 * time.Second))
	ask(t, c, body, request(1), 6) // the body has a minute from here
	for i, want := range []struct {
		known bool
		y     float32
	}{{true, 5}, {false, 7}, {false, 7}, {true, 7}} {
		if i == 1 {
			clk.now.Add(int64(20 * time.Second))
		}
		if _, a, known := ask(t, c, body, request(1), 7); known != want.known || a.Outputs[0].F32[0] != want.y {
			t.Errorf("%d: %t %v, want %v", i, known, a.Outputs[0].F32, want)
		}
	}
}

// Bodies count for the bytes of a cache, and one of an eighth is not kept.
func TestBodyBytes(t *testing.T) {
	const limit = 64 << 10
	c := newCache(t, cache.Config{MaxBytes: limit})
	for i := range 500 {
		text := make([]byte, 500)
		text[0], text[1] = byte(i), byte(i>>8)
		for range 3 {
			ask(t, c, bodyKey("a", "d", cache.Body{Text: text}), request(float32(i)), 1)
		}
	}
	if n, bytes := c.Size(); bytes > limit || n < 0 || n > limit/300 {
		t.Errorf("%d answers of %d bytes, at most %d", n, bytes, limit)
	}
	large := bodyKey("a", "d", cache.Body{Text: make([]byte, limit/8)})
	for range 3 {
		if _, _, known := ask(t, c, large, request(-1), 1); known {
			t.Error("a body of an eighth of the cache is kept")
		}
	}
}

func TestRecallAllocates(t *testing.T) {
	c := newCache(t, cache.Config{MaxBytes: 1 << 20})
	body := cache.Body{Text: make([]byte, 8000), Type: []byte("application/json")}
	r := request(make([]float32, 784)...)
	r.Outputs = []protocol.OutputChoice{{Index: 0}}
	k := &cache.Key{}
	k.SetBody("default", "digest", body)
	for range 2 {
		ask(t, c, k, r, 1)
	}
	var a protocol.Answer
	if n := testing.AllocsPerRun(1000, func() {
		k.SetBody("default", "digest", body)
		if !c.Recall(k, r, &a) {
			t.Error("not known")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRecall(b *testing.B) {
	c := newCache(b, cache.Config{MaxBytes: 1 << 20})
	body := cache.Body{Text: make([]byte, 8000), Type: []byte("application/json")}
	r, a, n := request(make([]float32, 784)...), protocol.Answer{}, atomic.Int64{}
	answer, k := key("default", "digest", r), &cache.Key{}
	if _, err := c.Do(b.Context(), time.Time{}, answer, &a, answering(&n, 1)); err != nil {
		b.Fatal(err)
	}
	k.SetBody("default", "digest", body)
	c.Remember(k, answer, r)
	b.ReportAllocs()
	for b.Loop() {
		k.SetBody("default", "digest", body)
		if !c.Recall(k, r, &a) {
			b.Fatal("not known")
		}
	}
}
