package ring_test

import (
	"io"
	"runtime"
	"sync"
	"testing"

	"scalar/internal/ring"
)

// Wake rouses who sleeps though there are bytes or room that no bell has told of, and nobody else.
func TestWake(t *testing.T) {
	a, b := pair(t, ring.MinSize)
	defer b.Close()
	defer a.Close()
	if b.Wake() {
		t.Error("nobody sleeps")
	}
	got, errs := make(chan byte), make(chan error)
	go func() {
		one := make([]byte, 1)
		_, err := io.ReadFull(b, one)
		got <- one[0]
		errs <- err
	}()
	until(func() bool { read, _ := b.Sleeps(); return read })
	if b.Wake() {
		t.Error("there is nothing to read")
	}
	if n, err := a.Put([]byte{7}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if !b.Wake() {
		t.Error("there is something to read")
	}
	if v, err := <-got, <-errs; v != 7 || err != nil {
		t.Errorf("read %d, %v", v, err)
	}
	go func() {
		_, err := a.Write(make([]byte, ring.MinSize+1))
		errs <- err
	}()
	until(func() bool { _, write := a.Sleeps(); return write })
	if a.Wake() {
		t.Error("there is no room")
	}
	if n, err := b.Get(make([]byte, 5)); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	if !a.Wake() {
		t.Error("there is room")
	}
	if err := <-errs; err != nil {
		t.Error(err)
	}
}

// until returns when something holds that another goroutine is about to bring.
func until(holds func() bool) {
	for !holds() {
		runtime.Gosched()
	}
}

// Wake looks at no memory that Close has taken away.
func TestWakeWhileClosing(t *testing.T) {
	for range 50 {
		a, b := pair(t, ring.MinSize)
		var wakers sync.WaitGroup
		stop := make(chan struct{})
		for _, c := range []*ring.Conn{a, b} {
			wakers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						c.Wake()
					}
				}
			})
		}
		if _, err := a.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*ring.Conn{a, b} {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if a.Wake() || b.Wake() {
			t.Error("a closed end has nothing to wake")
		}
		close(stop)
		wakers.Wait()
	}
}
