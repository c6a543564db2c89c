package superstep_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"scalar/superstep"

	"pgregory.net/rapid"
)

// part is what a peer gives to another in a round.
func part(from, to, round, size int) []byte {
	switch (from + to + round) % 4 {
	case 0:
		return nil
	case 1:
		return []byte{}
	default:
		return bytes.Repeat(fmt.Append(nil, from, to, round, ";"), size/6)
	}
}

func checkParts(got [][]byte, to, round, size int, gone func(from int) bool) error {
	for from, b := range got {
		want := part(from, to, round, size)
		if gone(from) {
			want = nil
		}
		if !bytes.Equal(b, want) || (b == nil) != (want == nil) {
			return fmt.Errorf("round %d: %d bytes from %d to %d, expected %d", round, len(b), from, to, len(want))
		}
	}
	return nil
}

// send runs a round, with what else there is to do after it, or in the middle.
func send(ctx context.Context, p *superstep.Port, way string, out [][]byte, also func() error) (got [][]byte, err error) {
	switch way {
	case "copy":
		got, err = p.AllToAll(ctx, out)
		for _, b := range out {
			clear(b) // it is ours again
		}
	case "hand over":
		got, err = p.HandOver(ctx, out)
	default:
		if err := errors.Join(p.Give(ctx, out), also()); err != nil {
			return nil, err
		}
		return p.Take(ctx)
	}
	return got, errors.Join(err, also())
}

// Rounds are complete and in order, whatever happens to supersteps beside them.
func TestAllToAll(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				tasks, _ := drawTasks(t)
				rounds, way := rapid.IntRange(1, 5).Draw(t, "rounds"), rapid.SampledFrom([]string{"copy", "hand over", "give and take"}).Draw(t, "way")
				size := rapid.SampledFrom([]int{0, 10, 70_000}).Draw(t, "size")
				must(t, world{tasks: tasks, transport: transport}.run(t, func(ctx context.Context, p *superstep.Port) error {
					for round := range rounds {
						out := make([][]byte, 0, p.N())
						for to := range p.N() {
							out = append(out, part(p.Index(), to, round, size))
						}
						end := func() error { return nil }
						if round%2 == 0 {
							end = func() error {
								_, err := p.Sync(ctx, superstep.Vote{})
								return err
							}
						}
						got, err := send(ctx, p, way, out, end)
						if err != nil {
							return err
						}
						if err := checkParts(got, p.Index(), round, size, func(int) bool { return false }); err != nil {
							return err
						}
					}
					if p.Superstep() != (rounds+1)/2 {
						return fmt.Errorf("superstep %d", p.Superstep())
					}
					return nil
				}))
			})
		})
	}
}

// What was given is its giver's again once a later Sync or collective has returned, where peers read
// what they get before they begin that.
func TestGivenMemoryIsUsedAgain(t *testing.T) {
	for _, transport := range transports {
		for then, wait := range map[string]func(ctx context.Context, p *superstep.Port) error{
			"Sync": func(ctx context.Context, p *superstep.Port) error {
				_, err := p.Sync(ctx, superstep.Vote{})
				return err
			},
			"a collective": func(ctx context.Context, p *superstep.Port) error {
				_, err := p.AllGather(ctx, nil)
				return err
			},
		} {
			must(t, world{tasks: []int{2, 1}, transport: transport}.run(t, func(ctx context.Context, p *superstep.Port) error {
				own := make([]byte, 100_000)
				for round := range 20 {
					for i := range own {
						own[i] = byte(round + p.Index())
					}
					got, err := p.HandOver(ctx, [][]byte{own, own, own})
					if err != nil {
						return err
					}
					for from, b := range got {
						if n := bytes.Count(b, []byte{byte(round + from)}); n != len(own) {
							return fmt.Errorf("round %d over %s, then %s: %d bytes of %d are those that %d gave", round, transport, then, n, len(own), from)
						}
					}
					if err := wait(ctx, p); err != nil {
						return err
					}
				}
				return nil
			}))
		}
	}
}

func TestLargeCollective(t *testing.T) {
	for _, transport := range transports {
		large := bytes.Repeat([]byte("abcdefg"), 1<<20)
		must(t, world{tasks: []int{1, 2}, transport: transport}.run(t, func(ctx context.Context, p *superstep.Port) error {
			got, err := p.AllGather(ctx, large[:len(large)-p.Index()])
			for from, b := range got {
				if !bytes.Equal(b, large[:len(large)-from]) {
					return fmt.Errorf("%d bytes from %d over %s", len(b), from, transport)
				}
			}
			return err
		}))
	}
}

