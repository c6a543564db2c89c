package superstep_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"scalar/superstep"

	"pgregory.net/rapid"
)

// areaOf is a peer's area of a job.
type areaOf struct {
	*superstep.Area[uint64]
	places []uint32 // of what others put, peer by peer
	own    []uint32 // places that the peer writes itself
}

// area opens a peer's area, with places in an order of its own or, if they are not given, the last ones.
func (w watching) area(p *superstep.Port, given bool) *areaOf {
	watches, put := w.lists[p.Index()], 0
	for _, list := range watches {
		put += len(list)
	}
	size := 2*put + 10
	a := &areaOf{}
	for _, at := range rand.New(rand.NewPCG(uint64(p.Index()), 2)).Perm(size) {
		switch {
		case given && len(a.places) < put:
			a.places = append(a.places, uint32(at))
		case given || at < size-put:
			a.own = append(a.own, uint32(at))
		}
	}
	a.Area = superstep.NewArea[uint64](p, superstep.AreaConfig{Size: size, Own: w.slots[p.Index()], Watches: watches, Watched: w.watched(p.Index()), Places: a.places})
	if !given {
		for i := range put {
			a.places = append(a.places, uint32(size-put+i))
		}
	}
	return a
}

// write puts all slots of a peer in a superstep, some at a time, and writes its own places.
func (a *areaOf) write(r *rand.Rand, slots, peer, step int) {
	for first := 0; first < slots; {
		values := make([]uint64, min(1+r.IntN(slots), slots-first))
		for i := range values {
			values[i] = value(peer, first+i, step)
		}
		a.Put(first, values)
		clear(values) // they have been taken
		first += len(values)
	}
	for i, at := range a.own {
		a.Next()[at] = value(peer, 1<<20+i, step)
	}
}

// checkArea looks at an area after the superstep step.
func (w watching) checkArea(a *areaOf, peer, step int) error {
	all, places := a.All(), a.places
	for i, at := range a.own {
		if all[at] != value(peer, 1<<20+i, step) {
			return fmt.Errorf("peer %d, superstep %d: place %d of its own is %x", peer, step, at, all[at])
		}
	}
	for q, list := range w.lists[peer] {
		for i, slot := range list {
			if x := all[places[i]]; x != value(q, int(slot), step) {
				return fmt.Errorf("peer %d, superstep %d: slot %d of peer %d is %x", peer, step, slot, q, x)
			}
		}
		places = places[len(list):]
	}
	return nil
}

// TestArea: after every superstep all areas have what all peers have put and written, wherever the places are.
func TestArea(tt *testing.T) {
	everywhere(tt, func(t *rapid.T, job watching, steps int) func(ctx context.Context, p *superstep.Port) error {
		given := rapid.Bool().Draw(t, "places")
		return func(ctx context.Context, p *superstep.Port) error {
			a := job.area(p, given)
			if err := a.Meet(ctx); err != nil {
				return err
			}
			r := rand.New(rand.NewPCG(uint64(p.Index()), 3))
			for step := range steps {
				a.write(r, job.slots[p.Index()], p.Index(), step)
				if _, err := a.Exchange(ctx, superstep.Vote{}, 5); err != nil {
					return err
				}
				if err := job.checkArea(a, p.Index(), step); err != nil {
					return err
				}
				if _, err := p.Sync(ctx, superstep.Vote{}); err != nil { // which is none of the area's
					return err
				}
			}
			return nil
		}
	})
}

// TestAreaHalts: peers that put something have not halted, in any placement.
func TestAreaHalts(t *testing.T) {
	for _, tasks := range [][]int{{2}, {1, 1}} {
		must(t, world{tasks: tasks}.run(t, func(ctx context.Context, p *superstep.Port) error {
			lists := [][][]uint32{{nil, {0}}, {{0}, nil}}[p.Index()]
			a := superstep.NewArea[uint64](p, superstep.AreaConfig{Size: 1, Own: 1, Watches: lists, Watched: lists})
			if err := a.Meet(ctx); err != nil {
				return err
			}
			a.Put(0, []uint64{7})
			verdict, err := a.Exchange(ctx, superstep.Vote{Halt: true}, 0)
			if err == nil && verdict.Halted {
				err = errors.New("halted, with values on their way")
			}
			return err
		}))
	}
}

// unlike are peers 1 that do not do as peer 0 of TestAreaMismatch does. All open an area of three
// slots, and watch slot 0 of peer 0.
var unlike = map[string]func(ctx context.Context, p *superstep.Port) error{
	"another list": func(ctx context.Context, p *superstep.Port) error { return putThree[uint64](ctx, p, 1) },
	"another type": func(ctx context.Context, p *superstep.Port) error { return putThree[uint32](ctx, p, 1, 2) },
	"another end": func(ctx context.Context, p *superstep.Port) error {
		if err := openThree[uint64](p, 1, 2).Meet(ctx); err != nil {
			return err
		}
		_, err := p.Sync(ctx, superstep.Vote{})
		return err
	},
	"too little": func(ctx context.Context, p *superstep.Port) error {
		a := openThree[uint64](p, 1, 2)
		if err := a.Meet(ctx); err != nil {
			return err
		}
		a.Put(0, make([]uint64, 2))
		_, err := a.Exchange(ctx, superstep.Vote{}, 0)
		return err
	},
	"gone": func(ctx context.Context, p *superstep.Port) error {
		err := openThree[uint64](p, 1, 2).Meet(ctx)
		p.Leave()
		return err
	},
}

func openThree[V superstep.Number](p *superstep.Port, watched ...uint32) *superstep.Area[V] {
	return superstep.NewArea[V](p, superstep.AreaConfig{Size: 1, Own: 3, Watches: [][]uint32{{0}, nil}, Watched: [][]uint32{watched, nil}})
}

func putThree[V superstep.Number](ctx context.Context, p *superstep.Port, watched ...uint32) error {
	a := openThree[V](p, watched...)
	if err := a.Meet(ctx); err != nil {
		return err
	}
	a.Put(0, make([]V, 3))
	_, err := a.Exchange(ctx, superstep.Vote{}, 0)
	return err
}

// TestAreaMismatch: peers that have not agreed on what is watched, put too little, or end a
// superstep in different ways, get an error.
func TestAreaMismatch(t *testing.T) {
	for name, peer1 := range unlike {
		for _, tasks := range [][]int{{2}, {1, 1}} {
			t.Run(fmt.Sprintf("%s in %d tasks", name, len(tasks)), func(t *testing.T) {
				errs := world{tasks: tasks}.run(t, func(ctx context.Context, p *superstep.Port) error {
					if p.Index() == 1 {
						return peer1(ctx, p)
					}
					a := superstep.NewArea[uint64](p, superstep.AreaConfig{Size: 2, Own: 1, Watches: [][]uint32{nil, {1, 2}}, Watched: [][]uint32{nil, {0}}})
					if err := a.Meet(ctx); err != nil {
						return err
					}
					a.Put(0, []uint64{7})
					_, err := a.Exchange(ctx, superstep.Vote{}, 0)
					return err
				})
				want := superstep.ErrInbox
				if name == "too little" {
					want = superstep.ErrAborted
				}
				if err := errors.Join(errs...); !errors.Is(err, want) {
					t.Error(errs)
				}
			})
		}
	}
}
