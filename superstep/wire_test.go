package superstep_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"scalar/superstep"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// tap keeps a copy of what is written.
type tap struct {
	net.Conn
	mu  *sync.Mutex
	all *bytes.Buffer
}

func (c *tap) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.all.Write(b)
	c.mu.Unlock()
	return c.Conn.Write(b)
}

// split goes through a stream frame by frame: header, then payload. What is behind the
// last whole one comes last.
func split(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(b) >= 48 {
			n := 48 + int(uint32(b[36])|uint32(b[37])<<8|uint32(b[38])<<16|uint32(b[39])<<24)
			if !yield(b[:n]) {
				return
			}
			b = b[n:]
		}
		if len(b) > 0 {
			yield(b)
		}
	}
}

// dump writes a stream frame by frame.
func dump(b []byte) string {
	var out strings.Builder
	behind := 0
	for f := range split(b) {
		if len(f) < 48 {
			behind = len(f)
			continue
		}
		fmt.Fprintf(&out, "type %d\n%s\n", f[4], hex.Dump(f))
	}
	fmt.Fprintf(&out, "%d bytes behind\n", behind)
	return out.String()
}

// stream is what task 0 of two sends to task 1 in a job with every type of frame.
func stream(t fataler) []byte {
	var mu sync.Mutex
	var all bytes.Buffer
	var once sync.Once
	w := world{tasks: []int{1, 1}, wrap: func(c net.Conn) net.Conn {
		once.Do(func() { c = &tap{c, &mu, &all} })
		return c
	}}
	must(t, w.run(t, func(ctx context.Context, p *superstep.Port) error {
		pairs, texts := superstep.NewBox(p, superstep.BoxConfig[pair]{}), superstep.NewBox(p, superstep.BoxConfig[string]{})
		lane := superstep.NewLane[float64](p, superstep.Sum, []uint32{40, 40})
		if p.Index() == 0 {
			for i := range uint64(70) { // more than a chunk: it leaves before Clear
				texts.Send(1, strings.Repeat("x", 1000))
				_ = i
			}
			texts.Clear()
			pairs.Send(1, pair{0x0102030405060708, 1.5})
			pairs.Send(1, pair{2, -1})
			texts.Send(1, "hello")
			lane.Add(1, 3, 0.5)
			lane.Add(1, 39, 2)
		}
		fold := func(uint32, []float64) {}
		if _, err := lane.Exchange(ctx, superstep.Vote{Control: superstep.ControlCheckpoint, Values: []byte("sum")}, fold); err != nil {
			return err
		}
		if _, err := p.AllToAll(ctx, [][]byte{[]byte("give"), []byte("give")}); err != nil {
			return err
		}
		lane.AddBlock(1, 38, []float64{1, 2})
		lane.AddBlock(1, 0, []float64{1, 2, 3})
		if _, err := lane.Exchange(ctx, superstep.Vote{Halt: true}, fold); err != nil {
			return err
		}
		_, err := p.AllGather(ctx, nil)
		return err
	}))
	return all.Bytes()
}

// The frames of a small job stay as they are: docs/formats.md describes them. A
// change here is a new version of the format.
func TestGoldenFrames(t *testing.T) {
	// The cleared texts are long and say little: leave them out.
	var kept []byte
	types := map[byte]bool{}
	for f := range split(stream(t)) {
		types[f[4]] = true
		if len(f) < 800 {
			kept = append(kept, f...)
		}
	}
	kept = append(kept, superstep.Hello(superstep.Mesh{Job: 42, Epoch: 7, Task: 1}, 0, 2)...)
	golden(t, filepath.Join("testdata", "frames.golden"), dump(kept))
	for _, typ := range []byte{2, 3, 4, 5, 6, 7, 8} {
		if !types[typ] {
			t.Errorf("no frame of type %d", typ)
		}
	}
}

// golden compares with a file, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the frames are\n%s", got)
	}
}

