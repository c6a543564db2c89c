package rpc_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"scalar/internal/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// link connects two running ends; each is closed and waited for at the end.
func link(t *testing.T, a, b rpc.Handler, cfg rpc.Config) (*rpc.Conn, *rpc.Conn) {
	t.Helper()
	x, y := net.Pipe()
	return run(t, rpc.NewConn(x, a, cfg)), run(t, rpc.NewConn(y, b, cfg))
}

func run(t *testing.T, c *rpc.Conn) *rpc.Conn {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- c.Run(context.Background()) }() // Close ends it
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, rpc.ErrClosed) {
			t.Errorf("Run returned %v", err)
		}
	})
	return c
}

func echo(_ context.Context, method uint16, body []byte) ([]byte, error) {
	if method == 7 {
		return nil, fmt.Errorf("no such job: %s", body)
	}
	return append([]byte{byte(method)}, body...), nil
}

func TestBothWaysAtOnce(t *testing.T) {
	a, b := link(t, echo, echo, rpc.Config{MaxInFlight: 4})
	var all sync.WaitGroup
	for i := range 200 {
		c := a
		if i%2 == 0 {
			c = b
		}
		all.Go(func() {
			want := append([]byte{3}, bytes.Repeat([]byte{byte(i)}, i*997)...)
			if got, err := c.Call(t.Context(), 3, want[1:]); err != nil || !bytes.Equal(got, want) {
				t.Errorf("call %d: %d bytes, %v", i, len(got), err)
			}
		})
	}
	all.Wait()
	_, err := a.Call(t.Context(), 7, []byte("x-1"))
	remote, ok := errors.AsType[*rpc.RemoteError](err)
	if !ok || remote.Error() != "no such job: x-1" {
		t.Errorf("remote error: %v", err)
	}
}

// TestCallBack: handlers that call back over the same link do not lock up.
func TestCallBack(t *testing.T) {
	var a, b *rpc.Conn
	ready := make(chan struct{})
	back := func(c **rpc.Conn) rpc.Handler {
		return func(ctx context.Context, method uint16, body []byte) ([]byte, error) {
			<-ready
			if method == 0 {
				return body, nil
			}
			return (*c).Call(ctx, method-1, append(body, byte(method)))
		}
	}
	a, b = link(t, back(&a), back(&b), rpc.Config{MaxInFlight: 8})
	close(ready)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			got, err := a.Call(t.Context(), 7, nil)
			if !bytes.Equal(got, []byte{7, 6, 5, 4, 3, 2, 1}) || err != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	all.Wait()
}

// TestCallerGivesUp: the call returns at once, the handler is cancelled, its
// place is free again after that, and the link goes on.
func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var served atomic.Int32
		slow := func(ctx context.Context, method uint16, _ []byte) ([]byte, error) {
			served.Add(1)
			if method == 1 {
				<-ctx.Done()
				time.Sleep(time.Second) // ends late
			}
			return nil, ctx.Err()
		}
		a, _ := link(t, nil, slow, rpc.Config{MaxInFlight: 1})
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := a.Call(ctx, 1, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("call: %v", err)
		}
		if d := time.Since(start); d != time.Minute {
			t.Errorf("the call took %s", d)
		}
		// The one place is free only when the first handler has answered.
		if _, err := a.Call(t.Context(), 2, nil); err != nil {
			t.Errorf("next call: %v", err)
		}
		if d := time.Since(start); d != time.Minute+time.Second {
			t.Errorf("the next call was answered after %s", d)
		}
		// One that waits for a place gives up too, and is never served.
		go a.Call(t.Context(), 1, nil) // ends with the link
		synctest.Wait()
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := a.Call(ctx, 2, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("call without a place: %v", err)
		}
		if served.Load() != 3 {
			t.Errorf("%d calls were served, want 3", served.Load())
		}
	})
}

