package superstep_test

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"scalar/superstep"

	"pgregory.net/rapid"
)

type pair struct {
	ID    uint64
	Value float64
}

// chatter is a job whose every message is a function of a seed.
type chatter struct {
	seed       uint64
	peers      int
	supersteps int
	most       int // messages per pair and superstep
	longest    int // bytes of a text
	clears     bool
}

func (c chatter) rng(parts ...int) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, c.seed, parts)
	return rand.New(rand.NewPCG(h.Sum64(), c.seed))
}

// sends returns what a peer sends to another in a superstep.
func (c chatter) sends(from, to, step int) (ps []pair, texts []string) {
	r := c.rng(from, to, step)
	if r.IntN(4) == 0 {
		return nil, nil
	}
	ps = make([]pair, r.IntN(c.most+1))
	for i := range ps {
		ps[i] = pair{r.Uint64(), r.Float64()}
	}
	for range r.IntN(c.most/8 + 1) {
		texts = append(texts, strings.Repeat(fmt.Sprint(from, to, step, " "), 1+r.IntN(c.longest)/6))
	}
	return ps, texts
}

func (c chatter) cleared(from, step int) bool { return c.clears && c.rng(from, step).IntN(3) == 0 }

// expect is the inbox of a peer in a superstep, computed without the engine.
func (c chatter) expect(to, step int) (ps []pair, texts []string) {
	for from := range c.peers {
		if c.cleared(from, step-1) {
			continue
		}
		p, s := c.sends(from, to, step-1)
		ps, texts = append(ps, p...), append(texts, s...)
	}
	return ps, texts
}

// program sends, syncs and compares what comes.
func (c chatter) program(ctx context.Context, p *superstep.Port) error {
	pairs, texts := superstep.NewBox(p, superstep.BoxConfig[pair]{}), superstep.NewBox(p, superstep.BoxConfig[string]{})
	first := p.Superstep()
	for p.Superstep() < first+c.supersteps {
		step := p.Superstep()
		if c.cleared(p.Index(), step) {
			c.sendAll(p, pairs, texts, step+1000)
			pairs.Clear()
			texts.Clear()
		} else {
			c.sendAll(p, pairs, texts, step)
		}
		v, err := p.Sync(ctx, superstep.Vote{Halt: step%2 == 0, Control: 1 << (p.Index() + 3), Values: fmt.Append(nil, step, p.Index())})
		if err != nil {
			return err
		}
		if err := c.check(p, pairs, texts, v); err != nil {
			return fmt.Errorf("peer %d, superstep %d: %w", p.Index(), p.Superstep(), err)
		}
	}
	return nil
}

// sendAll mixes the destinations, since order counts per pair only.
func (c chatter) sendAll(p *superstep.Port, pairs *superstep.Box[pair], texts *superstep.Box[string], step int) {
	for to := range c.peers {
		ps, ts := c.sends(p.Index(), to, step)
		for _, m := range ps {
			pairs.Send(to, m)
		}
		for _, m := range ts {
			texts.Send(to, m)
		}
	}
}

func (c chatter) check(p *superstep.Port, pairs *superstep.Box[pair], texts *superstep.Box[string], v superstep.Verdict) error {
	wantPairs, wantTexts := c.expect(p.Index(), p.Superstep())
	if got := slices.Collect(pairs.Messages()); !slices.Equal(got, wantPairs) || pairs.Len() != len(wantPairs) {
		return fmt.Errorf("%d pairs (Len %d), expected %d, or others", len(got), pairs.Len(), len(wantPairs))
	}
	if got := slices.Collect(texts.Messages()); !slices.Equal(got, wantTexts) || texts.Len() != len(wantTexts) {
		return fmt.Errorf("%d texts, expected %d, or others", len(got), len(wantTexts))
	}
	step := p.Superstep() - 1
	if v.Superstep != p.Superstep() || v.Control != (1<<c.peers-1)<<3 || len(v.Values) != c.peers {
		return fmt.Errorf("verdict %+v", v)
	}
	for i, b := range v.Values {
		if string(b) != string(fmt.Append(nil, step, i)) {
			return fmt.Errorf("values of peer %d are %q", i, b)
		}
	}
	if v.Halted != c.silent(step) {
		return fmt.Errorf("halted %v", v.Halted)
	}
	return nil
}

// silent says whether all vote Halt and nobody sends.
func (c chatter) silent(step int) bool {
	if step%2 == 1 {
		return false
	}
	for from := range c.peers {
		for to := range c.peers {
			ps, ts := c.sends(from, to, step)
			if len(ps)+len(ts) > 0 && !c.cleared(from, step) {
				return false
			}
		}
	}
	return true
}

// drawTasks splits 1 to 8 peers among 1 to 4 tasks.
func drawTasks(t *rapid.T) (tasks []int, peers int) {
	for range rapid.IntRange(1, 4).Draw(t, "tasks") {
		tasks = append(tasks, rapid.IntRange(1, 2).Draw(t, "peers"))
		peers += tasks[len(tasks)-1]
	}
	return tasks, peers
}

func TestConservationAndOrder(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				tasks, peers := drawTasks(t)
				c := chatter{
					seed: rapid.Uint64().Draw(t, "seed"), peers: peers, supersteps: rapid.IntRange(1, 3).Draw(t, "supersteps"),
					most: rapid.SampledFrom([]int{0, 2, 20, 40, 80, 200, 5000}).Draw(t, "most"), longest: rapid.SampledFrom([]int{10, 900}).Draw(t, "longest"),
					clears: rapid.Bool().Draw(t, "clears"),
				}
				w := world{tasks: tasks, transport: transport, superstep: rapid.SampledFrom([]int{0, 5}).Draw(t, "first")}
				must(t, w.run(t, c.program))
			})
		})
	}
}

