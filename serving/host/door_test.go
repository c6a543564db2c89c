package host_test

import (
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"scalar/serving/host"
)

// Who passes a door lets go first for whom something has come on a connection. runtime.Gosched does
// not: nobody looks at connections as long as there is a goroutine that can run. The order of goroutines is the
// scheduler's, so most passes count, not all.
func TestDoor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	there, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	here, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	var seen atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for b := make([]byte, 1); ; seen.Add(1) {
			if _, err := io.ReadFull(here, b); err != nil {
				return
			}
		}
	}()
	pass, done := host.Door(t)
	defer done()
	pass() // the reader waits
	const passes = 300
	inTime := 0
	for i := range int64(passes) {
		if _, err := there.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		pass()
		if seen.Load() == i+1 {
			inTime++
		}
		for seen.Load() != i+1 {
			time.Sleep(time.Microsecond) // until the reader waits again
		}
	}
	if inTime < passes*2/3 {
		t.Errorf("%d of %d readers went first", inTime, passes)
	}
	if err := there.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
}

func TestDoorAllocates(t *testing.T) {
	pass, done := host.Door(t)
	defer done()
	if n := testing.AllocsPerRun(100, pass); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Passes of several doors at once do not wait for each other.
func TestDoors(t *testing.T) {
	const doors = 8
	done := make(chan struct{}, doors)
	for range doors {
		pass, end := host.Door(t)
		go func() {
			defer func() { end(); done <- struct{}{} }()
			for range 1000 {
				pass()
			}
		}()
	}
	for range doors {
		<-done
	}
}
