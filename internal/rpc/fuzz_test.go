package rpc_test

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"scalar/internal/allocs"
	"scalar/internal/rpc"
)

var hostile = map[string]string{
	"magic":            "62727002" + "01" + "00" + "0001" + "0000000000000001" + "00000000",
	"kind 0":           "62727001" + "00" + "00" + "0001" + "0000000000000001" + "00000000",
	"kind 5":           "62727001" + "05" + "00" + "0001" + "0000000000000001" + "00000000",
	"flags":            "62727001" + "01" + "01" + "0001" + "0000000000000001" + "00000000",
	"length":           "62727001" + "01" + "00" + "0001" + "0000000000000001" + "ffffffff",
	"cancel with body": "62727001" + "04" + "00" + "0001" + "0000000000000001" + "00000001" + "00",
	"long error":       "62727001" + "03" + "00" + "0001" + "0000000000000001" + "00001001",
	"unasked answer":   "62727001" + "02" + "00" + "0001" + "0000000000000001" + "00000000",
	"same id twice": "62727001" + "01" + "00" + "0001" + "0000000000000001" + "00000000" +
		"62727001" + "01" + "00" + "0001" + "0000000000000001" + "00000000",
	"too many": "62727001" + "01" + "00" + "0001" + "0000000000000001" + "00000000" +
		"62727001" + "01" + "00" + "0001" + "0000000000000002" + "00000000" +
		"62727001" + "01" + "00" + "0001" + "0000000000000003" + "00000000",
}

// feed gives bytes to a link whose handler waits for its end, and returns why it
// ended.
func feed(t *testing.T, data []byte) error {
	t.Helper()
	x, y := net.Pipe()
	c := rpc.NewConn(x, func(ctx context.Context, _ uint16, _ []byte) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}, rpc.Config{MaxBody: 1 << 20, MaxInFlight: 2})
	var all sync.WaitGroup
	all.Go(func() {
		_, err := y.Write(data)
		if err == nil || errors.Is(err, io.ErrClosedPipe) {
			y.Close()
		}
	})
	err := c.Run(t.Context())
	all.Wait()
	return err
}

func TestHostile(t *testing.T) {
	for what, frames := range hostile {
		b, err := hex.DecodeString(frames)
		if err != nil {
			t.Fatal(err)
		}
		if err := feed(t, b); !errors.Is(err, rpc.ErrProtocol) {
			t.Errorf("%s: %v, want a protocol error", what, err)
		}
		if err := feed(t, b[:rpc.HeaderSize-1]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s, cut: %v, want unexpected EOF", what, err)
		}
	}
}

// TestClaimedLength: a body takes about twice what has come of it, whatever its
// length claims; the buffers of a link and of this test are in the margin.
func TestClaimedLength(t *testing.T) {
	head, err := hex.DecodeString("62727001" + "01" + "00" + "0001" + "0000000000000001" + "00100000")
	if err != nil {
		t.Fatal(err)
	}
	for _, come := range []int{1, 1<<20 - 1} {
		b := append(slices.Clone(head), make([]byte, come)...)
		var err error
		n := allocs.Bytes(func() { err = feed(t, b) })
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("truncated: %v", err)
		}
		if n > uint64(2*come+400<<10) {
			t.Errorf("%d bytes allocated for %d", n, come)
		}
	}
}

// FuzzRPC: no bytes hang or crash a link, and it always ends with a reason.
func FuzzRPC(f *testing.F) {
	for _, frames := range hostile {
		b, err := hex.DecodeString(frames)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var err error
		got := allocs.Bytes(func() { err = feed(t, data) })
		if !errors.Is(err, rpc.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
		if got > 2<<20 { // twice the limit on a body
			t.Errorf("%d bytes took %d of memory", len(data), got)
		}
	})
}