// What a group writes is what a reader takes.
func TestReaderTakesStreams(t *testing.T) {
	mark := superstep.AppendMark(superstep.Mark{Control: 5, Busy: true, Sent: 3, Links: 1, Values: [][]byte{[]byte("v"), nil}}, []uint64{1, 0, 0, 2})
	good := slices.Concat(
		superstep.Frame([4]uint8{2, 0, 0, 1}, [4]uint32{0, 2, 0, 1}, make([]byte, 16)),
		superstep.Frame([4]uint8{2, 0, 1, 2}, [4]uint32{0, 3, 1, 0}, make([]byte, 10)),
		superstep.Frame([4]uint8{2, 0, 0, 2}, [4]uint32{0, 3, 1, 2}, make([]byte, 10)),
		superstep.Frame([4]uint8{4, 0, 0, 0}, [4]uint32{0, 1, 0, 0}, mark),
		superstep.Frame([4]uint8{5, 0, 2 | 4, 0}, [4]uint32{0, 2, 0, 0}, nil),
		superstep.Frame([4]uint8{7, 0, 0, 0}, [4]uint32{1, 2, 0, 0}, nil),
	)
	if err := superstep.ReadFrames(superstep.AmongThree, good); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	frame := superstep.Frame
	data := frame([4]uint8{2, 0, 0, 1}, [4]uint32{0, 2, 0, 1}, make([]byte, 16))
	for name, bad := range map[string][]byte{
		"source of another task":    frame([4]uint8{2, 0, 0, 1}, [4]uint32{0, 4, 0, 1}, make([]byte, 16)),
		"destination elsewhere":     frame([4]uint8{2, 0, 0, 1}, [4]uint32{0, 2, 2, 1}, make([]byte, 16)),
		"next superstep":            frame([4]uint8{2, 0, 0, 1}, [4]uint32{1, 2, 0, 1}, make([]byte, 16)),
		"more messages than bytes":  frame([4]uint8{2, 0, 0, 1}, [4]uint32{0, 2, 0, 17}, make([]byte, 16)),
		"no payload":                frame([4]uint8{2, 0, 0, 1}, [4]uint32{0, 2, 0, 1}, nil),
		"unknown type":              frame([4]uint8{99, 0, 0, 1}, [4]uint32{0, 2, 0, 1}, nil),
		"unknown flag":              frame([4]uint8{2, 0, 64, 1}, [4]uint32{0, 2, 0, 1}, make([]byte, 16)),
		"lane 255":                  frame([4]uint8{2, 255, 0, 1}, [4]uint32{0, 2, 0, 1}, make([]byte, 16)),
		"hello again":               frame([4]uint8{1, 0, 0, 0}, [4]uint32{0, 1, 0, 0}, make([]byte, 8)),
		"too large":                 frame([4]uint8{2, 0, 0, 1}, [4]uint32{0, 2, 0, 1}, make([]byte, 1<<20+1)),
		"another within fragments":  slices.Concat(frame([4]uint8{2, 0, 1, 2}, [4]uint32{0, 3, 1, 0}, []byte{1}), frame([4]uint8{2, 0, 0, 2}, [4]uint32{0, 3, 0, 1}, []byte{1})),
		"empty fragment":            frame([4]uint8{2, 0, 1, 2}, [4]uint32{0, 3, 1, 0}, nil),
		"columns in fragments":      slices.Concat(frame([4]uint8{3, 0, 1, 21}, [4]uint32{0, 3, 1, 0}, []byte{1}), frame([4]uint8{3, 0, 0, 21}, [4]uint32{0, 3, 1, 1}, []byte{1})),
		"mark with other counts":    slices.Concat(data, data, frame([4]uint8{4, 0, 0, 0}, [4]uint32{0, 1, 0, 0}, mark)),
		"mark of another task":      frame([4]uint8{4, 0, 0, 0}, [4]uint32{0, 2, 0, 0}, mark),
		"empty mark":                frame([4]uint8{4, 0, 0, 0}, [4]uint32{0, 1, 0, 0}, nil),
		"goodbye too early":         frame([4]uint8{8, 0, 0, 0}, [4]uint32{0, 1, 0, 0}, nil),
		"round 1 before 0":          frame([4]uint8{5, 0, 0, 0}, [4]uint32{1, 2, 0, 0}, nil),
		"three rounds at once":      slices.Concat(frame([4]uint8{5, 0, 0, 0}, [4]uint32{0, 2, 0, 0}, nil), frame([4]uint8{5, 0, 0, 0}, [4]uint32{1, 2, 0, 0}, nil), frame([4]uint8{5, 0, 0, 0}, [4]uint32{2, 2, 0, 0}, nil)),
		"left twice":                slices.Concat(frame([4]uint8{7, 0, 0, 0}, [4]uint32{0, 2, 0, 0}, nil), frame([4]uint8{7, 0, 0, 0}, [4]uint32{0, 2, 0, 0}, nil)),
		"abort of no kind":          frame([4]uint8{9, 0, 0, 0}, [4]uint32{0, 1, 0, 0}, []byte{9, 0, 0, 0, 0}),
		"payload's checksum":        slices.Concat(data[:48], []byte{1}, data[49:]),
		"header's checksum":         slices.Concat(data[:30], []byte{1}, data[31:]),
		"another version":           slices.Concat([]byte("BSP\x01"), data[4:]),
		"another protocol":          []byte(strings.Repeat("GET / HTTP/1.1\r\n", 9)),
		"two supersteps ahead":      aheadBy(2),
		"fragments over mark limit": slices.Repeat(frame([4]uint8{4, 0, 1, 0}, [4]uint32{0, 1, 0, 0}, make([]byte, 100_000)), 2),
	} {
		err := superstep.ReadFrames(superstep.AmongThree, bad)
		if !errors.Is(err, superstep.ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := frame([4]uint8{2, 0, 0, 1}, [4]uint32{0, 2, 0, 1}, make([]byte, 16))
	if err := superstep.ReadFrames(superstep.AmongThree, other[:40]); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

// aheadBy is a task's marks of so many supersteps, and data of the one behind.
func aheadBy(n uint32) (b []byte) {
	for step := range n {
		b = append(b, superstep.Frame([4]uint8{4, 0, 0, 0}, [4]uint32{step, 1, 0, 0}, superstep.AppendMark(superstep.Mark{Busy: true, Values: make([][]byte, 2)}, make([]uint64, 4)))...)
	}
	return append(b, superstep.Frame([4]uint8{2, 0, 0, 1}, [4]uint32{n, 2, 0, 1}, make([]byte, 16))...)
}

// TestReaderMemory: a reader takes memory for what comes, and for one frame more,
// whatever headers claim. Of each byte of a message in fragments there is one in the
// frame and up to two in the message that grows.
func TestReaderMemory(t *testing.T) {
	head := len(superstep.Frame([4]uint8{}, [4]uint32{}, nil))
	piece := make([]byte, superstep.MaxFrame-head)
	first := superstep.Frame([4]uint8{2, 0, 1, 2}, [4]uint32{0, 2, 0, 0}, piece)
	for what, b := range map[string][]byte{
		"nothing":            nil,
		"a header":           first[:head],
		"a fragment":         first,
		"fragments":          bytes.Repeat(first, 24),
		"fragments of parts": bytes.Repeat(superstep.Frame([4]uint8{5, 0, 1, 0}, [4]uint32{0, 2, 0, 0}, piece), 24),
		"a mark too large":   superstep.Frame([4]uint8{4, 0, 1, 0}, [4]uint32{0, 1, 0, 0}, piece),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := superstep.ReadFrames(superstep.AmongThree, b); err == nil {
			t.Errorf("%s: no error", what)
		}
		runtime.ReadMemStats(&after)
		// All that was ever allocated: growing doubles, and under the race detector
		// pools forget what they are given. A claimed length would be 1 GiB and more.
		if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(10*len(b)+5*superstep.MaxFrame); got > limit {
			t.Errorf("%s: %d bytes took %d in memory", what, len(b), got)
		}
	}
}

func TestReaderNamesTheOther(t *testing.T) {
	b := superstep.Frame([4]uint8{2, 0, 0, 1}, [4]uint32{0, 2, 0, 1}, make([]byte, 16))
	told := superstep.Frame([4]uint8{9, 0, 0, 0}, [4]uint32{0, 1, 0, 0}, append([]byte{2, 2, 0, 0, 0}, "cable cut"...))
	err := superstep.ReadFrames(superstep.AmongThree, append(b, told...))
	if err == nil || !strings.Contains(err.Error(), "link to task 2: task 1 reports: cable cut") {
		t.Error(err)
	}
}
