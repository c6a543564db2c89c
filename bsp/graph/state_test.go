package graph_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strconv"
	"testing"

	"scalar/bsp/graph"
	"scalar/superstep"
)

func TestIdentity(t *testing.T) {
	if graph.Identity[int32](superstep.Min) != math.MaxInt32 || graph.Identity[int32](superstep.Max) != math.MinInt32 ||
		graph.Identity[int64](superstep.Min) != math.MaxInt64 || graph.Identity[int64](superstep.Max) != math.MinInt64 ||
		graph.Identity[uint32](superstep.Min) != math.MaxUint32 || graph.Identity[uint32](superstep.Max) != 0 ||
		graph.Identity[uint64](superstep.Min) != math.MaxUint64 || graph.Identity[uint64](superstep.Max) != 0 ||
		!math.IsInf(graph.Identity[float64](superstep.Min), 1) || !math.IsInf(float64(graph.Identity[float32](superstep.Max)), -1) ||
		graph.Identity[float64](superstep.Sum) != 0 {
		t.Fatal("wrong identity")
	}
}

type pair struct {
	Name string
	N    int64
}

func TestStateRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 8, 9, 1000} {
		a, err := graph.NewState[float64, int32](n)
		if err != nil {
			t.Fatal(err)
		}
		x, err := graph.NewState[pair, uint64](n)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			a.Set(i, float64(i)/3, int32(-i), i%3 == 0)
			x.Set(i, pair{strconv.Itoa(i), int64(i)}, uint64(i), i%2 == 0)
		}
		b, _ := graph.NewState[float64, int32](n)
		y, _ := graph.NewState[pair, uint64](n)
		data, err := a.MarshalBinary()
		if err := errors.Join(err, b.UnmarshalBinary(data)); err != nil {
			t.Fatal(err)
		}
		data, err = x.MarshalBinary()
		if err := errors.Join(err, y.UnmarshalBinary(data)); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			v, m, h := b.Get(i)
			p, q, g := y.Get(i)
			if v != float64(i)/3 || m != int32(-i) || h != (i%3 == 0) || p != (pair{strconv.Itoa(i), int64(i)}) || q != uint64(i) || g != (i%2 == 0) {
				t.Fatalf("vertex %d is %v %v %v and %v %v %v", i, v, m, h, p, q, g)
			}
		}
		if b.Asleep() != (n+2)/3 {
			t.Fatalf("%d asleep of %d", b.Asleep(), n)
		}
		if other, _ := graph.NewState[pair, uint64](n + 1); other.UnmarshalBinary(data) == nil {
			t.Fatal("a state of another graph was taken")
		}
	}
}

// TestStateOnce keeps who has got messages; a state without that is another program's.
func TestStateOnce(t *testing.T) {
	for _, n := range []int{0, 1, 8, 9, 64, 65, 1000} {
		a, _ := graph.NewState[float64, int32](n)
		b, _ := graph.NewState[float64, int32](n)
		plain, _ := graph.NewState[float64, int32](n)
		a.Once()
		b.Once()
		for i := range n {
			a.Set(i, float64(i), int32(i), i%2 == 0)
			if i%3 == 0 {
				a.Reach(i)
			} else {
				b.Reach(i)
			}
		}
		data, err := a.MarshalBinary()
		if err := errors.Join(err, b.UnmarshalBinary(data)); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if v, m, h := b.Get(i); v != float64(i) || m != int32(i) || h != (i%2 == 0) || b.Reached(i) != (i%3 == 0) {
				t.Fatalf("vertex %d of %d is %v %v %v, reached %v", i, n, v, m, h, b.Reached(i))
			}
		}
		other, err := plain.MarshalBinary()
		if plain.UnmarshalBinary(data) == nil || err != nil || b.UnmarshalBinary(other) == nil {
			t.Fatal("the state of another kind of program was taken")
		}
		if n > 0 && b.UnmarshalBinary(data[:len(data)-4*n]) == nil {
			t.Fatal("a state without messages was taken")
		}
	}
}

// TestStateMemory: values beyond the vertices are not decoded, since a nil of one
// byte can be a value of any size.
func TestStateMemory(t *testing.T) {
	type wide struct {
		Name string
		Rest [1 << 10]int64
	}
	const n = 1 << 12
	s, err := graph.NewState[wide, uint64](1)
	if err != nil {
		t.Fatal(err)
	}
	data := binary.AppendUvarint([]byte{1, 1}, 2*n)
	data = append(data, bytes.Repeat([]byte{1, 0xc0}, n)...)
	data = append(data, make([]byte, 1+8)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if s.UnmarshalBinary(data) == nil {
		t.Error("values of more vertices than there are were taken")
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 256<<10 {
		t.Errorf("%d bytes allocated for %d", got, len(data))
	}
}

func FuzzGraphState(f *testing.F) {
	for _, n := range []int{0, 3} {
		a, _ := graph.NewState[float64, int32](n)
		x, _ := graph.NewState[pair, uint64](n)
		o, _ := graph.NewState[float64, int32](n)
		o.Once()
		for _, m := range []interface{ MarshalBinary() ([]byte, error) }{a, x, o} {
			data, err := m.MarshalBinary()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, n := range []int{0, 3} {
			a, _ := graph.NewState[float64, int32](n)
			x, _ := graph.NewState[pair, uint64](n)
			if a.UnmarshalBinary(data) == nil {
				if again, err := a.MarshalBinary(); err != nil || len(again) > len(data) {
					t.Fatalf("%x became %x, %v", data, again, err)
				}
			}
			_ = x.UnmarshalBinary(data)
			o, _ := graph.NewState[float64, int32](n)
			o.Once()
			if o.UnmarshalBinary(data) == nil {
				if again, err := o.MarshalBinary(); err != nil || len(again) > len(data) {
					t.Fatalf("%x became %x, %v", data, again, err)
				}
			}
		}
	})
}