// A message of several frames keeps its place between small ones.
func TestLargeMessages(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			must(t, world{tasks: []int{1, 1}, transport: transport}.run(t, func(ctx context.Context, p *superstep.Port) error {
				box := superstep.NewBox(p, superstep.BoxConfig[[]byte]{})
				large := make([]byte, 3<<20+5)
				for i := range large {
					large[i] = byte(i * 7 >> 3)
				}
				for _, m := range [][]byte{{1}, large, {2}, large[:1<<20], {}} {
					box.Send(1-p.Index(), m)
				}
				if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
					return err
				}
				got := slices.Collect(box.Messages())
				if len(got) != 5 || got[0][0] != 1 || !slices.Equal(got[1], large) || got[2][0] != 2 || !slices.Equal(got[3], large[:1<<20]) || len(got[4]) != 0 {
					return fmt.Errorf("%d messages, or others", len(got))
				}
				return nil
			}))
		})
	}
}

// What is somewhat shorter than a frame may be leaves memory in which a whole frame finds room, in
// collectives and in messages.
func TestLengthsAroundAFrame(t *testing.T) {
	lengths := []int{1 << 19, 700_000, superstep.MaxFrame - 100, 1 << 20, 1_200_000, 3 << 20}
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			must(t, world{tasks: []int{1, 1}, transport: transport}.run(t, func(ctx context.Context, p *superstep.Port) error {
				box := superstep.NewBox(p, superstep.BoxConfig[[]byte]{})
				rng := rand.New(rand.NewPCG(1, 2))
				for range 15 {
					large := bytes.Repeat([]byte{byte(p.Superstep())}, lengths[rng.IntN(len(lengths))])
					box.Send(1-p.Index(), large)
					if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
						return err
					}
					if got := slices.Collect(box.Messages()); len(got) != 1 || !slices.Equal(got[0], large) {
						return fmt.Errorf("superstep %d: %d messages, or others than %d bytes", p.Superstep(), len(got), len(large))
					}
					parts, err := p.AllGather(ctx, large)
					if err != nil {
						return err
					}
					if !slices.Equal(parts[1-p.Index()], large) {
						return fmt.Errorf("superstep %d: %d bytes gathered, or others than %d", p.Superstep(), len(parts[1-p.Index()]), len(large))
					}
					p.Release()
				}
				return nil
			}))
		})
	}
}

// slowConn writes in small pieces and lets others run in between.
type slowConn struct {
	net.Conn
	rng *rand.Rand
}

func (c *slowConn) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var k int
		k, err = c.Conn.Write(b[n:min(len(b), n+1+c.rng.IntN(3000))])
		n += k
		for range c.rng.IntN(20) {
			runtime.Gosched()
		}
		if c.rng.IntN(50) == 0 {
			time.Sleep(time.Duration(c.rng.IntN(300)) * time.Microsecond)
		}
	}
	return n, err
}

// transcript is everything that the peers of a chatter see, as bytes.
func transcript(t fataler, w world, c chatter) string {
	var mu sync.Mutex
	seen := make([]strings.Builder, c.peers)
	must(t, w.run(t, func(ctx context.Context, p *superstep.Port) error {
		box := superstep.NewBox(p, superstep.BoxConfig[pair]{Combine: func(a, b pair) pair { return pair{a.ID ^ b.ID, a.Value + b.Value} }})
		lane := superstep.NewLane[float64](p, superstep.Sum, slices.Repeat([]uint32{500}, c.peers))
		mine := make([]float64, 500)
		for p.Superstep() < c.supersteps {
			for to := range c.peers {
				ps, _ := c.sends(p.Index(), to, p.Superstep())
				for _, m := range ps {
					box.Send(to, m)
					lane.Add(to, uint32(m.ID%500), m.Value)
				}
			}
			v, err := lane.Exchange(ctx, superstep.Vote{Values: saveBox(t, box)}, func(slot uint32, vs []float64) {
				for i, v := range vs {
					mine[int(slot)+i] += v
				}
			})
			if err != nil {
				return err
			}
			all, err := p.AllGather(ctx, fmt.Append(nil, mine[:10]))
			if err != nil {
				return err
			}
			mu.Lock()
			fmt.Fprintln(&seen[p.Index()], slices.Collect(box.Messages()), mine, v, all)
			mu.Unlock()
		}
		return nil
	}))
	var all strings.Builder
	for i := range seen {
		all.WriteString(seen[i].String())
	}
	return all.String()
}

// What peers see depends on no placement, transport, GOMAXPROCS or delay.
func TestPlacementIndependence(t *testing.T) {
	c := chatter{seed: 3, peers: 4, supersteps: 4, most: 300, longest: 10}
	want := transcript(t, world{tasks: []int{4}}, c)
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for i, tasks := range [][]int{{4}, {2, 2}, {1, 3}, {1, 1, 1, 1}, {3, 1}} {
		for _, transport := range transports {
			for _, slow := range []bool{false, true} {
				runtime.GOMAXPROCS(1 + i%3)
				w := world{tasks: tasks, transport: transport}
				if slow {
					var mu sync.Mutex
					n := uint64(0)
					w.wrap = func(conn net.Conn) net.Conn {
						mu.Lock()
						defer mu.Unlock()
						n++
						return &slowConn{Conn: conn, rng: rand.New(rand.NewPCG(n, 9))}
					}
				}
				if got := transcript(t, w, c); got != want {
					t.Errorf("tasks %v over %s, slow %v: the peers saw something else", tasks, transport, slow)
				}
			}
		}
	}
}
