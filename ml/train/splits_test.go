package train_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/ml/opt"
	"scalar/ml/reduce"
	"scalar/ml/train"
)

// bookOrder is the order of an epoch as decision 28 describes it: all of it at once.
func bookOrder(rows []uint32, splits int, seed, epoch uint64) []uint32 {
	shuffled := func(n int, stream uint64) []int {
		r, all := rand.New(rand.NewPCG(seed, stream)), make([]int, n)
		for i := range all {
			all[i] = i
		}
		for i := n - 1; i > 0; i-- {
			j := int(r.Uint64N(uint64(i) + 1))
			all[i], all[j] = all[j], all[i]
		}
		return all
	}
	var order []uint32
	for _, s := range shuffled(splits, 1<<63+epoch+1) {
		run := rows[s*len(rows)/splits : (s+1)*len(rows)/splits]
		for _, i := range shuffled(len(run), uint64(s)<<32+epoch+1) {
			order = append(order, run[i])
		}
	}
	return order
}

// TestPlanSplits: batches and their shards are what the order of the epoch says, in any number of
// splits, also where a batch spans several, whoever asks for which shards.
func TestPlanSplits(t *testing.T) {
	rows := make([]uint32, 0, 500)
	for i := range cap(rows) {
		rows = append(rows, uint32(i*3+i%2))
	}
	for _, splits := range []int{1, 2, 3, 7, 100, 499, 500} {
		for _, batch := range []int{1, 30, 70, 500} {
			plan, own := train.NewPlan(rows, batch, 9), train.NewPlan(rows, batch, 9)
			told := [][2]int{}
			plan.Divide(splits, func(lo, hi int) { told = append(told, [2]int{lo, hi}) })
			own.Divide(splits, nil)
			shards := min(batch, 5)
			tree, err := reduce.NewTree(shards, 1)
			if err != nil {
				t.Fatal(err)
			}
			for step := range 3 * plan.Steps() {
				epoch, at := step/plan.Steps(), step%plan.Steps()*batch
				want := bookOrder(rows, splits, 9, uint64(epoch))[at : at+batch]
				var got []uint32
				for s := range shards {
					part, first := plan.Shard(step, s, tree)
					if first != len(got) {
						t.Fatalf("%d splits, batches of %d: shard %d begins at %d, want %d", splits, batch, s, first, len(got))
					}
					for _, i := range part {
						if splits > 1 && !slices.ContainsFunc(told, func(r [2]int) bool { return r[0] <= int(i) && int(i) < r[1] }) {
							t.Fatalf("%d splits: row %d was not read ahead", splits, i)
						}
					}
					got = append(got, part...)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%d splits, batches of %d, step %d: %v, want %v", splits, batch, step, got, want)
				}
				part, first := own.Shard(step, shards-1, tree) // a peer that has this one alone
				if !slices.Equal(part, want[first:]) {
					t.Fatalf("%d splits, batches of %d, step %d: the last shard has %v, want %v", splits, batch, step, part, want[first:])
				}
			}
			for _, r := range told {
				if n := 3 * (len(rows)/splits + 2); r[1]-r[0] > n {
					t.Fatalf("%d splits: rows %v are read ahead, want up to %d", splits, r, n)
				}
			}
		}
	}
}

// TestSpilled: with equal splits the model is the same whether the rows lie in memory or in
// the tasks' files, for any number of peers and tasks, and after a restart.
func TestSpilled(t *testing.T) {
	o := digits(t)
	o.Validation, o.Splits, o.Optimizer = .1, 7, opt.Config{Name: opt.Adam, Rate: .005}
	m, want := trained(t, bsptest.Config{}, o)
	if m.Training.Options["splits"] != "7" || m.Training.Error > .2 {
		t.Errorf("%+v", m.Training)
	}
	for _, c := range []bsptest.Config{
		{Peers: 1, Arena: 4096},
		{Peers: 2, Arena: 4096},
		{Peers: 2, Tasks: 2, Arena: 100000, RestartAt: 1},
		{Peers: 3, Tasks: 2, Arena: 4096, RestartAt: 24},
		{Peers: 3, RestartAt: 21},
	} {
		_, got := trained(t, c, o)
		for name := range want {
			if !bytes.Equal(want[name], got[name]) {
				t.Errorf("%+v: %s differs:\n%.2000s\nwant\n%.2000s", c, name, got[name], want[name])
			}
		}
	}
	o.Splits = 1
	if _, other := trained(t, bsptest.Config{Arena: 4096}, o); bytes.Equal(other["weights.safetensors"], want["weights.safetensors"]) {
		t.Error("one split has the weights of seven")
	}
	// Unasked there are as many as the memory wants: rows of 64 numbers, four bytes each, and a class.
	o.Splits = 0
	m, want = trained(t, bsptest.Config{Peers: 2, Tasks: 2, Arena: 100000, RestartAt: 30}, o)
	if m.Training.Options["splits"] != "15" { // 1,438·260 bytes in parts of 25,000
		t.Errorf("%s splits", m.Training.Options["splits"])
	}
	o.Splits = 15
	if _, got := trained(t, bsptest.Config{Peers: 3}, o); !bytes.Equal(got["weights.safetensors"], want["weights.safetensors"]) {
		t.Error("15 splits that were asked for give another model than those that memory wants")
	}
}

// TestSplitsOfCheckpoint: an attempt that goes on from a checkpoint has the splits of the first one,
// whatever its own memory wants.
func TestSplitsOfCheckpoint(t *testing.T) {
	o := digits(t)
	o.Splits = 7
	_, want := trained(t, bsptest.Config{Peers: 2}, o)
	again := o
	again.Splits = 3
	r := bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[struct{}]) error {
		if p.Superstep() > 0 {
			return train.Program(again)(ctx, p)
		}
		return train.Program(o)(ctx, p)
	}, bsp.Files())
	got := bsptest.Run(t, bsptest.Config{Peers: 2, Input: o.Input.URL, RestartAt: 30}, r).Files
	for name := range want {
		if !bytes.Equal(want[name], got[name]) {
			t.Errorf("%s differs:\n%.2000s\nwant\n%.2000s", name, got[name], want[name])
		}
	}
}
