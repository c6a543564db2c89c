package sched_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/master/fsm"
	"scalar/master/sched"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func drawState(t *rapid.T) sched.State {
	s := sched.State{Now: now}
	for i := range rapid.IntRange(0, 5).Draw(t, "grooms") {
		slots := rapid.IntRange(0, 6).Draw(t, "slots")
		g := sched.Groom{
			Name: string(rune('a' + i)), Incarnation: 1, Ready: rapid.IntRange(0, 5).Draw(t, "ready") > 0, Draining: rapid.IntRange(0, 5).Draw(t, "drain") == 0,
			Capacity: fsm.Claim{Slots: slots, MilliCores: 4000, Memory: 1000, GPUs: rapid.IntRange(0, 2).Draw(t, "gpus")},
		}
		g.Free = g.Capacity
		g.Free.Slots = rapid.IntRange(0, slots).Draw(t, "free")
		s.Grooms = append(s.Grooms, g)
	}
	for i := range rapid.IntRange(0, 8).Draw(t, "jobs") {
		peers := rapid.IntRange(1, 8).Draw(t, "peers")
		j := sched.Job{
			ID: job.ID(fmt.Sprint("j-", i)), Number: uint64(i), Epoch: 1, Peers: peers,
			Priority: rapid.IntRange(-1, 1).Draw(t, "priority"), Since: now.Add(-time.Duration(rapid.IntRange(0, 60).Draw(t, "waited")) * time.Second),
			Memory: rapid.SampledFrom([]int64{0, 0, 100, 600}).Draw(t, "memory"), GPUs: rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "gpus"),
		}
		if rapid.Bool().Draw(t, "tasks given") {
			j.Tasks = rapid.IntRange(1, peers).Draw(t, "tasks")
		}
		if rapid.IntRange(0, 3).Draw(t, "recovers") == 0 {
			j.Recovering = true
			n := max(1, j.Tasks)
			lo := 0
			for k := range n {
				hi := lo + (peers-lo)/(n-k)
				j.Last = append(j.Last, fsm.Assignment{Groom: rapid.SampledFrom([]string{"a", "b", "c", "z"}).Draw(t, "last"), Peers: job.Range{Lo: lo, Hi: hi}})
				lo = hi
			}
		}
		s.Queue = append(s.Queue, j)
	}
	return s
}

// Rankings change how long a plan takes, not what it is; and a limit takes its
// beginning.
func TestRankings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawState(t)
		plan := sched.Schedule(s)
		if plain := sched.SchedulePlain(s); !reflect.DeepEqual(plan, plain) {
			t.Fatalf("with rankings\n%v\nwithout\n%v", plan, plain)
		}
		s.Limit = rapid.IntRange(1, 3).Draw(t, "limit")
		some := sched.Schedule(s)
		if n := min(s.Limit, len(plan.Placements)); !slices.EqualFunc(some.Placements, plan.Placements[:n], func(a, b sched.Placement) bool { return reflect.DeepEqual(a, b) }) {
			t.Fatalf("the first %d of\n%v\nare\n%v", s.Limit, plan, some)
		}
	})
}

// Nothing is oversubscribed, gangs are whole, and the plan repeats.
func TestPlans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawState(t)
		plan := sched.Schedule(s)
		shuffled := s
		shuffled.Queue = slices.Clone(s.Queue)
		shuffled.Grooms = slices.Clone(s.Grooms)
		slices.Reverse(shuffled.Queue)
		slices.Reverse(shuffled.Grooms)
		if again := sched.Schedule(shuffled); !reflect.DeepEqual(again, plan) {
			t.Fatalf("another order of the input gives another plan:\n%v\n%v", plan, again)
		}
		free := map[string]fsm.Claim{}
		for _, g := range s.Grooms {
			if g.Ready && !g.Draining {
				free[g.Name] = g.Free
			}
		}
		for _, p := range plan.Placements {
			j := s.Queue[slices.IndexFunc(s.Queue, func(j sched.Job) bool { return j.ID == p.Job })]
			checkGang(t, j, p)
			for _, a := range p.Tasks {
				free[a.Groom] = free[a.Groom].Minus(a.Claim)
				if !free[a.Groom].Covers(fsm.Claim{}) {
					t.Fatalf("groom %s is oversubscribed: %+v left", a.Groom, free[a.Groom])
				}
			}
		}
	})
}

