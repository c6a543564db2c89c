package reduce_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/ml/reduce"
	"scalar/tensor"
)

// treeSum is what a sum has to be: halves, added.
func treeSum(vs [][]float32) []float32 {
	if len(vs) == 1 {
		return vs[0]
	}
	// The halves of [lo,hi) lie at (lo+hi)/2, which rounds down.
	return treeSumAt(vs, 0, len(vs))
}

func treeSumAt(vs [][]float32, lo, hi int) []float32 {
	if hi-lo == 1 {
		return vs[lo]
	}
	a, b := treeSumAt(vs, lo, (lo+hi)/2), treeSumAt(vs, (lo+hi)/2, hi)
	sum := make([]float32, len(a))
	for i := range a {
		sum[i] = a[i] + b[i]
	}
	return sum
}

// gradients are numbers whose sums depend on their order.
func gradients(shards, size int, seed uint64) [][]float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	g := make([][]float32, shards)
	for s := range g {
		for range size {
			g[s] = append(g[s], float32(r.NormFloat64()*math.Pow(10, float64(r.IntN(8)))))
		}
	}
	return g
}

// TestArena: for any numbers of shards, peers and tasks, all peers end with the sums of the
// tree, in each of some steps.
func TestArena(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		peers := rapid.IntRange(1, 6).Draw(rt, "peers")
		shards := peers + rapid.IntRange(0, 12).Draw(rt, "more shards")
		tasks := rapid.IntRange(1, min(peers, 3)).Draw(rt, "tasks")
		size := rapid.SampledFrom([]int{1, 16, reduce.Block, 2*reduce.Block + 5, 7 * reduce.Block}).Draw(rt, "size")
		var mu sync.Mutex // guards weights and norms
		weights, norms := map[string]int{}, map[float64]int{}
		bsptest.Run(t, bsptest.Config{Peers: peers, Tasks: tasks}, bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
			got, norm, err := steps(ctx, p, shards, size)
			mu.Lock()
			defer mu.Unlock()
			weights[fmt.Sprint(got)]++
			norms[norm]++
			return err
		}))
		want := make([]float32, size)
		for step := range uint64(3) {
			for i, x := range treeSum(gradients(shards, size, step)) {
				want[i] -= x
			}
		}
		for i := range want {
			want[i]++
		}
		if len(weights) != 1 || weights[fmt.Sprint(want)] != peers || len(norms) != 1 {
			rt.Fatalf("%d peers in %d tasks, %d shards, %d values: %d of %d peers have the tree's sums; %d lengths", peers, tasks, shards, size, weights[fmt.Sprint(want)], peers, len(norms))
		}
		square := 0.0
		for _, x := range treeSum(gradients(shards, size, 2))[:size-1] {
			square += float64(x) * float64(x)
		}
		for norm := range norms {
			if math.Abs(norm-math.Sqrt(square)) > 1e-12*norm {
				rt.Fatalf("length %v, want %v", norm, math.Sqrt(square))
			}
		}
	})
}

// steps is weights -= sum of gradients, three times.
func steps(ctx context.Context, p *bsp.Peer[int], shards, size int) (weights []float32, norm float64, err error) {
	tree, err := reduce.NewTree(shards, p.N())
	if err != nil {
		return nil, 0, err
	}
	cpu, err := tensor.NewCPU(tensor.Config{Cores: 1})
	if err != nil {
		return nil, 0, err
	}
	defer cpu.Close()
	a := reduce.NewArena(tree, reduce.Of(p), cpu, size)
	if weights, err = a.Place(ctx, make([]float32, size)); err != nil {
		return nil, 0, err
	}
	for step := range uint64(3) {
		all := gradients(shards, size, step)
		if err := a.Sum(func(shard int, g []float32) error { copy(g, all[shard]); return nil }); err != nil {
			return nil, 0, err
		}
		lo, hi := a.Range(p.Index())
		err := a.Scatter(ctx, func(t reduce.Total) (err error) {
			terms := [2][]float32{t.X, t.Y}
			if step != 1 {
				err = a.Add(&t)
				terms = [2][]float32{t.X, nil}
			}
			for i := range hi - lo {
				x := terms[0][i]
				if terms[1] != nil {
					x += terms[1][i]
				}
				weights[lo+i] -= x
			}
			if step == 2 {
				norm, err = a.Norm(ctx, t.X, size-1)
			}
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		if step == 1 { // in halves
			err = errors.Join(a.Give(ctx, weights[lo:hi]), p.Sync(ctx), a.Take(ctx, weights))
		} else {
			err = a.Gather(ctx, weights[lo:hi], weights)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	lo, hi := a.Range(p.Index())
	kept := slices.Clone(weights[lo:hi]) // memory of its own, as that of a model which is kept
	for i := range kept {
		kept[i]++
	}
	err = a.Gather(ctx, kept, weights)
	return weights, norm, err
}

// TestSums: the same sum at all peers, that of one peer with all shards.
func TestSums(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		shards := rapid.IntRange(1, 40).Draw(rt, "shards")
		size := rapid.IntRange(0, 3).Draw(rt, "size")
		vectors := make([][]float64, shards)
		for s, g := range gradients(shards, size, 7) {
			for _, x := range g {
				vectors[s] = append(vectors[s], float64(x)/3)
			}
		}
		var want []float64
		for _, peers := range []int{1, rapid.IntRange(1, min(shards, 7)).Draw(rt, "peers")} {
			tree, err := reduce.NewTree(shards, peers)
			if err != nil {
				rt.Fatal(err)
			}
			got := make([][]float64, peers)
			bsptest.Run(t, bsptest.Config{Peers: peers, Tasks: 1}, bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) (err error) {
				lo, hi := tree.Owned(p.Index())
				mine := make([][]float64, 0, hi-lo)
				for _, v := range vectors[lo:hi] {
					mine = append(mine, slices.Clone(v))
				}
				got[p.Index()], err = tree.Sums(ctx, reduce.Of(p), mine)
				return err
			}))
			if peers == 1 && want == nil {
				want = got[0]
				checkNear(rt, want, vectors)
			}
			for peer, g := range got {
				if !slices.Equal(g, want) {
					rt.Fatalf("peer %d of %d has %v, one peer %v", peer, peers, g, want)
				}
			}
		}
	})
}

func checkNear(rt *rapid.T, sum []float64, vectors [][]float64) {
	for i := range sum {
		plain, size := 0.0, 0.0
		for _, v := range vectors {
			plain, size = plain+v[i], size+math.Abs(v[i])
		}
		if math.Abs(plain-sum[i]) > 1e-12*size {
			rt.Fatalf("sum %v, want %v", sum[i], plain)
		}
	}
}

func TestNewTree(t *testing.T) {
	for _, bad := range [][2]int{{0, 1}, {1, 2}, {1, 0}, {reduce.MaxShards + 1, 1}} {
		if _, err := reduce.NewTree(bad[0], bad[1]); err == nil {
			t.Errorf("%d shards for %d peers: no error", bad[0], bad[1])
		}
	}
}
