package superstep_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scalar/superstep"

	"pgregory.net/rapid"
)

// crowd is a job whose peers say, send and leave as a seed has it.
type crowd struct {
	seed  uint64
	peers int
	lives []int // by peer: supersteps until it leaves
}

func (c crowd) rng(parts ...int) *rand.Rand { return chatter{seed: c.seed}.rng(parts...) }

// vote is what a peer says; its values are none, few or more than a ballot takes.
func (c crowd) vote(peer, step int) superstep.Vote {
	r := c.rng(-1, peer, step)
	return superstep.Vote{
		Halt: r.IntN(8) > 0, Control: 1 << r.IntN(32),
		Values: bytes.Repeat([]byte{byte(peer), byte(step)}, []int{0, 0, 3, 3, 200, 900}[r.IntN(6)]),
	}
}

// sends is how many messages a peer sends another. In some supersteps nobody sends,
// in some all do.
func (c crowd) sends(from, to, step int) int {
	if c.rng(-2, step).IntN(5) <= c.rng(from, to, step).IntN(4) {
		return 0
	}
	return c.rng(-3, from, to, step).IntN(4)
}

func (c crowd) message(from, i, step int) pair { return pair{uint64(from), float64(i + 10*step)} }

// expect is what every peer must see of a superstep, computed without the engine.
func (c crowd) expect(to, step int) (v superstep.Verdict, inbox []pair) {
	v = superstep.Verdict{Superstep: step + 1, Halted: true, Values: make([][]byte, c.peers)}
	for from := range c.peers {
		if c.lives[from] <= step {
			continue
		}
		vote := c.vote(from, step)
		v.Control |= vote.Control
		v.Halted = v.Halted && vote.Halt
		if len(vote.Values) > 0 {
			v.Values[from] = vote.Values
		}
		for other := range c.peers {
			n := c.sends(from, other, step)
			v.Halted = v.Halted && n == 0
			for i := 0; i < n && other == to; i++ {
				inbox = append(inbox, c.message(from, i, step))
			}
		}
	}
	return v, inbox
}

func (c crowd) program(ctx context.Context, p *superstep.Port) error {
	box := superstep.NewBox(p, superstep.BoxConfig[pair]{})
	for p.Superstep() < c.lives[p.Index()] {
		step := p.Superstep()
		for to := range c.peers {
			for i := range c.sends(p.Index(), to, step) {
				box.Send(to, c.message(p.Index(), i, step))
			}
		}
		got, err := p.Sync(ctx, c.vote(p.Index(), step))
		if err != nil {
			return err
		}
		want, inbox := c.expect(p.Index(), step)
		if got.Superstep != want.Superstep || got.Halted != want.Halted || got.Control != want.Control || !slices.EqualFunc(got.Values, want.Values, bytes.Equal) {
			return fmt.Errorf("peer %d, superstep %d: %+v, expected %+v", p.Index(), step, got, want)
		}
		if msgs := slices.Collect(box.Messages()); !slices.Equal(msgs, inbox) {
			return fmt.Errorf("peer %d, superstep %d: %v, expected %v", p.Index(), step, msgs, inbox)
		}
	}
	box.Send((p.Index()+1)%c.peers, pair{}) // left with: nobody gets it
	return nil
}

// All peers see the same verdict and the right messages, however many tasks there are,
// whoever has left, and whichever way supersteps end.
func TestCrowds(t *testing.T) {
	for _, transport := range []string{"pipe", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				n := rapid.IntRange(1, 9).Draw(t, "tasks")
				if transport == "pipe" && rapid.IntRange(0, 9).Draw(t, "many") == 0 {
					n = rapid.IntRange(10, 20).Draw(t, "tasks") // from 18 on there are two levels
				}
				c, w := crowd{seed: rapid.Uint64().Draw(t, "seed")}, world{transport: transport}
				for range n {
					w.tasks = append(w.tasks, rapid.IntRange(1, 3).Draw(t, "peers"))
					c.peers += w.tasks[len(w.tasks)-1]
				}
				for range c.peers {
					c.lives = append(c.lives, rapid.IntRange(0, 8).Draw(t, "life"))
				}
				if rapid.Bool().Draw(t, "slow") {
					w.wrap = slowly()
				}
				must(t, w.run(t, c.program))
			})
		})
	}
}

// slowly makes every connection a slow one.
func slowly() func(net.Conn) net.Conn {
	var mu sync.Mutex
	n := uint64(0)
	return func(conn net.Conn) net.Conn {
		mu.Lock()
		defer mu.Unlock()
		n++
		return &slowConn{Conn: conn, rng: rand.New(rand.NewPCG(n, 9))}
	}
}

