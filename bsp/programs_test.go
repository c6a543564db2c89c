package bsp_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"scalar/bsp"
)

// TestMain makes the test binary its own task, running the programs below.
func TestMain(m *testing.M) {
	if bsp.IsTask() {
		os.Exit(bsp.TaskMain(lookup))
	}
	goleak.VerifyTestMain(m)
}

func lookup(name string, _ []string) (bsp.Runner, error) {
	switch name {
	case "ring":
		return bsp.NewRunner(ring), nil
	case "storm":
		return bsp.NewRunner(storm), nil
	case "fault":
		return bsp.NewRunner(fault), nil
	case "noter":
		return bsp.NewRunner(noter), nil
	case "loud":
		return bsp.NewRunner(loud), nil
	case "memory":
		return bsp.NewRunner(memoryLimit), nil
	case "bound":
		return bsp.NewRunner(bound), nil
	case "words":
		return bsp.NewRunner(words, bsp.PartitionInput(byLength)), nil
	}
	return nil, fmt.Errorf("no test program %q", name)
}

// memoryLimit writes what Go's limit is in the peer's process.
func memoryLimit(_ context.Context, p *bsp.Peer[int]) error {
	p.Write("limit", debug.SetMemoryLimit(-1))
	return nil
}

// bound writes the cores that the peer's process may use, and at how many it runs.
func bound(_ context.Context, p *bsp.Peer[int]) error {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return err
	}
	for cpu := range 8 * len(set) * int(unsafe.Sizeof(set[0])) {
		if set.IsSet(cpu) {
			p.Write("core", cpu)
		}
	}
	p.Write("procs", runtime.GOMAXPROCS(0))
	return nil
}

// ring is the example of the API: a restartable loop over p.Superstep. Its first
// argument is the number of supersteps, the second the sleep in each, the third a
// folder with gates at supersteps 30 and 60: see pass.
func ring(ctx context.Context, p *bsp.Peer[int64]) error {
	type state struct{ Sum int64 }
	var st state
	if _, err := p.State(&st); err != nil {
		return err
	}
	steps := arg(p.Args(), 0, 100)
	pause := time.Duration(arg(p.Args(), 1, 0)) * time.Millisecond
	for p.Superstep() < steps {
		for m := range p.Messages() {
			st.Sum += m
		}
		p.Send((p.Index()+1)%p.N(), st.Sum%1_000_003+int64(p.Index()))
		p.Count("sent", 1)
		if p.Superstep()%10 == 0 {
			p.Write(p.Superstep(), st.Sum)
		}
		time.Sleep(pause)
		if s := p.Superstep(); len(p.Args()) > 2 && (s == 30 || s == 60) {
			if err := pass(ctx, p.Args()[2], s, p.Index()); err != nil {
				return err
			}
		}
		if err := p.Sync(ctx); err != nil {
			return err
		}
	}
	p.Write("sum", st.Sum)
	return nil
}

// pass says by the file SUPERSTEP-PEER that a peer waits at a gate, until the file
// SUPERSTEP opens it.
func pass(ctx context.Context, dir string, superstep, peer int) error {
	gate := fmt.Sprintf("%s/%d", dir, superstep)
	if err := os.WriteFile(fmt.Sprintf("%s-%d", gate, peer), nil, 0o600); err != nil {
		return err
	}
	for {
		if _, err := os.Stat(gate); err == nil {
			return nil
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func arg(args []string, i, otherwise int) int {
	if i >= len(args) {
		return otherwise
	}
	n, err := strconv.Atoi(args[i])
	if err != nil {
		panic(err)
	}
	return n
}

// visitor is the key of a function in a context that storm calls in each superstep.
type visitor struct{}

// storm uses all that a checkpoint holds: messages of varying size to all, values,
// votes, counters, a lane, input position and output.
func storm(ctx context.Context, p *bsp.Peer[[]string]) error {
	type state struct {
		Hash  uint64
		Lines []string
		Seen  []int
	}
	var st state
	if _, err := p.State(&st); err != nil {
		return err
	}
	for p.Superstep() < 40 {
		if visit, ok := ctx.Value(visitor{}).(func(superstep int)); ok {
			visit(p.Superstep())
		}
		if p.AllHalted() {
			st.Seen = append(st.Seen, p.Superstep())
		}
		if p.Index() == 1 && p.Superstep() == 25 {
			p.Write("early", st.Hash)
			return nil
		}
		for m := range p.Messages() {
			for _, s := range m {
				st.Hash = st.Hash*31 + uint64(len(s)) + uint64(s[0])
			}
		}
		for _, v := range p.Values() {
			st.Hash = st.Hash*17 + uint64(len(v))
		}
		if line, ok, err := p.Next(); err != nil {
			return err
		} else if ok {
			st.Lines = append(st.Lines, string(line))
			p.Write("line", line)
		}
		for i := range p.Superstep() % 7 {
			p.Send((p.Index()+i)%p.N(), []string{strconv.Itoa(p.Index()), strconv.FormatUint(st.Hash, 10)})
		}
		p.SetValues(make([]byte, p.Superstep()%5))
		p.Vote(p.Superstep()%3 == 0)
		p.Count("steps", 1)
		if err := p.Sync(ctx); err != nil {
			return err
		}
	}
	p.Write(fmt.Sprint(st.Seen), st.Hash)
	p.Write("lines", len(st.Lines))
	return nil
}

// fault misbehaves as its first argument says, in superstep 5 of peer 1, or in the
// first attempt only where that is told by a file that is missing.
func fault(ctx context.Context, p *bsp.Peer[int64]) error {
	var n int64
	if _, err := p.State(&n); err != nil {
		return err
	}
	for p.Superstep() < 10 {
		n++
		if p.Index() == 1 && p.Superstep() == 5 {
			if err := misbehave(p.Args()[0]); err != nil {
				return err
			}
		}
		if err := p.Sync(ctx); err != nil {
			return err
		}
	}
	p.Write(p.Index(), n)
	return nil
}

func misbehave(how string) error {
	switch how {
	case "error":
		return errors.New("out of luck")
	case "panic":
		panic("out of luck")
	case "exit":
		os.Exit(3)
	case "hang":
		select {}
	}
	return nil
}

// loud says more than a message to its groom has room for.
func loud(context.Context, *bsp.Peer[int64]) error {
	return errors.New("too loud: " + strings.Repeat("x", 20<<20))
}

// words counts its input's lines after PartitionInput.
func words(ctx context.Context, p *bsp.Peer[int64]) error {
	var n int64
	if _, err := p.State(&n); err != nil {
		return err
	}
	for p.Superstep() < 5 {
		if line, ok, err := p.Next(); err != nil {
			return err
		} else if ok {
			p.Write(line, n)
		}
		n++
		if err := p.Sync(ctx); err != nil {
			return err
		}
	}
	for line, err := range p.Lines() {
		if err != nil {
			return err
		}
		p.Write(line, "rest")
	}
	return nil
}

func byLength(record []byte, n int) int { return len(record) % n }