func checkGang(t *rapid.T, j sched.Job, p sched.Placement) {
	if j.Tasks > 0 && len(p.Tasks) != j.Tasks {
		t.Fatalf("%s: %d tasks instead of %d", j.ID, len(p.Tasks), j.Tasks)
	}
	next, least, most := 0, j.Peers, 0
	for _, a := range p.Tasks {
		if a.Peers.Lo != next || a.Peers.N() < 1 || a.Claim.Slots != a.Peers.N() {
			t.Fatalf("%s: task %+v after peer %d", j.ID, a, next)
		}
		next, least, most = a.Peers.Hi, min(least, a.Peers.N()), max(most, a.Peers.N())
	}
	if next != j.Peers {
		t.Fatalf("%s: %d peers instead of %d", j.ID, next, j.Peers)
	}
	if j.Tasks > 0 && most-least > 1 {
		t.Fatalf("%s: sizes from %d to %d", j.ID, least, most)
	}
}

// A job with given tasks is placed whenever there is any way to place it.
func TestExactFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s sched.State
		rooms := make([]int, rapid.IntRange(1, 4).Draw(t, "grooms"))
		for i := range rooms {
			n := rapid.IntRange(1, 6).Draw(t, "slots")
			c := fsm.Claim{Slots: n}
			s.Grooms = append(s.Grooms, sched.Groom{Name: string(rune('a' + i)), Capacity: c, Free: c, Ready: true})
			rooms[i] = n
		}
		peers := rapid.IntRange(1, 14).Draw(t, "peers")
		n := rapid.IntRange(1, min(peers, 7)).Draw(t, "tasks")
		s.Queue = []sched.Job{{ID: "x", Peers: peers, Tasks: n}}
		sizes := make([]int, n)
		for i := range sizes {
			sizes[i] = peers / n
			if i < peers%n {
				sizes[i]++
			}
		}
		if got, want := len(sched.Schedule(s).Placements) == 1, possible(rooms, sizes); got != want {
			t.Fatalf("rooms %v, tasks %v: placed %t, possible %t", rooms, sizes, got, want)
		}
	})
}

func possible(rooms, sizes []int) bool {
	if len(sizes) == 0 {
		return true
	}
	for i := range rooms {
		if rooms[i] >= sizes[0] {
			rooms[i] -= sizes[0]
			ok := possible(rooms, sizes[1:])
			rooms[i] += sizes[0]
			if ok {
				return true
			}
		}
	}
	return false
}

// No starvation: while small jobs of the same priority keep coming and each runs
// for a while, a job as large as the cluster starts in the end.
func TestNoStarvation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const slots = 4
		grooms := rapid.IntRange(1, 3).Draw(t, "grooms")
		big := sched.Job{ID: "big", Number: 1, Peers: slots * rapid.IntRange(1, grooms).Draw(t, "size"), Since: now}
		if rapid.Bool().Draw(t, "one process") {
			big.Peers, big.Tasks = slots, 1
		}
		type running struct {
			groom string
			until int
		}
		var busy []running
		number := uint64(2)
		for second := range 200 {
			busy = slices.DeleteFunc(busy, func(r running) bool { return r.until <= second })
			s := sched.State{Now: now.Add(time.Duration(second) * time.Second)}
			for i := range grooms {
				g := sched.Groom{Name: string(rune('a' + i)), Ready: true, Capacity: fsm.Claim{Slots: slots}, Free: fsm.Claim{Slots: slots}}
				for _, r := range busy {
					if r.groom == g.Name {
						g.Free.Slots--
					}
				}
				s.Grooms = append(s.Grooms, g)
			}
			if second > 0 {
				s.Queue = append(s.Queue, big)
			}
			for range slots * grooms { // always more small jobs than slots
				number++
				s.Queue = append(s.Queue, sched.Job{ID: job.ID(fmt.Sprint("small-", number)), Number: number, Peers: 1, Since: s.Now})
			}
			for _, p := range sched.Schedule(s).Placements {
				if p.Job == "big" {
					return
				}
				busy = append(busy, running{p.Tasks[0].Groom, second + rapid.IntRange(1, 50).Draw(t, "runs for")})
			}
		}
		t.Fatal("the big job did not start within 200 s")
	})
}

func BenchmarkSchedule(b *testing.B) {
	s := sched.State{Now: now}
	for i := range 200 {
		c := fsm.Claim{Slots: 8, MilliCores: 16000, Memory: 64 << 30}
		s.Grooms = append(s.Grooms, sched.Groom{Name: fmt.Sprintf("g%03d", i), Ready: true, Capacity: c, Free: c})
	}
	for i := range 100_000 {
		s.Queue = append(s.Queue, sched.Job{ID: job.ID(fmt.Sprint("j-", i)), Number: uint64(i), Priority: i % 3, Peers: 1 + i%16})
	}
	placed := 0
	for b.Loop() {
		placed += len(sched.Schedule(s).Placements)
	}
	b.ReportMetric(float64(placed)/b.Elapsed().Seconds(), "placements/s")
}
