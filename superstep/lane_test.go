package superstep_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"scalar/superstep"

	"pgregory.net/rapid"
)

// keyed is a job of one lane whose additions are a function of a seed.
type keyed[V superstep.Number] struct {
	op       superstep.Op
	f        func(a, b V) V // the operator, in plain Go
	identity V
	value    func(x float64) V

	seed  uint64
	slots []uint32
	steps int
	most  int // additions per pair and superstep
	how   int // 0: Add, 1: AddBlock, 2: Accumulator and Touch, 3: AddAt, 4: half by Add and the others as in 2
}

type addition[V superstep.Number] struct {
	slot  uint32
	value V
}

func (k keyed[V]) additions(from, to, step int) (as []addition[V]) {
	r := rand.New(rand.NewPCG(k.seed, uint64(from*10000+to*100+step)))
	if k.slots[to] == 0 || r.IntN(5) == 0 {
		return nil
	}
	for range r.IntN(k.most + 1) {
		as = append(as, addition[V]{uint32(r.IntN(int(k.slots[to]))), k.value(r.NormFloat64() * math.Exp(10*r.NormFloat64()))})
	}
	return as
}

// oracle folds sender by sender, in sending order within one.
func (k keyed[V]) oracle(to int) []V {
	mine := slices.Repeat([]V{k.identity}, int(k.slots[to]))
	for step := range k.steps {
		for from := range k.slots {
			acc := slices.Repeat([]V{k.identity}, len(mine))
			for _, a := range k.additions(from, to, step) {
				acc[a.slot] = k.f(acc[a.slot], a.value)
			}
			for i := range mine {
				mine[i] = k.f(mine[i], acc[i])
			}
		}
	}
	return mine
}

// run returns what each peer has folded.
func (k keyed[V]) run(t fataler, w world) [][]V {
	var mu sync.Mutex
	all := make([][]V, len(k.slots))
	must(t, w.run(t, func(ctx context.Context, p *superstep.Port) error {
		lane := superstep.NewLane[V](p, k.op, k.slots)
		mine := slices.Repeat([]V{k.identity}, int(k.slots[p.Index()]))
		for step := range k.steps {
			for to := range k.slots {
				k.send(lane, to, k.additions(p.Index(), to, step))
			}
			if _, err := lane.Exchange(ctx, superstep.Vote{}, func(slot uint32, vs []V) {
				for i, v := range vs {
					mine[int(slot)+i] = k.f(mine[int(slot)+i], v)
				}
			}); err != nil {
				return err
			}
		}
		mu.Lock()
		defer mu.Unlock()
		all[p.Index()] = mine
		return nil
	}))
	return all
}

// send adds in one of five ways; all combine in sending order.
func (k keyed[V]) send(lane *superstep.Lane[V], to int, as []addition[V]) {
	if k.how == 4 {
		for _, a := range as[:len(as)/2] {
			lane.Add(to, a.slot, a.value)
		}
		k.how, as = 2, as[len(as)/2:]
	}
	if k.how == 2 {
		acc := lane.Accumulator(to)
		for _, a := range as {
			acc[a.slot] = k.f(acc[a.slot], a.value)
		}
		lane.Touch(to, int64(len(as)))
		return
	}
	if k.how == 3 {
		slots, vs := make([]uint32, len(as)), make([]V, len(as))
		for i, a := range as {
			slots[i], vs[i] = a.slot, a.value
		}
		lane.AddAt(to, slots, vs)
		return
	}
	for _, a := range as {
		if k.how == 0 {
			lane.Add(to, a.slot, a.value)
		} else {
			lane.AddBlock(to, a.slot, []V{a.value})
		}
	}
}

func bitsOf(xs []float64) (bits []uint64) {
	for _, x := range xs {
		bits = append(bits, math.Float64bits(x))
	}
	return bits
}

// Float sums are those of a fold sender by sender, bit by bit, for every placement,
// sparse and dense.
func TestFloatSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tasks, peers := drawTasks(t)
		k := keyed[float64]{
			op: superstep.Sum, f: func(a, b float64) float64 { return a + b }, value: func(x float64) float64 { return x },
			seed: rapid.Uint64().Draw(t, "seed"), steps: rapid.IntRange(1, 5).Draw(t, "steps"),
			most: rapid.SampledFrom([]int{3, 100, 2000}).Draw(t, "most"), how: rapid.IntRange(0, 4).Draw(t, "how"),
		}
		for range peers {
			k.slots = append(k.slots, rapid.SampledFrom([]uint32{0, 1, 17, 1000, 40_000}).Draw(t, "slots"))
		}
		w := world{tasks: tasks, transport: rapid.SampledFrom(transports).Draw(t, "transport")}
		for peer, got := range k.run(t, w) {
			if want := k.oracle(peer); !slices.Equal(bitsOf(got), bitsOf(want)) {
				t.Fatalf("peer %d has other sums", peer)
			}
		}
	})
}

// check compares all ways and both forms with the oracle.
func (k keyed[V]) check(t *testing.T) {
	t.Helper()
	for _, tasks := range [][]int{{3}, {1, 2}} {
		for _, most := range []int{4, 500} {
			for how := range 5 {
				k.seed, k.slots, k.steps, k.most, k.how = 5, []uint32{100, 1000, 7}, 3, most, how
				for peer, got := range k.run(t, world{tasks: tasks}) {
					if want := k.oracle(peer); !slices.Equal(got, want) {
						t.Errorf("op %d on %T, tasks %v, %d additions in way %d: peer %d differs", k.op, k.identity, tasks, most, how, peer)
					}
				}
			}
		}
	}
}

