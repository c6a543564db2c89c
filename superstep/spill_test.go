package superstep_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"scalar/internal/allocs"
	"scalar/superstep"
)

const spillBudget = 64 << 10 // bytes of messages in the memory of a task

// boxes are one peer's inboxes of every kind.
type boxes struct {
	p      *superstep.Port
	plain  *superstep.Box[pair]
	texts  *superstep.Box[string]
	sorted *superstep.Box[pair]
	large  *superstep.Box[[]byte]
	lane   *superstep.Lane[float64]
	digest hash.Hash64
}

func newBoxes(p *superstep.Port) *boxes {
	return &boxes{
		p:      p,
		plain:  superstep.NewBox(p, superstep.BoxConfig[pair]{}),
		texts:  superstep.NewBox(p, superstep.BoxConfig[string]{}),
		sorted: superstep.NewBox(p, superstep.BoxConfig[pair]{Compare: func(a, b pair) int { return cmp.Compare(a.ID, b.ID) }}),
		large:  superstep.NewBox(p, superstep.BoxConfig[[]byte]{Compare: bytes.Compare}),
		lane:   superstep.NewLane[float64](p, superstep.Sum, slices.Repeat([]uint32{10_000}, p.N())),
		digest: fnv.New64a(),
	}
}

func (b *boxes) note(numbers ...uint64) { _ = binary.Write(b.digest, binary.LittleEndian, numbers) }

// send gives every peer ten times a task's budget.
func (b *boxes) send(step int) {
	from := b.p.Index()
	for to := range b.p.N() {
		for i := range spillBudget * 10 / 16 / 3 {
			b.plain.Send(to, pair{uint64(i), float64(from<<8 + step)})
			b.sorted.Send(to, pair{uint64(i * 7919 % 1000), float64(i)})
		}
		for i := range spillBudget * 10 / 64 / 3 {
			b.texts.Send(to, strings.Repeat(strconv.Itoa(i), 10))
		}
		b.large.Send(to, bytes.Repeat([]byte{byte(from*3 + step)}, 3<<20))
		b.lane.AddBlock(to, 0, slices.Repeat([]float64{0.1 * float64(from+step)}, 10_000))
	}
}

// read digests all inboxes, and returns how many messages there were.
func (b *boxes) read() (count int) {
	for m := range b.plain.Messages() {
		b.note(m.ID, uint64(m.Value))
		count++
	}
	for m := range b.texts.Messages() {
		_, _ = io.WriteString(b.digest, m)
		count++
	}
	for m := range b.sorted.Messages() {
		b.note(m.ID, uint64(m.Value))
		count++
	}
	for m := range b.large.Messages() {
		b.note(uint64(len(m)), uint64(m[0]), uint64(m[len(m)-1]))
		count++
	}
	return count
}

// torrent has every peer send ten times a task's budget to every other peer before
// each of two Syncs, in every kind of inbox, and returns a digest of all that each
// peer read.
func torrent(t *testing.T, w world) []string {
	t.Helper()
	n := 0
	for _, k := range w.tasks {
		n += k
	}
	digests := make([]string, n)
	must(t, w.run(t, func(ctx context.Context, p *superstep.Port) error {
		b := newBoxes(p)
		for step := range 2 {
			b.send(step)
			_, err := b.lane.Exchange(ctx, superstep.Vote{}, func(slot uint32, vs []float64) {
				b.note(uint64(slot), uint64(len(vs)), math.Float64bits(vs[0]))
			})
			if err != nil {
				return err
			}
			want := b.plain.Len() + b.texts.Len() + b.sorted.Len() + b.large.Len()
			for range 2 { // what lies on disk is read again
				if got := b.read(); got != want {
					t.Errorf("peer %d read %d messages of %d", p.Index(), got, want)
				}
			}
		}
		_, _ = b.digest.Write(saveBox(t, b.plain))
		_, _ = b.digest.Write(saveBox(t, b.sorted))
		digests[p.Index()] = strconv.FormatUint(b.digest.Sum64(), 16)
		return nil
	}))
	return digests
}

// All peers send ten times their budget to each other before any Sync: they read
// what they would read with all the memory in the world, and nothing is left.
func TestSpill(t *testing.T) {
	for _, tasks := range [][]int{{3}, {2, 1}} {
		want := torrent(t, world{tasks: tasks})
		for _, transport := range transports {
			if len(tasks) == 1 && transport != "pipe" {
				continue
			}
			t.Run(fmt.Sprint(tasks, " over ", transport), func(t *testing.T) {
				dir := t.TempDir()
				var mu sync.Mutex
				var groups []*superstep.Group
				got := torrent(t, world{tasks: tasks, transport: transport, budget: spillBudget, dir: dir, each: func(g *superstep.Group) {
					mu.Lock()
					defer mu.Unlock()
					groups = append(groups, g)
				}})
				if !slices.Equal(got, want) {
					t.Errorf("digests %v, with memory %v", got, want)
				}
				for i, g := range groups {
					if spilled := g.Stats().SpilledBytes; spilled < 10*spillBudget {
						t.Errorf("task %d spilled %d bytes", i, spilled)
					}
				}
				if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
					t.Errorf("left over: %v, %v", left, err)
				}
			})
		}
	}
}