func TestLinkEnds(t *testing.T) {
	for what, end := range map[string]func(cancel context.CancelFunc, a, b *rpc.Conn){
		"caller closes":   func(_ context.CancelFunc, a, _ *rpc.Conn) { a.Close() },
		"other closes":    func(_ context.CancelFunc, _, b *rpc.Conn) { b.Close() },
		"context is over": func(cancel context.CancelFunc, _, _ *rpc.Conn) { cancel() },
	} {
		t.Run(what, func(t *testing.T) {
			x, y := net.Pipe()
			called, released := make(chan struct{}), make(chan struct{})
			a := rpc.NewConn(x, nil, rpc.Config{})
			b := rpc.NewConn(y, func(ctx context.Context, _ uint16, _ []byte) ([]byte, error) {
				close(called)
				<-ctx.Done()
				close(released)
				return nil, ctx.Err()
			}, rpc.Config{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var all sync.WaitGroup
			all.Go(func() {
				if err := a.Run(ctx); err == nil {
					t.Error("Run of a gave no reason")
				}
			})
			all.Go(func() {
				err := b.Run(ctx)
				select {
				case <-released:
				default:
					t.Error("Run did not wait for the handler")
				}
				if what == "caller closes" && !errors.Is(err, io.EOF) {
					t.Errorf("Run of b: %v, want EOF", err)
				}
			})
			all.Go(func() {
				// The handler's own error may come before the end.
				_, err := a.Call(context.WithoutCancel(ctx), 1, nil)
				if _, remote := errors.AsType[*rpc.RemoteError](err); !remote && !errors.Is(err, rpc.ErrClosed) {
					t.Errorf("call in flight: %v", err)
				}
			})
			<-called
			end(cancel, a, b)
			all.Wait()
			<-a.Done()
			<-b.Done()
			if _, err := a.Call(t.Context(), 1, nil); !errors.Is(err, rpc.ErrClosed) {
				t.Errorf("call on a dead link: %v", err)
			}
		})
	}
}

// TestPing: pings are no calls, however many there are, and never block.
func TestPing(t *testing.T) {
	a, b := link(t, echo, echo, rpc.Config{MaxInFlight: 2})
	for range 100 {
		a.Ping()
		b.Ping()
		if got, err := a.Call(t.Context(), 3, []byte("x")); string(got) != "\x03x" || err != nil {
			t.Fatalf("call: %q, %v", got, err)
		}
	}
	x, y := net.Pipe()
	defer x.Close()
	defer y.Close()
	c := rpc.NewConn(x, nil, rpc.Config{MaxInFlight: 2})
	for range 100 { // it does not run
		c.Ping()
	}
}

// TestStuckPeer: a peer that reads nothing breaks the link by the write timeout.
func TestStuckPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := net.Pipe()
		defer y.Close()
		c := rpc.NewConn(x, nil, rpc.Config{WriteTimeout: 5 * time.Second})
		ended := make(chan error, 1)
		go func() { ended <- c.Run(t.Context()) }()
		start := time.Now()
		if _, err := c.Call(t.Context(), 1, []byte("x")); !errors.Is(err, rpc.ErrClosed) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("call: %v", err)
		}
		if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("Run: %v after %s", err, time.Since(start))
		}
	})
}

func TestLimits(t *testing.T) {
	big := func(_ context.Context, method uint16, _ []byte) ([]byte, error) {
		if method == 9 {
			return nil, errors.New(strings.Repeat("e", 10_000))
		}
		return make([]byte, method), nil
	}
	a, _ := link(t, nil, big, rpc.Config{MaxBody: 100})
	if _, err := a.Call(t.Context(), 1, make([]byte, 101)); err == nil || !strings.Contains(err.Error(), "request of 101 bytes, the limit is 100") {
		t.Errorf("large request: %v", err)
	}
	if _, err := a.Call(t.Context(), 101, nil); err == nil || !strings.Contains(err.Error(), "answer of 101 bytes, the limit is 100") {
		t.Errorf("large answer: %v", err)
	}
	if _, err := a.Call(t.Context(), 9, nil); err == nil || len(err.Error()) != 4096 {
		t.Errorf("long error: %v", err)
	}
	if got, err := a.Call(t.Context(), 100, make([]byte, 100)); err != nil || len(got) != 100 {
		t.Errorf("just within: %v", err)
	}
}

func TestOneSided(t *testing.T) {
	a, b := link(t, nil, echo, rpc.Config{})
	if a.RemoteAddr() == nil {
		t.Error("no remote address")
	}
	if _, err := b.Call(t.Context(), 4, nil); err == nil || err.Error() != "method 4 is not served on this side of the link" {
		t.Errorf("call of a side without handler: %v", err)
	}
}

// TestGolden fixes the bytes of every kind of frame.
func TestGolden(t *testing.T) {
	golden, err := os.ReadFile("testdata/frames.golden")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(golden)) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] != "#" {
			want = append(want, strings.Join(fields, ""))
		}
	}
	x, y := net.Pipe()
	defer y.Close()
	serving := make(chan struct{})
	c := run(t, rpc.NewConn(x, func(ctx context.Context, method uint16, body []byte) ([]byte, error) {
		if method == 3 {
			close(serving)
			<-ctx.Done()
			return nil, errors.New("stopped")
		}
		return echo(ctx, method, body)
	}, rpc.Config{}))
	// Our calls and cancel, as they go out.
	ctx, cancel := context.WithCancel(t.Context())
	called := make(chan error, 1)
	go func() {
		_, err := c.Call(ctx, 0x0102, []byte("hello"))
		called <- err
	}()
	expect(t, y, want[0])
	cancel()
	if err := <-called; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	expect(t, y, want[1])
	// The peer's call is answered; one is cancelled and answered with an error.
	send(t, y, want[2])
	expect(t, y, want[3])
	send(t, y, want[4])
	<-serving
	send(t, y, want[5])
	expect(t, y, want[6])
}

func expect(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want)/2)
	if _, err := io.ReadFull(r, got); err != nil || hex.EncodeToString(got) != want {
		t.Fatalf("frame %x, want %s (%v)", got, want, err)
	}
}

func send(t *testing.T, w io.Writer, frame string) {
	t.Helper()
	b, err := hex.DecodeString(frame)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
}