func TestCollectiveOfWrongSize(t *testing.T) {
	p := onePort(t)
	if _, err := p.AllToAll(t.Context(), make([][]byte, 2)); err == nil {
		t.Error("taken")
	}
	if _, err := p.HandOver(t.Context(), nil); err == nil {
		t.Error("taken")
	}
	if err := p.Give(t.Context(), nil); err == nil {
		t.Error("given")
	}
}

// A round that was begun is ended before the next one, and once.
func TestHalvesOutOfTurn(t *testing.T) {
	p := onePort(t)
	ctx, out := t.Context(), [][]byte{[]byte("own")}
	if _, err := p.Take(ctx); err == nil {
		t.Error("taken before it was given")
	}
	if err := p.Give(ctx, out); err != nil {
		t.Fatal(err)
	}
	if err := p.Give(ctx, out); err == nil {
		t.Error("given twice")
	}
	if _, err := p.AllGather(ctx, nil); err == nil {
		t.Error("gathered in the middle of another round")
	}
	if got, err := p.Take(ctx); err != nil || len(got) != 1 || string(got[0]) != "own" {
		t.Errorf("took %q: %v", got, err)
	}
	if _, err := p.Take(ctx); err == nil {
		t.Error("taken twice")
	}
}

// Peers leave one after the other; those that stay go on with barriers and
// collectives, in which those that left have no part, and what is sent to them is
// dropped.
func TestLeave(t *testing.T) {
	for _, transport := range transports {
		for _, tasks := range [][]int{{4}, {2, 2}, {1, 1, 2}, {1, 1, 1, 1}} {
			must(t, world{tasks: tasks, transport: transport}.run(t, func(ctx context.Context, p *superstep.Port) error {
				box := superstep.NewBox(p, superstep.BoxConfig[pair]{})
				lane := superstep.NewLane[uint32](p, superstep.Sum, []uint32{90, 90, 90, 90})
				// Peer i is there for 2i supersteps.
				gone := func(peer int) bool { return peer*2 <= p.Superstep() }
				for p.Superstep() < 2*p.Index() {
					got, err := p.AllToAll(ctx, [][]byte{part(p.Index(), 0, p.Superstep(), 20), part(p.Index(), 1, p.Superstep(), 20), part(p.Index(), 2, p.Superstep(), 20), part(p.Index(), 3, p.Superstep(), 20)})
					if err != nil {
						return err
					}
					if err := checkParts(got, p.Index(), p.Superstep(), 20, gone); err != nil {
						return err
					}
					there := 0
					for to := range p.N() {
						if !gone(to) {
							there++
						}
						for range 5000 { // leaves early, and is taken back
							box.Send(to, pair{})
						}
					}
					box.Clear()
					for to := range p.N() {
						for i := range uint64(6000) {
							box.Send(to, pair{uint64(p.Index()), float64(i)})
						}
						lane.AddBlock(to, 3, []uint32{1, 2, 3, 4, 5, 6, 7, 8})
					}
					sums := make([]uint32, 90)
					v, err := lane.Exchange(ctx, superstep.Vote{Values: []byte{byte(p.Index())}}, func(slot uint32, vs []uint32) {
						for i, v := range vs {
							sums[int(slot)+i] += v
						}
					})
					if err != nil {
						return err
					}
					if box.Len() != there*6000 || int(sums[4]) != 2*there || v.Halted {
						return fmt.Errorf("superstep %d: %d messages of %d peers, sum %d, halted %v", p.Superstep(), box.Len(), there, sums[4], v.Halted)
					}
					for peer, b := range v.Values {
						if (b == nil) != (peer*2 <= p.Superstep()-1) {
							return fmt.Errorf("superstep %d: values %v", p.Superstep(), v.Values)
						}
					}
				}
				for range 5000 {
					box.Send(3, pair{99, 99}) // left with: nobody gets it
				}
				return nil
			}))
		}
	}
}