func lesser[V superstep.Number](a, b V) V  { return min(a, b) }
func greater[V superstep.Number](a, b V) V { return max(a, b) }

func TestOperators(t *testing.T) {
	bits := math.Float64bits
	keyed[int32]{op: superstep.Sum, f: func(a, b int32) int32 { return a + b }, value: func(x float64) int32 { return int32(bits(x)) }}.check(t)
	keyed[int64]{op: superstep.Min, f: lesser[int64], identity: math.MaxInt64, value: func(x float64) int64 { return int64(bits(x)) }}.check(t)
	keyed[uint32]{op: superstep.Max, f: greater[uint32], value: func(x float64) uint32 { return uint32(bits(x)) }}.check(t)
	keyed[uint32]{op: superstep.Min, f: lesser[uint32], identity: math.MaxUint32, value: func(x float64) uint32 { return uint32(bits(x)) }}.check(t)
	keyed[uint64]{op: superstep.Or, f: func(a, b uint64) uint64 { return a | b }, value: func(x float64) uint64 { return 1 << (bits(x) % 64) }}.check(t)
	keyed[int32]{op: superstep.Or, f: func(a, b int32) int32 { return a | b }, value: func(x float64) int32 { return 1 << (bits(x) % 32) }}.check(t)
	keyed[float32]{op: superstep.Max, f: greater[float32], identity: float32(math.Inf(-1)), value: func(x float64) float32 { return float32(x) }}.check(t)
	keyed[float64]{op: superstep.Min, f: lesser[float64], identity: math.Inf(1), value: func(x float64) float64 { return x }}.check(t)
}

func TestLanePanics(t *testing.T) {
	p := onePort(t)
	for name, f := range map[string]func(){
		"or on floats":    func() { superstep.NewLane[float32](p, superstep.Or, []uint32{1}) },
		"op 9":            func() { superstep.NewLane[uint32](p, 9, []uint32{1}) },
		"slots of nobody": func() { superstep.NewLane[uint32](p, superstep.Sum, nil) },
		"no such slot":    func() { superstep.NewLane[uint32](p, superstep.Sum, []uint32{3}).Add(0, 3, 1) },
		"no such block":   func() { superstep.NewLane[uint32](p, superstep.Sum, []uint32{3}).AddBlock(0, 2, []uint32{1, 1}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// Values of a lane wait for its own Exchange.
func TestTwoLanes(t *testing.T) {
	for _, tasks := range [][]int{{2}, {1, 1}} {
		must(t, world{tasks: tasks}.run(t, func(ctx context.Context, p *superstep.Port) error {
			a, b := superstep.NewLane[uint32](p, superstep.Sum, []uint32{50, 50}), superstep.NewLane[uint64](p, superstep.Max, []uint32{60, 60})
			gotA, gotB := make([]uint32, 50), make([]uint64, 60)
			for step := range uint32(6) {
				for i := range uint32(40) {
					a.Add(1-p.Index(), i, step)
					b.Add(1-p.Index(), i, uint64(100*step))
				}
				var v superstep.Verdict
				var err error
				switch step % 3 {
				case 0:
					v, err = a.Exchange(ctx, superstep.Vote{Halt: true}, func(slot uint32, vs []uint32) {
						for i, v := range vs {
							gotA[int(slot)+i] += v
						}
					})
				case 1:
					v, err = p.Sync(ctx, superstep.Vote{Halt: true})
				default:
					v, err = b.Exchange(ctx, superstep.Vote{Halt: true}, func(slot uint32, vs []uint64) {
						for i, v := range vs {
							gotB[int(slot)+i] = max(v, gotB[int(slot)+i])
						}
					})
				}
				if err != nil {
					return err
				}
				// In step 0 all sums are the identity; step 1 exchanges nothing.
				if v.Halted != (step == 1 || step == 4) && step != 0 {
					return fmt.Errorf("step %d: halted %v", step, v.Halted)
				}
			}
			if gotA[7] != 0+1+2+3 || gotB[7] != 500 || gotA[45] != 0 {
				return fmt.Errorf("%v, %v", gotA, gotB)
			}
			return nil
		}))
	}
}

// Peers that end a superstep in different ways are told so.
func TestExchangeMismatch(t *testing.T) {
	for _, tasks := range [][]int{{2}, {1, 1}} {
		errs := world{tasks: tasks}.run(t, func(ctx context.Context, p *superstep.Port) (err error) {
			lane := superstep.NewLane[uint32](p, superstep.Sum, []uint32{50, 50})
			if p.Index() == 0 {
				lane.Add(1, 3, 1)
				_, err = lane.Exchange(ctx, superstep.Vote{}, func(uint32, []uint32) {})
			} else {
				_, err = p.Sync(ctx, superstep.Vote{})
			}
			if err == nil {
				_, err = p.Sync(ctx, superstep.Vote{})
			}
			return err
		})
		if !errors.Is(errors.Join(errs...), superstep.ErrInbox) {
			t.Error(errs)
		}
	}
}