// A task whose peers have all left passes on what the others say.
func TestTaskWithoutPeersPassesOn(t *testing.T) {
	const tasks = 20 // two levels
	for empty := range tasks {
		c := crowd{seed: 5, peers: tasks, lives: slices.Repeat([]int{6}, tasks)}
		c.lives[empty] = 1
		must(t, world{tasks: slices.Repeat([]int{1}, tasks)}.run(t, c.program))
	}
}

// napper is a connection that is not read for an hour once so much has come.
type napper struct {
	net.Conn
	after int
}

func (c *napper) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.after -= n; c.after < 0 && c.after >= -n {
		time.Sleep(time.Hour)
	}
	return n, err
}

// A task that is paused holds up the others, and nothing else: no superstep ends
// without it, and none is lost.
func TestPausedTask(t *testing.T) {
	for paused := range 6 {
		synctest.Test(t, func(t *testing.T) {
			c := crowd{seed: 7, peers: 6, lives: slices.Repeat([]int{9}, 6)}
			w := world{tasks: slices.Repeat([]int{1}, 6)}
			ctx := t.Context()
			conns := w.connect(ctx, t)
			for i, conn := range conns[paused] {
				if conn != nil {
					conns[paused][i] = &napper{conn, 200 + 100*i}
				}
			}
			start := time.Now()
			must(t, w.runOn(ctx, t, conns, c.program))
			if took := time.Since(start); took < time.Hour {
				t.Errorf("the pause of task %d took %v", paused, took)
			}
		})
	}
}

// counted is what went over a world's links, by type and superstep.
type counted struct {
	mu   sync.Mutex
	taps []*bytes.Buffer
}

func (c *counted) wrap(conn net.Conn) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := new(bytes.Buffer)
	c.taps = append(c.taps, b)
	return &tap{conn, &sync.Mutex{}, b}
}

// frames counts those of a type in a superstep.
func (c *counted) frames(typ byte, step int) (n int) {
	for _, tap := range c.taps {
		for f := range split(tap.Bytes()) {
			if f[4] == typ && int(f[20]) == step {
				n++
			}
		}
	}
	return n
}

// An empty superstep of 8 tasks takes 14 frames instead of 56. Where messages go over
// most links, marks go with them and ballots are left out, one superstep later.
func TestFramesOfABarrier(t *testing.T) {
	const tasks, steps = 8, 9
	all := func(step int) bool { return step >= 3 && step < 6 }
	var c counted
	must(t, world{tasks: slices.Repeat([]int{1}, tasks), wrap: c.wrap}.run(t, func(ctx context.Context, p *superstep.Port) error {
		box := superstep.NewBox(p, superstep.BoxConfig[pair]{})
		for p.Superstep() < steps {
			for to := range tasks {
				if all(p.Superstep()) || p.Superstep() == 1 && p.Index() == 2 && to == 5 {
					box.Send(to, pair{})
				}
			}
			if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
				return err
			}
		}
		return nil
	}))
	for step := range steps {
		marks, relayed := 0, 7
		switch {
		case step == 1:
			marks = 1
		case step == 3:
			marks = 56
		case all(step - 1):
			marks, relayed = 56, 0
		}
		if m, b, v := c.frames(4, step), c.frames(10, step), c.frames(11, step); m != marks || b != relayed || v != relayed {
			t.Errorf("superstep %d: %d marks, %d ballots and %d verdicts, expected %d, and %d of the others", step, m, b, v, marks, relayed)
		}
	}
}

// The frames of a job of four tasks, between the first two of them, stay as they are.
func TestGoldenRelay(t *testing.T) {
	var c counted
	must(t, world{tasks: []int{1, 2, 1, 1}, wrap: c.wrap}.run(t, func(ctx context.Context, p *superstep.Port) error {
		box := superstep.NewBox(p, superstep.BoxConfig[pair]{})
		for step := range 2 {
			if p.Index() == 2 && step == 1 {
				box.Send(0, pair{7, 0.5})
			}
			if _, err := p.Sync(ctx, superstep.Vote{Halt: step == 1, Control: 1 << p.Index(), Values: []byte("value")[:p.Index()]}); err != nil {
				return err
			}
		}
		return nil
	}))
	var streams [2][]byte
	for _, tap := range c.taps {
		for f := range split(tap.Bytes()) {
			// Leaves and what comes after them is a matter of timing.
			if way := f[24]; f[20] < 2 && f[4] != 7 && f[4] != 8 && (f[4] == 2 || f[28] < 2 && way < 2) {
				streams[min(way, 1)] = append(streams[min(way, 1)], f...)
			}
		}
	}
	golden(t, filepath.Join("testdata", "relay.golden"), "from task 0\n"+dump(streams[0])+"from task 1\n"+dump(streams[1]))
}
