package superstep_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scalar/superstep"
)

var compressions = map[string]superstep.Compression{
	"off": superstep.CompressOff, "s2": superstep.CompressS2, "zstd": superstep.CompressZstd, "auto": superstep.CompressAuto,
}

// wire adds up what the tasks of a world write to their links.
func wire(w *world) func() (wire, message int64) {
	var mu sync.Mutex
	var groups []*superstep.Group
	w.each = func(g *superstep.Group) {
		mu.Lock()
		defer mu.Unlock()
		groups = append(groups, g)
	}
	return func() (wire, message int64) {
		for _, g := range groups {
			wire += g.Stats().WireBytes
			message += g.Stats().MessageBytes
		}
		return wire, message
	}
}

// Every way to pack brings the same messages, with spilling and without.
func TestCompressionChangesNothing(t *testing.T) {
	want := torrent(t, world{tasks: []int{2, 1}})
	for name, way := range compressions {
		for _, budget := range []int64{0, spillBudget} {
			t.Run(fmt.Sprint(name, " budget ", budget), func(t *testing.T) {
				w := world{tasks: []int{2, 1}, transport: "unix", compress: way, budget: budget, dir: t.TempDir()}
				sum := wire(&w)
				if got := torrent(t, w); !slices.Equal(got, want) {
					t.Errorf("digests %v, want %v", got, want)
				}
				onWire, _ := sum()
				t.Logf("%d bytes on the wire", onWire)
			})
		}
	}
}

// On a link of 10 MB/s auto packs what shrinks and leaves the rest; on a link that
// costs nothing it packs nothing. Time is virtual: packing takes none.
func TestCompressionAuto(t *testing.T) {
	const slow = 10 << 20 // bytes a second
	for _, row := range []struct {
		name   string
		rate   int
		random bool
		packed bool
	}{
		{"slow link", slow, false, true},
		{"slow link, data that does not shrink", slow, true, false},
		{"fast link", 0, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := world{tasks: []int{1, 1}, compress: superstep.CompressAuto}
				if row.rate > 0 {
					w.wrap = func(c net.Conn) net.Conn { return throttled{c, row.rate} }
				}
				sum := wire(&w)
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				must(t, w.runContext(ctx, t, func(ctx context.Context, p *superstep.Port) error {
					box := superstep.NewBox(p, superstep.BoxConfig[pair]{})
					r := rand.New(rand.NewPCG(1, 2))
					for range 8 {
						for i := range 1 << 18 { // 4 MiB
							m := pair{ID: uint64(i % 100)}
							if row.random {
								m = pair{r.Uint64(), r.Float64()}
							}
							box.Send(1-p.Index(), m)
						}
						if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
							return err
						}
					}
					return nil
				}))
				onWire, message := sum()
				ratio := float64(onWire) / float64(message)
				t.Logf("%.3f of the bytes travelled, in %v", ratio, time.Since(start))
				if row.packed != (ratio < 0.2) || !row.packed && ratio < 1 {
					t.Errorf("%.3f of the bytes travelled", ratio)
				}
			})
		})
	}
}

// throttled writes so many bytes a second.
type throttled struct {
	net.Conn
	rate int
}

func (c throttled) Write(b []byte) (int, error) {
	time.Sleep(time.Duration(len(b)) * time.Second / time.Duration(c.rate))
	return c.Conn.Write(b)
}
