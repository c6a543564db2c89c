package bsptest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"scalar/bsp"
	"scalar/bsp/bsptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sums adds up what its neighbour sends; with forget it keeps a part of its state
// out of the checkpoint.
func sums(forget bool) bsp.Runner {
	return bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
		var kept, hidden int
		if _, err := p.State(&kept); err != nil {
			return err
		}
		for p.Superstep() < 20 {
			for m := range p.Messages() {
				kept += m
				hidden++
			}
			p.Send((p.Index()+1)%p.N(), p.Superstep())
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		if forget {
			kept += hidden
		}
		p.Write(p.Index(), kept)
		return nil
	})
}

func TestSameBits(t *testing.T) {
	for tasks := 1; tasks <= 4; tasks++ {
		bsptest.SameBits(t, bsptest.Config{Peers: 4, Tasks: tasks, RestartAt: 7}, sums(false))
	}
}

// recorder takes what a helper says about a test.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func TestSameBitsFindsForgottenState(t *testing.T) {
	r := &recorder{TB: t}
	bsptest.SameBits(r, bsptest.Config{Peers: 2, Tasks: 2, RestartAt: 7}, sums(true))
	if len(r.said) != 1 || !strings.Contains(r.said[0], `line 1 is "0\t`) {
		t.Errorf("said %q", r.said)
	}
}

func TestTry(t *testing.T) {
	broken := errors.New("broken")
	r := bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
		if p.Index() == 2 {
			return broken
		}
		return p.Sync(ctx)
	})
	if _, err := bsptest.Try(t, bsptest.Config{Peers: 4, Tasks: 4}, r); err == nil || err.Error() != "peer 2: broken" {
		t.Errorf("%v", err)
	}
	if _, err := bsptest.Try(t, bsptest.Config{RestartAt: 99}, sums(false)); err == nil || !strings.Contains(err.Error(), "no checkpoint at superstep 99") {
		t.Errorf("%v", err)
	}
}
