package superstep_test

import (
	"context"
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"testing"

	"scalar/internal/allocs"
	"scalar/superstep"
)

// FuzzFrame feeds a reader any bytes, also with checksums that are right.
func FuzzFrame(f *testing.F) {
	f.Add(superstep.Frame([4]uint8{2, 0, 0, 1}, [4]uint32{0, 2, 0, 1}, make([]byte, 16)), true)
	f.Add(superstep.Frame([4]uint8{2, 1, 1, 2}, [4]uint32{0, 3, 1, 0}, make([]byte, 10)), true)
	f.Add(superstep.Frame([4]uint8{3, 0, 2, 21}, [4]uint32{0, 2, 0, 2}, make([]byte, 24)), true)
	f.Add(superstep.Frame([4]uint8{4, 0, 0, 0}, [4]uint32{0, 1, 0, 0}, superstep.AppendMark(superstep.Mark{Control: 5, Busy: true, Sent: 3, Links: 1, Values: [][]byte{[]byte("v"), nil}}, make([]uint64, 4))), true)
	f.Add(superstep.Frame([4]uint8{5, 0, 4, 0}, [4]uint32{0, 2, 0, 0}, nil), true)
	f.Add(superstep.Frame([4]uint8{6, 0, 0, 0}, [4]uint32{0, 2, 0, 0}, nil), true)
	f.Add(superstep.Frame([4]uint8{7, 0, 0, 0}, [4]uint32{0, 2, 0, 0}, nil), true)
	f.Add(superstep.Frame([4]uint8{8, 0, 0, 0}, [4]uint32{0, 1, 0, 0}, nil), true)
	f.Add(superstep.Frame([4]uint8{9, 0, 0, 0}, [4]uint32{0, 1, 0, 0}, append([]byte{2, 2, 0, 0, 0}, "cut"...)), true)
	f.Add(aheadBy(2), false)
	zeros := make([]byte, 4096) // 256 messages
	f.Add(superstep.Frame([4]uint8{2, 0, 8, 1}, [4]uint32{0, 2, 0, 256}, superstep.Packed(superstep.CompressS2, zeros)), true)
	f.Add(superstep.Frame([4]uint8{2, 0, 16, 1}, [4]uint32{0, 2, 0, 256}, superstep.Packed(superstep.CompressZstd, zeros)), true)
	f.Add(superstep.Frame([4]uint8{2, 0, 8, 1}, [4]uint32{0, 2, 0, 256}, append([]byte{0, 0, 16, 0}, zeros...)), true)
	f.Fuzz(func(t *testing.T, b []byte, reseal bool) {
		if reseal {
			b = resealed(b)
		}
		var err error
		got := allocs.Bytes(func() { err = superstep.ReadFrames(superstep.AmongThree, b) })
		if err == nil {
			t.Error("a reader came to no end")
		}
		if limit := 2*uint64(len(b)) + 4<<20; got > limit { // a frame and what it was packed into, twice
			t.Errorf("%d bytes took %d of memory", len(b), got)
		}
	})
}

// resealed corrects lengths and checksums, so that the fuzzer gets behind them.
func resealed(b []byte) (out []byte) {
	for len(b) >= 48 {
		u32 := func(at int) uint32 {
			return uint32(b[at]) | uint32(b[at+1])<<8 | uint32(b[at+2])<<16 | uint32(b[at+3])<<24
		}
		n := min(int(u32(36)), len(b)-48)
		out = append(out, superstep.Frame([4]uint8(b[4:8]), [4]uint32{u32(20), u32(24), u32(28), u32(32)}, b[48:48+n])...)
		b = b[48+n:]
	}
	return append(out, b...)
}

// FuzzRelay feeds the readers of ballots and of verdicts.
func FuzzRelay(f *testing.F) {
	ballot := superstep.AppendBallot(superstep.Ballot{
		Mark: superstep.Mark{Control: 5, Busy: true, Sent: 3, Values: [][]byte{[]byte("v")}}, Await: []uint32{1, 0, 0, 1, 0}, Peers: []int{2},
	})
	mark := superstep.AppendMark(superstep.Mark{Values: make([][]byte, 1)}, make([]uint64, 2))
	f.Add(superstep.Frame([4]uint8{10, 0, 0, 0}, [4]uint32{0, 1, 0, 0}, ballot), true, false)
	f.Add(superstep.Frame([4]uint8{10, 0, 1, 0}, [4]uint32{0, 1, 0, 0}, ballot), true, false)
	f.Add(superstep.Frame([4]uint8{11, 0, 0, 0}, [4]uint32{0, 0, 1, 0}, ballot), true, true)
	f.Add(slices.Concat(superstep.Frame([4]uint8{4, 0, 0, 0}, [4]uint32{0, 0, 1, 0}, mark), superstep.Frame([4]uint8{11, 0, 0, 0}, [4]uint32{0, 0, 1, 0}, ballot)), true, true)
	f.Fuzz(func(t *testing.T, b []byte, reseal, verdict bool) {
		if reseal {
			b = resealed(b)
		}
		at := superstep.Above
		if verdict {
			at = superstep.Below
		}
		if err := superstep.ReadFrames(at, b); err == nil {
			t.Error("a reader came to no end")
		}
	})
}