// The budget bounds what messages take in memory, also where one peer sends and
// nobody reads.
func TestSpillBoundsMemory(t *testing.T) {
	const total = 256 << 20
	for _, tasks := range [][]int{{2}, {1, 1}} {
		t.Run(fmt.Sprint(tasks), func(t *testing.T) {
			must(t, world{tasks: tasks, budget: 4 << 20, dir: t.TempDir()}.run(t, func(ctx context.Context, p *superstep.Port) error {
				box := superstep.NewBox(p, superstep.BoxConfig[[256]uint32]{})
				if p.Index() == 0 {
					for i := range total / 1024 {
						box.Send(1, [256]uint32{uint32(i)})
					}
				}
				if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
					return err
				}
				if p.Index() == 0 {
					return nil
				}
				next := uint32(0)
				for m := range box.Messages() {
					if m[0] != next {
						t.Fatalf("message %d is %d", next, m[0])
					}
					next++
				}
				runtime.GC()
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				if next != total/1024 || now.HeapAlloc > total/4 {
					t.Errorf("%d messages, %d MiB in memory", next, now.HeapAlloc>>20)
				}
				return nil
			}))
		})
	}
}

// Where there is no room on the disk either, the job ends and says where.
func TestSpillFails(t *testing.T) {
	for name, w := range map[string]world{
		"limit":     {budget: 1, limit: 1 << 20, dir: t.TempDir()},
		"no folder": {budget: 1, dir: "/proc/none"},
	} {
		for _, tasks := range [][]int{{2}, {1, 1}} {
			t.Run(fmt.Sprint(name, tasks), func(t *testing.T) {
				w.tasks = tasks
				var mu sync.Mutex
				var seen []error
				errs := w.run(t, func(ctx context.Context, p *superstep.Port) error {
					box := superstep.NewBox(p, superstep.BoxConfig[pair]{})
					for i := range 1 << 18 {
						box.Send(1-p.Index(), pair{ID: uint64(i)})
					}
					_, err := p.Sync(ctx, superstep.Vote{})
					mu.Lock()
					defer mu.Unlock()
					seen = append(seen, err)
					return err
				})
				var full *superstep.SpillError
				if err := errors.Join(append(seen, errs...)...); !errors.As(err, &full) || errors.Is(err, superstep.ErrSpillLimit) != (w.limit > 0) || full.Dir != w.dir || !strings.Contains(err.Error(), w.dir) {
					t.Errorf("%v", err)
				}
			})
		}
	}
}

// poorPort is the port of a job of one peer with little memory.
func poorPort(t *testing.T, dir string, budget int64) *superstep.Port {
	t.Helper()
	g, err := superstep.NewGroup(superstep.Config{Ranges: []superstep.Range{{Lo: 0, Hi: 1}}, MemoryBudget: budget, SpillDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g.Port(0)
}

// pooled is a bound on what is allocated with pools; under the race detector they drop
// a part of what they are given, at random.
func pooled(bound uint64) uint64 {
	if raced {
		return 8 * bound
	}
	return bound
}

// A saved inbox that lies on disk passes through little memory, both ways.
func TestSaveFromDisk(t *testing.T) {
	const budget = 1 << 20
	dir := t.TempDir()
	p := poorPort(t, dir, budget)
	pairs, texts := superstep.NewBox(p, superstep.BoxConfig[pair]{}), superstep.NewBox(p, superstep.BoxConfig[string]{})
	for i := range uint64(1 << 20) {
		pairs.Send(0, pair{i, float64(i)})
		if i%64 == 0 {
			texts.Send(0, strings.Repeat(strconv.FormatUint(i, 10), 200))
		}
	}
	if _, err := p.Sync(t.Context(), superstep.Vote{}); err != nil {
		t.Fatal(err)
	}
	if !pairs.OnDisk() || !texts.OnDisk() {
		t.Fatal("the inbox is in memory")
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "saved"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := allocs.Bytes(func() { err = errors.Join(pairs.Save(f), texts.Save(f)) }); err != nil || got > pooled(2*budget) {
		t.Errorf("saving took %d bytes: %v", got, err)
	}
	sizes := []int64{pairs.SavedSize(), texts.SavedSize()}
	q := poorPort(t, dir, budget)
	pairs2, texts2 := superstep.NewBox(q, superstep.BoxConfig[pair]{}), superstep.NewBox(q, superstep.BoxConfig[string]{})
	if got := allocs.Bytes(func() {
		err = errors.Join(pairs2.Load(io.NewSectionReader(f, 0, sizes[0]), sizes[0]), texts2.Load(io.NewSectionReader(f, sizes[0], sizes[1]), sizes[1]))
	}); err != nil || got > pooled(4*budget) {
		t.Errorf("loading took %d bytes: %v", got, err)
	}
	if pairs2.Len() != 1<<20 || !pairs2.OnDisk() || !texts2.OnDisk() {
		t.Errorf("%d of %d messages", pairs2.Len(), pairs.Len())
	}
	next, stop := iter.Pull(texts2.Messages())
	defer stop()
	for m := range texts.Messages() {
		if got, ok := next(); !ok || got != m {
			t.Fatalf("%.20q instead of %.20q", got, m)
		}
	}
	for _, p := range []*superstep.Port{p, q} { // and what waited on disk is given back
		for range 2 {
			if _, err := p.Sync(t.Context(), superstep.Vote{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if pairs2.Len() != 0 {
		t.Errorf("%d messages of a superstep that is over", pairs2.Len())
	}
}