// A retired peer goes on with barriers; the others' collectives and messages do not
// reach it.
func TestRetire(t *testing.T) {
	for _, transport := range transports {
		for _, tasks := range [][]int{{3}, {1, 2}, {1, 1, 1}} {
			must(t, world{tasks: tasks, transport: transport}.run(t, func(ctx context.Context, p *superstep.Port) error {
				box := superstep.NewBox(p, superstep.BoxConfig[pair]{})
				for p.Superstep() < 8 {
					step := p.Superstep()
					retired := p.Index() == 1 && step >= 2
					for to := range p.N() {
						for i := 0; i < 5000 && (!retired || step == 2); i++ {
							box.Send(to, pair{})
						}
					}
					if retired && step == 2 {
						p.Retire()
					}
					if !retired {
						got, err := p.AllGather(ctx, []byte{byte(step)})
						if err != nil {
							return err
						}
						if (got[1] == nil) != (step >= 2) || got[2][0] != byte(step) {
							return fmt.Errorf("superstep %d: %v", step, got)
						}
					}
					v, err := p.Sync(ctx, superstep.Vote{Values: []byte{byte(p.Index()), byte(step)}})
					if err != nil {
						return err
					}
					if !slices.Equal(v.Values[1], []byte{1, byte(step)}) {
						return fmt.Errorf("superstep %d: values %v", step, v.Values)
					}
					if retired {
						continue
					}
					want := 15000
					if step >= 2 {
						want = 10000
					}
					if box.Len() != want {
						return fmt.Errorf("superstep %d: %d messages, expected %d", step, box.Len(), want)
					}
				}
				return nil
			}))
		}
	}
}

// Leaving counts as a vote to halt.
func TestHaltWithLeavers(t *testing.T) {
	must(t, world{tasks: []int{2, 1}}.run(t, func(ctx context.Context, p *superstep.Port) error {
		if p.Index() == 0 {
			return nil
		}
		box := superstep.NewBox(p, superstep.BoxConfig[pair]{})
		for _, halted := range []bool{false, false, true} {
			if p.Superstep() == 1 {
				box.Send(0, pair{}) // in flight, though to nobody
			}
			v, err := p.Sync(ctx, superstep.Vote{Halt: p.Superstep() > 0 || p.Index() == 1})
			if err != nil || v.Halted != halted {
				return fmt.Errorf("superstep %d: halted %v, %w", p.Superstep(), v.Halted, err)
			}
		}
		return nil
	}))
}

func TestUseAfterLeaving(t *testing.T) {
	p := onePort(t)
	p.Leave()
	p.Leave()
	if _, err := p.Sync(t.Context(), superstep.Vote{}); !errors.Is(err, superstep.ErrClosed) {
		t.Error(err)
	}
	if _, err := p.AllGather(t.Context(), nil); !errors.Is(err, superstep.ErrClosed) {
		t.Error(err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	two := []superstep.Range{{Lo: 0, Hi: 2}, {Lo: 2, Hi: 3}}
	for i, cfg := range []superstep.Config{
		{},
		{Task: 1, Ranges: two[:1]},
		{Task: -1, Ranges: two[:1]},
		{Ranges: two},
		{Ranges: []superstep.Range{{Lo: 1, Hi: 2}}},
		{Ranges: []superstep.Range{{Lo: 0, Hi: 0}}},
		{Ranges: []superstep.Range{{Lo: 0, Hi: 1}}, Superstep: -1},
	} {
		if _, err := superstep.NewGroup(cfg); err == nil {
			t.Errorf("config %d is taken", i)
		}
	}
	g, err := superstep.NewGroup(superstep.Config{Ranges: two[:1]})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err == nil {
		t.Error("closed while peers are there")
	}
	if _, err := g.Port(0).Sync(t.Context(), superstep.Vote{Values: make([]byte, superstep.MaxValues+1)}); err == nil {
		t.Error("too many values are taken")
	}
	defer func() {
		if recover() == nil {
			t.Error("a port of another task")
		}
	}()
	g.Port(2)
}

// Values as large as they may be, of many peers, make a mark of several frames.
func TestLargeValues(t *testing.T) {
	must(t, world{tasks: []int{20, 1}, transport: "tcp"}.run(t, func(ctx context.Context, p *superstep.Port) error {
		for range 3 {
			value := bytes.Repeat([]byte{byte(p.Index()), byte(p.Superstep())}, superstep.MaxValues/2)
			step := p.Superstep()
			v, err := p.Sync(ctx, superstep.Vote{Values: value})
			if err != nil {
				return err
			}
			for i, got := range v.Values {
				if !slices.Equal(got, bytes.Repeat([]byte{byte(i), byte(step)}, superstep.MaxValues/2)) {
					return fmt.Errorf("values of peer %d", i)
				}
			}
		}
		return nil
	}))
}