// FuzzMark: what decodes, encodes to the same.
func FuzzMark(f *testing.F) {
	f.Add(superstep.AppendMark(superstep.Mark{Control: 5, Busy: true, Sent: 3, Links: 7, Values: [][]byte{[]byte("v"), nil}}, []uint64{1, 0, 300, 2}), uint64(1), uint64(0), uint64(300), uint64(2))
	f.Add(superstep.AppendMark(superstep.Mark{Values: [][]byte{nil, nil}}, make([]uint64, 4)), uint64(0), uint64(0), uint64(0), uint64(0))
	f.Add([]byte{}, uint64(0), uint64(0), uint64(0), uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, x, y, z, w uint64) {
		counts := []uint64{x, y, z, w}
		m, err := superstep.ParseMark(b, counts)
		if err != nil {
			if !errors.Is(err, superstep.ErrFrame) {
				t.Error(err)
			}
			return
		}
		again := superstep.AppendMark(m, counts)
		if len(again) > len(b) { // numbers can be longer than need be
			t.Errorf("%x became %x", b, again)
		}
		if m2, err := superstep.ParseMark(again, counts); err != nil || !reflect.DeepEqual(m, m2) {
			t.Errorf("%x became %x: %+v, %+v, %v", b, again, m, m2, err)
		}
	})
}

// FuzzBallot: what decodes, encodes to the same, and speaks only of what it may.
func FuzzBallot(f *testing.F) {
	f.Add(superstep.AppendBallot(superstep.Ballot{
		Mark: superstep.Mark{Control: 5, Busy: true, Sent: 300, Values: [][]byte{[]byte("v"), []byte("values")}}, Await: []uint32{1, 0, 0, 2, 2}, Peers: []int{3, 6},
	}))
	f.Add(superstep.AppendBallot(superstep.Ballot{Await: make([]uint32, 5)}))
	f.Add(superstep.AppendBallot(superstep.Ballot{Mark: superstep.Mark{Values: [][]byte{[]byte("a"), []byte("b")}}, Await: make([]uint32, 5), Peers: []int{4, 4}}))
	f.Add(superstep.AppendBallot(superstep.Ballot{Mark: superstep.Mark{Values: [][]byte{[]byte("a")}}, Await: make([]uint32, 5), Peers: []int{7}}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := superstep.ParseBallot(b)
		if err != nil {
			if !errors.Is(err, superstep.ErrFrame) {
				t.Error(err)
			}
			return
		}
		if len(v.Peers) > 0 && (v.Peers[0] < 3 || v.Peers[len(v.Peers)-1] > 6) || slices.Max(v.Await) > 2 {
			t.Errorf("%x: %+v", b, v)
		}
		again := superstep.AppendBallot(v)
		if len(again) > len(b) {
			t.Errorf("%x became %x", b, again)
		}
		if v2, err := superstep.ParseBallot(again); err != nil || !reflect.DeepEqual(v, v2) {
			t.Errorf("%x became %x: %+v, %+v, %v", b, again, v, v2, err)
		}
	})
}

// FuzzInbox loads any bytes into boxes of both kinds.
func FuzzInbox(f *testing.F) {
	save := func(texts bool) []byte {
		p := onePort(f)
		a, b := superstep.NewBox(p, superstep.BoxConfig[pair]{}), superstep.NewBox(p, superstep.BoxConfig[document]{})
		a.Send(0, pair{1, 2})
		a.Send(0, pair{3, 4})
		b.Send(0, document{Name: "n", Tags: []string{"t"}, Rank: map[string]float64{"r": 1}})
		if _, err := p.Sync(context.Background(), superstep.Vote{}); err != nil {
			f.Fatal(err)
		}
		if texts {
			return saveBox(f, b)
		}
		return saveBox(f, a)
	}
	f.Add(save(true))
	f.Add(save(false))
	f.Add([]byte{1, 2, 0, 1, 0, 0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		p := onePort(t)
		pairs, docs := superstep.NewBox(p, superstep.BoxConfig[pair]{}), superstep.NewBox(p, superstep.BoxConfig[document]{})
		if err := loadBox(pairs, b); err == nil {
			if pairs.Len() != len(slices.Collect(pairs.Messages())) {
				t.Error("Len is wrong")
			}
			if again := saveBox(t, pairs); len(again) > len(b) {
				t.Errorf("%x became %x", b, again)
			}
		} else if !errors.Is(err, superstep.ErrInbox) || pairs.Len() != 0 {
			t.Error(err)
		}
		if err := loadBox(docs, b); err == nil {
			if docs.Len() != len(slices.Collect(docs.Messages())) {
				t.Error("Len is wrong")
			}
		} else if !errors.Is(err, superstep.ErrInbox) || docs.Len() != 0 {
			t.Error(err)
		}
	})
}

