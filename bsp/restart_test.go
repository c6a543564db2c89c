package bsp_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/job"
	"scalar/superstep"
)

func TestRestartRing(t *testing.T) {
	for _, tasks := range []int{1, 2, 3} {
		for _, at := range []int{1, 37, 100} {
			bsptest.SameBits(t, bsptest.Config{Peers: 4, Tasks: tasks, RestartAt: at}, bsp.NewRunner(ring))
		}
	}
}

// A restart restores all that the engine keeps, also for a peer that had returned.
func TestRestartStorm(t *testing.T) {
	file := t.TempDir() + "/in"
	var in strings.Builder
	for i := range 50 {
		fmt.Fprintln(&in, "line", i*i)
	}
	if err := os.WriteFile(file, []byte(in.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tasks := range []int{1, 3} {
		for _, at := range []int{1, 7, 24, 25, 26, 33, 39} {
			bsptest.SameBits(t, bsptest.Config{Peers: 3, Tasks: tasks, Input: file, RestartAt: at}, bsp.NewRunner(storm))
		}
	}
}

// heat is a program on columns: the state is taken after the fold.
func heat(ctx context.Context, p *bsp.Peer[struct{}]) error {
	const own = 100
	slots := make([]uint32, p.N())
	for i := range slots {
		slots[i] = own
	}
	cells := make([]float64, own)
	cells[p.Index()] = 1000
	if _, err := p.State(&cells); err != nil {
		return err
	}
	lane := bsp.NewColumns[struct{}, float64](p, superstep.Sum, slots)
	for p.Superstep() < 30 {
		for i, v := range cells {
			lane.Add(p.Index(), uint32(i), v/2)
			at := p.Index()*own + i + 1
			if at < p.N()*own {
				lane.Add(at/own, uint32(at%own), v/3)
			}
		}
		clear(cells)
		err := lane.Exchange(ctx, func(slot uint32, vs []float64) {
			for i, v := range vs {
				cells[int(slot)+i] += v
			}
		})
		if err != nil {
			return err
		}
	}
	for i, v := range cells {
		p.Write(p.Index()*own+i, v)
	}
	return nil
}

func TestRestartColumns(t *testing.T) {
	for _, tasks := range []int{1, 2} {
		bsptest.SameBits(t, bsptest.Config{Peers: 4, Tasks: tasks, RestartAt: 11}, bsp.NewRunner(heat))
	}
}

// blob encodes itself.
type blob struct{ text string }

func (b *blob) AppendBinary(dst []byte) ([]byte, error) { return append(dst, b.text...), nil }
func (b *blob) UnmarshalBinary(src []byte) error        { b.text = string(src); return nil }

func TestStateEncodesItself(t *testing.T) {
	prog := func(ctx context.Context, p *bsp.Peer[int]) error {
		var b blob
		resumed, err := p.State(&b)
		if err != nil || resumed != (p.Superstep() > 0) {
			return fmt.Errorf("resumed %v at %d: %w", resumed, p.Superstep(), err)
		}
		for p.Superstep() < 8 {
			b.text += strconv.Itoa(p.Superstep())
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		p.Write(p.Index(), b.text)
		return nil
	}
	bsptest.SameBits(t, bsptest.Config{Peers: 2, RestartAt: 5}, bsp.NewRunner(prog))
}

func TestStateRules(t *testing.T) {
	for how, want := range map[string]string{
		"mixed": "peer 0 called State before the first Sync and peer 1 did not",
		"late":  "before the first Sync", "twice": "twice", "nil": "pointer",
	} {
		prog := func(ctx context.Context, p *bsp.Peer[int]) error {
			n, first := 0, any(nil)
			if how != "nil" {
				first = &n
			}
			if how != "late" && (how != "mixed" || p.Index()%2 == 0) {
				if _, err := p.State(first); err != nil {
					return err
				}
			}
			if err := p.Sync(ctx); err != nil {
				return err
			}
			_, err := p.State(&n)
			return err
		}
		if how == "twice" {
			prog = func(_ context.Context, p *bsp.Peer[int]) error {
				n := 0
				_, err := p.State(&n)
				_, again := p.State(&n)
				return errors.Join(err, again)
			}
		}
		for _, tasks := range []int{1, 2} {
			_, err := bsptest.Try(t, bsptest.Config{Peers: 4, Tasks: tasks}, bsp.NewRunner(prog))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", how, err, want)
			}
		}
	}
	// A peer that returns at once need not have called it.
	prog := func(ctx context.Context, p *bsp.Peer[int]) error {
		if p.Index() == 0 {
			return nil
		}
		n := 0
		if _, err := p.State(&n); err != nil {
			return err
		}
		for p.Superstep() < 4 {
			n++
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		p.Write(p.Index(), n)
		return nil
	}
	bsptest.SameBits(t, bsptest.Config{Peers: 3, Tasks: 2, RestartAt: 2}, bsp.NewRunner(prog))
}

// A restarted program that leaves State out would start from nothing: it is told.
func TestRestartWithoutState(t *testing.T) {
	attempt := 0
	prog := func(ctx context.Context, p *bsp.Peer[int]) error {
		n := 0
		if p.Superstep() == 0 {
			if _, err := p.State(&n); err != nil {
				return err
			}
		}
		for p.Superstep() < 6 {
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	_, err := bsptest.Try(t, bsptest.Config{RestartAt: 3}, bsp.NewRunner(prog))
	if err == nil || !strings.Contains(err.Error(), "called State before the fault") {
		t.Errorf("attempt %d: %v", attempt, err)
	}
	_, err = bsptest.Try(t, bsptest.Config{RestartAt: 3}, bsp.NewRunner(func(context.Context, *bsp.Peer[int]) error { return nil }))
	if err == nil || !strings.Contains(err.Error(), "no checkpoint at superstep 3") {
		t.Errorf("without State: %v", err)
	}
}

// The state of a program that has changed is refused, not half read.
func TestRestartOtherState(t *testing.T) {
	prog := func(ctx context.Context, p *bsp.Peer[int]) error {
		var text string
		var number int
		v := any(&text)
		if p.Superstep() > 0 {
			v = &number
		}
		if _, err := p.State(v); err != nil {
			return err
		}
		for text = "x"; p.Superstep() < 6; {
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	_, err := bsptest.Try(t, bsptest.Config{RestartAt: 3}, bsp.NewRunner(prog))
	if f, ok := errors.AsType[*job.Failure](err); !ok || !strings.Contains(f.Message, "does not fit the program") {
		t.Errorf("%v", err)
	}
}

// A collective that a returned peer cannot take part in is an error, not a hang.
func TestCollectiveAfterReturn(t *testing.T) {
	for _, state := range []bool{false, true} {
		prog := func(ctx context.Context, p *bsp.Peer[int]) error {
			n := 0
			if state {
				if _, err := p.State(&n); err != nil {
					return err
				}
			}
			if err := p.Sync(ctx); err != nil || p.Index() == 1 {
				return err
			}
			_, err := bsp.AllReduce(ctx, p, 1, func(a, b int) int { return a + b })
			return err
		}
		for _, cfg := range []bsptest.Config{{Peers: 4}, {Peers: 4, Tasks: 4}, {Peers: 4, Tasks: 2, RestartAt: 1}} {
			if cfg.RestartAt > 0 && !state {
				continue
			}
			_, err := bsptest.Try(t, cfg, bsp.NewRunner(prog))
			if err == nil || !strings.Contains(err.Error(), "peer 1 has returned") && !strings.Contains(err.Error(), "no checkpoint") {
				t.Errorf("%+v: %v", cfg, err)
			}
		}
	}
}

// An input that has changed since the checkpoint would be mixed with what it was: lines
// lost, read twice, or of both. It is told whether the peers had opened it or not.
func TestRestartInputChanged(t *testing.T) {
	for what, row := range map[string]struct {
		after string
		want  string
	}{
		"grown":    {strings.Repeat("abc\n", 150), "changed while the job ran: it had 400 bytes at superstep 12 and has 600"},
		"replaced": {strings.Repeat("xy\nz", 100), "changed while the job ran: a file in it was written or replaced after superstep 12"},
	} {
		for _, from := range []int{0, 20} {
			file := t.TempDir() + "/in"
			if err := os.WriteFile(file, []byte(strings.Repeat("abc\n", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
			prog := func(ctx context.Context, p *bsp.Peer[int]) error {
				n := 0
				if _, err := p.State(&n); err != nil {
					return err
				}
				for p.Superstep() < 20 {
					if p.Superstep() >= from {
						if _, _, err := p.Next(); err != nil {
							return err
						}
					}
					if p.Superstep() == 12 && p.Index() == 0 {
						if err := errors.Join(os.WriteFile(file, []byte(row.after), 0o600), os.Chtimes(file, time.Time{}, time.Now().Add(time.Second))); err != nil {
							return err
						}
					}
					if err := p.Sync(ctx); err != nil {
						return err
					}
				}
				return nil
			}
			_, err := bsptest.Try(t, bsptest.Config{Peers: 3, Input: file, RestartAt: 12}, bsp.NewRunner(prog))
			if f, ok := errors.AsType[*job.Failure](err); !ok || f.Kind != job.FaultInput || !strings.Contains(f.Message, row.want) {
				t.Errorf("%s, read from superstep %d on: %v", what, from, err)
			}
		}
	}
}
