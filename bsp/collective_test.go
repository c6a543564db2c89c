package bsp_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"scalar/bsp"
	"scalar/bsp/bsptest"
)

// Collectives against what one goroutine computes from the same numbers.
func TestCollectives(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(rt, "peers")
		tasks := rapid.IntRange(1, n).Draw(rt, "tasks")
		xs := rapid.SliceOfN(rapid.Float64(), n, n).Draw(rt, "values")
		root := rapid.IntRange(0, n-1).Draw(rt, "root")
		sum := xs[0]
		for _, x := range xs[1:] {
			sum += x
		}
		words := make([]string, n)
		for i := range words {
			words[i] = strings.Repeat("w", i)
		}
		prog := func(ctx context.Context, p *bsp.Peer[int]) error {
			i := p.Index()
			got, err := bsp.AllReduce(ctx, p, xs[i], func(a, b float64) float64 { return a + b })
			if err != nil || got != sum && !(got != got && sum != sum) {
				return fmt.Errorf("AllReduce %v, want %v: %w", got, sum, err)
			}
			all, err := bsp.AllGather(ctx, p, words[i])
			if err != nil || !slices.Equal(all, words) {
				return fmt.Errorf("AllGather %q: %w", all, err)
			}
			one, err := bsp.Broadcast(ctx, p, root, words[i])
			if err != nil || one != words[root] {
				return fmt.Errorf("Broadcast %q: %w", one, err)
			}
			some, err := bsp.Gather(ctx, p, root, struct{ I, J int }{i, -i})
			if err != nil || (some != nil) != (i == root) || some != nil && some[n-1].J != 1-n {
				return fmt.Errorf("Gather %v: %w", some, err)
			}
			out := make([][]byte, n)
			for j := range out {
				if j != i { // nil arrives empty
					out[j] = binary.LittleEndian.AppendUint32(nil, uint32(100*i+j))
				}
			}
			in, err := bsp.AllToAll(ctx, p, out)
			for j := range in {
				if err == nil && (j == i) != (len(in[j]) == 0) || j != i && binary.LittleEndian.Uint32(in[j]) != uint32(100*j+i) {
					err = fmt.Errorf("AllToAll from %d: %v", j, in[j])
				}
			}
			if err == nil && p.Superstep() != 0 {
				err = fmt.Errorf("superstep %d", p.Superstep())
			}
			return err
		}
		if _, err := bsptest.Try(t, bsptest.Config{Peers: n, Tasks: tasks}, bsp.NewRunner(prog)); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestCollectiveRoot(t *testing.T) {
	prog := func(ctx context.Context, p *bsp.Peer[int]) error {
		_, err := bsp.Broadcast(ctx, p, p.N(), 1)
		return err
	}
	if _, err := bsp.Run(t.Context(), 2, prog); err == nil || !strings.Contains(err.Error(), "root 2: there are peers 0 to 1") {
		t.Errorf("%v", err)
	}
}

// Slices given away by HandOver, or by Give and Take around a barrier, arrive as they are.
func TestHandOver(t *testing.T) {
	halves := func(ctx context.Context, p *bsp.Peer[int], out [][]byte) ([][]byte, error) {
		if err := errors.Join(bsp.Give(ctx, p, out), p.Sync(ctx)); err != nil {
			return nil, err
		}
		return bsp.Take(ctx, p)
	}
	t.Run("at once", func(t *testing.T) { testHandOver(t, bsp.HandOver[int]) })
	t.Run("halves", func(t *testing.T) { testHandOver(t, halves) })
}

func testHandOver(t *testing.T, handOver func(context.Context, *bsp.Peer[int], [][]byte) ([][]byte, error)) {
	t.Helper()
	prog := func(ctx context.Context, p *bsp.Peer[int]) error {
		rng := rand.New(rand.NewPCG(1, uint64(p.Index())))
		out := make([][]byte, p.N())
		for i := range out {
			out[i] = make([]byte, rng.IntN(3<<20))
			out[i] = append(out[i], byte(p.Index()), byte(i))
		}
		in, err := handOver(ctx, p, out)
		for i, b := range in {
			if b[len(b)-2] != byte(i) || b[len(b)-1] != byte(p.Index()) {
				return fmt.Errorf("from %d: %v", i, b[len(b)-2:])
			}
		}
		return err
	}
	bsptest.Run(t, bsptest.Config{Peers: 4, Tasks: 2}, bsp.NewRunner(prog))
}