// FuzzColumns folds any payload: what reaches fold lies within the slots, ascending,
// and is as much as the frame counts.
func FuzzColumns(f *testing.F) {
	values := func(vs ...uint64) (b []byte) {
		for _, v := range vs {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		return b
	}
	f.Add(values(0, 1, 2, 3), uint32(3), true)              // from slot 0 on
	f.Add(values(97, 1, 2, 3), uint32(3), true)             // to the last slot
	f.Add(values(98, 1, 2, 3), uint32(3), true)             // beyond it
	f.Add(values(1<<63, 1), uint32(1), true)                // far beyond it
	f.Add(values(7|8<<32, 1, 2), uint32(2), false)          // slots 7 and 8
	f.Add(values(8|7<<32, 1, 2), uint32(2), false)          // they descend
	f.Add(values(5|99<<32, 100, 1, 2, 3), uint32(3), false) // the last is none
	f.Add(values(5), uint32(0), false)
	f.Add([]byte{1, 2, 3}, uint32(1), true)
	f.Fuzz(func(t *testing.T, payload []byte, count uint32, dense bool) {
		const slots = 100
		lane := superstep.NewLane[uint64](onePort(t), superstep.Sum, []uint32{slots})
		next, n := uint32(0), uint32(0)
		err := superstep.Fold(lane, payload, count, dense, func(slot uint32, vs []uint64) {
			if slot < next || len(vs) == 0 || int(slot)+len(vs) > slots {
				t.Errorf("%d values from slot %d on, after %d", len(vs), slot, next)
			}
			next, n = slot+uint32(len(vs)), n+uint32(len(vs))
		})
		if err != nil && (!errors.Is(err, superstep.ErrInbox) || n > 0) || err == nil && n != count {
			t.Errorf("%d of %d values: %v", n, count, err)
		}
	})
}

// FuzzArea takes any payload into an area: what is taken are all values of the list, each in its place, and
// nothing is written elsewhere.
func FuzzArea(f *testing.F) {
	payload := func(first uint64, values ...uint64) (b []byte) {
		for _, v := range append([]uint64{first}, values...) {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		return b
	}
	f.Add(payload(0, 1, 2, 3), uint32(3), true)
	f.Add(payload(0, 1, 2), uint32(2), true)       // too few
	f.Add(payload(0, 1, 2, 3, 4), uint32(4), true) // too many
	f.Add(payload(1, 1, 2, 3), uint32(3), true)    // not from the first on
	f.Add(payload(1<<63, 1, 2, 3), uint32(3), true)
	f.Add(payload(0, 1, 2), uint32(3), true) // cut short
	f.Add(payload(0, 1, 2, 3), uint32(3), false)
	f.Add([]byte{}, uint32(3), true)
	f.Fuzz(func(t *testing.T, b []byte, count uint32, dense bool) {
		slots, places := []uint32{1, 5, 6}, []uint32{7, 0, 3}
		a := superstep.NewArea[uint64](onePort(t), superstep.AreaConfig{Size: 8, Own: 10, Watches: [][]uint32{slots}, Watched: [][]uint32{slots}, Places: places})
		err := superstep.TakeValues(a, b, count, dense)
		if err != nil && !errors.Is(err, superstep.ErrInbox) {
			t.Error(err)
		}
		next := slices.Clone(a.Next())
		for i, at := range places {
			if err == nil && next[at] != binary.LittleEndian.Uint64(b[8+8*i:]) {
				t.Errorf("value %d of %x is %x", i, b, next[at])
			}
			next[at] = 0
		}
		if !slices.Equal(next, make([]uint64, 8)) {
			t.Errorf("%x is written to %x", b, next)
		}
	})
}

// FuzzHandshake: of a hello that is taken, no byte may be another.
func FuzzHandshake(f *testing.F) {
	f.Add(superstep.Hello(superstep.Mesh{Job: 42, Epoch: 7, Task: 2}, 0, 3))
	f.Add(superstep.Hello(superstep.Mesh{Job: 42, Epoch: 7, Task: 2}, 0, 4))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: nobody\r\n\r\n and more than a header"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := superstep.ReadHello(b); err != nil {
			return
		}
		for i := range 56 {
			b[i] ^= 1
			if _, err := superstep.ReadHello(b); err == nil {
				t.Errorf("byte %d changed and nobody saw it", i)
			}
			b[i] ^= 1
		}
	})
}
