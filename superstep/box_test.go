package superstep_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"scalar/superstep"

	"pgregory.net/rapid"
)

// alone runs prog on n peers of one task.
func alone(t fataler, n int, prog func(ctx context.Context, p *superstep.Port) error) {
	t.Helper()
	must(t, world{tasks: []int{n}}.run(t, prog))
}

// onePort is a port of a job of one peer.
func onePort(t fataler) *superstep.Port {
	g, err := superstep.NewGroup(superstep.Config{Ranges: []superstep.Range{{Lo: 0, Hi: 1}}})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return g.Port(0)
}

// saveBox returns a box's inbox.
func saveBox[M any](t fataler, b *superstep.Box[M]) []byte {
	t.Helper()
	var saved bytes.Buffer
	if err := b.Save(&saved); err != nil || int64(saved.Len()) != b.SavedSize() {
		t.Fatalf("save: %d bytes, announced %d, %v", saved.Len(), b.SavedSize(), err)
	}
	return saved.Bytes()
}

// loadBox replaces a box's inbox.
func loadBox[M any](b *superstep.Box[M], saved []byte) error {
	return b.Load(bytes.NewReader(saved), int64(len(saved)))
}

type padded struct {
	A uint8
	B uint64
	C [3]uint16
	_ uint32
	D float32
}

func TestFixedCodecMatchesEncodingBinary(t *testing.T) {
	type plain struct {
		A uint64
		B [2]int32
		C float32
		D uint16
		E [2]int8
	}
	codec, ok := superstep.FixedCodec[plain]()
	if !ok {
		t.Fatal("no codec")
	}
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.SliceOfN(rapid.Make[plain](), 0, 20).Draw(t, "messages")
		for i := range ms {
			if ms[i].C != ms[i].C {
				ms[i].C = 0
			}
		}
		var want bytes.Buffer
		for _, m := range ms {
			if err := binary.Write(&want, binary.LittleEndian, m); err != nil {
				t.Fatalf("%v", err)
			}
		}
		got := codec.Append([]byte("x"), ms)
		if !bytes.Equal(got[1:], want.Bytes()) {
			t.Fatalf("%x, expected %x", got[1:], want.Bytes())
		}
		back, err := codec.Decode(nil, append([]byte(nil), got[1:]...))
		if err != nil || !slices.Equal(back, ms) {
			t.Fatalf("%v, %v", back, err)
		}
	})
	if _, err := codec.Decode(nil, make([]byte, 31)); !errors.Is(err, superstep.ErrInbox) {
		t.Error(err)
	}
}

func TestFixedCodecZeroesPadding(t *testing.T) {
	codec, ok := superstep.FixedCodec[padded]()
	if !ok {
		t.Fatal("no codec")
	}
	m := padded{A: 1, B: 2, C: [3]uint16{3, 4, 5}, D: 6}
	dirty := bytes.Repeat([]byte{0xff}, 100)[:0]
	got := codec.Append(dirty, []padded{m, m})
	want := make([]byte, 64)
	for at := 0; at < 64; at += 32 {
		want[at] = 1
		want[at+8] = 2
		want[at+16], want[at+18], want[at+20] = 3, 4, 5
		binary.LittleEndian.PutUint32(want[at+28:], math.Float32bits(6))
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%x\n%x", got, want)
	}
	p := onePort(t)
	box := superstep.NewBox(p, superstep.BoxConfig[padded]{})
	box.Send(0, m)
	if _, err := p.Sync(t.Context(), superstep.Vote{}); err != nil {
		t.Fatal(err)
	}
	if saved := saveBox(t, box); !bytes.HasSuffix(saved, want[:32]) {
		t.Errorf("%x", saved)
	}
}

func TestFixedCodecRefuses(t *testing.T) {
	refused := map[string]bool{}
	_, refused["string"] = superstep.FixedCodec[string]()
	_, refused["bool"] = superstep.FixedCodec[struct {
		A int
		B bool
	}]()
	_, refused["pointer"] = superstep.FixedCodec[*int]()
	_, refused["slice"] = superstep.FixedCodec[[]int]()
	_, refused["empty"] = superstep.FixedCodec[struct{}]()
	_, refused["large"] = superstep.FixedCodec[[1 << 20]uint8]()
	_, refused["blank"] = superstep.FixedCodec[struct{ _ int }]()
	delete(refused, "blank") // nothing but padding: allowed
	for name, ok := range refused {
		if ok {
			t.Errorf("%s is taken", name)
		}
	}
}

type document struct {
	Name string
	Tags []string
	Rank map[string]float64
}

func TestMsgpackMessages(t *testing.T) {
	alone(t, 3, func(ctx context.Context, p *superstep.Port) error {
		box := superstep.NewBox(p, superstep.BoxConfig[document]{})
		d := document{Name: "a", Tags: []string{"x", "y"}}
		for to := range 3 {
			d.Tags[0] = fmt.Sprint(p.Index(), to) // Send has copied the one before
			box.Send(to, d)
		}
		if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
			return err
		}
		from := 0
		for m := range box.Messages() {
			if m.Tags[0] != fmt.Sprint(from, p.Index()) || m.Tags[1] != "y" || m.Name != "a" {
				return fmt.Errorf("%+v from %d", m, from)
			}
			from++
		}
		if from != 3 {
			return fmt.Errorf("%d messages", from)
		}
		return nil
	})
}

// Combined inboxes have one message per sender at most, folded in sending order.
func TestCombine(t *testing.T) {
	for _, tasks := range [][]int{{3}, {1, 2}} {
		w := world{tasks: tasks}
		must(t, w.run(t, func(ctx context.Context, p *superstep.Port) error {
			numbers := superstep.NewBox(p, superstep.BoxConfig[float64]{Combine: func(a, b float64) float64 { return a*3 + b }})
			lists := superstep.NewBox(p, superstep.BoxConfig[[]int]{Combine: func(a, b []int) []int { return append(a, b...) }})
			own := []int{0}
			for i := range 5 {
				own[0] = i
				if p.Index() != 1 {
					numbers.Send(2, float64(i))
					lists.Send(2, own)
				}
			}
			if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
				return err
			}
			ns, ls := slices.Collect(numbers.Messages()), slices.Collect(lists.Messages())
			if p.Index() != 2 {
				ns, ls = append(ns, 58, 58), append(ls, []int{0, 1, 2, 3, 4}, []int{0, 1, 2, 3, 4})
			}
			if !slices.Equal(ns, []float64{58, 58}) || len(ls) != 2 || !slices.Equal(ls[0], []int{0, 1, 2, 3, 4}) || !slices.Equal(ls[1], ls[0]) {
				return fmt.Errorf("%v, %v", ns, ls)
			}
			_, err := p.Sync(ctx, superstep.Vote{})
			if numbers.Len()+lists.Len() != 0 {
				return errors.New("combined messages came twice")
			}
			return err
		}))
	}
}

func TestSortedInbox(t *testing.T) {
	alone(t, 2, func(ctx context.Context, p *superstep.Port) error {
		pairs := superstep.NewBox(p, superstep.BoxConfig[pair]{Compare: func(a, b pair) int { return cmp.Compare(a.ID, b.ID) }})
		texts := superstep.NewBox(p, superstep.BoxConfig[string]{Compare: func(a, b string) int { return -strings.Compare(a, b) }})
		for i := range 4 {
			pairs.Send(0, pair{uint64(3 - i/2), float64(10*p.Index() + i)})
			texts.Send(0, fmt.Sprint(i, p.Index()))
		}
		if _, err := p.Sync(ctx, superstep.Vote{}); err != nil || p.Index() == 1 {
			return err
		}
		if got, want := fmt.Sprint(slices.Collect(pairs.Messages())), "[{2 2} {2 3} {2 12} {2 13} {3 0} {3 1} {3 10} {3 11}]"; got != want {
			return errors.New(got)
		}
		if got, want := fmt.Sprint(slices.Collect(texts.Messages())), "[3 1 3 0 2 1 2 0 1 1 1 0 0 1 0 0]"; got != want {
			return errors.New(got)
		}
		return nil
	})
}

func TestSaveAndLoad(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pairs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) pair { return pair{rapid.Uint64().Draw(t, "id"), 1} }), 0, 50).Draw(t, "pairs")
		texts := rapid.SliceOfN(rapid.String(), 0, 20).Draw(t, "texts")
		p := onePort(t)
		a, b := superstep.NewBox(p, superstep.BoxConfig[pair]{}), superstep.NewBox(p, superstep.BoxConfig[string]{})
		for _, m := range pairs {
			a.Send(0, m)
		}
		for _, m := range texts {
			b.Send(0, m)
		}
		if _, err := p.Sync(context.Background(), superstep.Vote{}); err != nil {
			t.Fatalf("%v", err)
		}
		savedA, savedB := saveBox(t, a), saveBox(t, b)
		q := onePort(t)
		c, d := superstep.NewBox(q, superstep.BoxConfig[pair]{}), superstep.NewBox(q, superstep.BoxConfig[string]{})
		if err := errors.Join(loadBox(c, savedA), loadBox(d, savedB)); err != nil {
			t.Fatalf("%v", err)
		}
		if !slices.Equal(slices.Collect(c.Messages()), pairs) || !slices.Equal(slices.Collect(d.Messages()), texts) || c.Len() != len(pairs) || d.Len() != len(texts) {
			t.Fatalf("other messages")
		}
		if !bytes.Equal(saveBox(t, c), savedA) || !bytes.Equal(saveBox(t, d), savedB) {
			t.Fatalf("saved otherwise the second time")
		}
		if err := loadBox(c, savedB); !errors.Is(err, superstep.ErrInbox) || c.Len() != 0 {
			t.Fatalf("a box of pairs took texts: %v", err)
		}
		cut := rapid.IntRange(0, len(savedB)-1).Draw(t, "cut")
		if err := loadBox(d, savedB[:cut]); !errors.Is(err, superstep.ErrInbox) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if err := loadBox(d, append(savedB, 0)); !errors.Is(err, superstep.ErrInbox) {
			t.Fatalf("longer: %v", err)
		}
		if _, err := q.Sync(context.Background(), superstep.Vote{}); err != nil || c.Len()+d.Len() != 0 {
			t.Fatalf("%d messages after Sync, %v", c.Len()+d.Len(), err)
		}
	})
}

// A box that opens a superstep late finds what was sent to it.
func TestLateBox(t *testing.T) {
	for _, tasks := range [][]int{{2}, {1, 1}} {
		must(t, world{tasks: tasks}.run(t, func(ctx context.Context, p *superstep.Port) error {
			var box *superstep.Box[pair]
			if p.Index() == 0 {
				box = superstep.NewBox(p, superstep.BoxConfig[pair]{})
				box.Send(1, pair{7, 7})
			}
			if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
				return err
			}
			if p.Index() == 1 {
				if box = superstep.NewBox(p, superstep.BoxConfig[pair]{}); box.Len() != 1 {
					return fmt.Errorf("%d messages", box.Len())
				}
			}
			return nil
		}))
	}
}

// Peers that open different things get an error, not nonsense.
func TestDifferentBoxes(t *testing.T) {
	for _, tasks := range [][]int{{2}, {1, 1}} {
		errs := world{tasks: tasks}.run(t, func(ctx context.Context, p *superstep.Port) error {
			if p.Index() == 0 {
				superstep.NewBox(p, superstep.BoxConfig[pair]{}).Send(1, pair{1, 1})
			} else {
				superstep.NewBox(p, superstep.BoxConfig[string]{}).Send(0, "twelve bytes")
			}
			_, err := p.Sync(ctx, superstep.Vote{})
			if err == nil {
				_, err = p.Sync(ctx, superstep.Vote{})
			}
			return err
		})
		if !errors.Is(errors.Join(errs...), superstep.ErrInbox) {
			t.Error(errs)
		}
	}
}

func TestSendToNobody(t *testing.T) {
	box := superstep.NewBox(onePort(t), superstep.BoxConfig[pair]{})
	for _, to := range []int{-1, 1} {
		func() {
			defer func() {
				if s := fmt.Sprint(recover()); !strings.Contains(s, fmt.Sprintf("peer %d of 1", to)) {
					t.Error(s)
				}
			}()
			box.Send(to, pair{})
		}()
	}
}

func TestNoAllocationPerMessage(t *testing.T) {
	p := onePort(t)
	box := superstep.NewBox(p, superstep.BoxConfig[pair]{})
	sum := 0.0
	superstepOf := func() {
		for i := range uint64(20_000) {
			box.Send(0, pair{i, 1})
		}
		if _, err := p.Sync(t.Context(), superstep.Vote{}); err != nil {
			t.Fatal(err)
		}
		for m := range box.Messages() {
			sum += m.Value
		}
	}
	for range 5 {
		superstepOf()
	}
	if n := testing.AllocsPerRun(20, superstepOf); n > 50 {
		t.Errorf("%v allocations for 20,000 messages", n)
	}
}

func TestStats(t *testing.T) {
	var want superstep.Stats
	for i, tasks := range [][]int{{2}, {1, 1}} {
		var groups []*superstep.Group
		w := world{tasks: tasks, each: func(g *superstep.Group) { groups = append(groups, g) }}
		must(t, w.run(t, func(ctx context.Context, p *superstep.Port) error {
			box := superstep.NewBox(p, superstep.BoxConfig[pair]{})
			sum := superstep.NewBox(p, superstep.BoxConfig[float64]{Combine: func(a, b float64) float64 { return a + b }})
			lane := superstep.NewLane[uint32](p, superstep.Sum, []uint32{100, 100})
			for i := range uint32(10) {
				box.Send(1-p.Index(), pair{})
				sum.Send(0, 1)
				lane.Add(0, i%3, 1)
				lane.Add(1, i%3, 1)
			}
			_, err := lane.Exchange(ctx, superstep.Vote{}, func(uint32, []uint32) {})
			box.Send(0, pair{}) // dropped by Leave
			return err
		}))
		var got superstep.Stats
		for _, g := range groups {
			s := g.Stats()
			got.Messages += s.Messages
			got.MessageBytes += s.MessageBytes
			got.WireBytes += s.WireBytes
		}
		if (got.WireBytes > 0) != (i == 1) {
			t.Errorf("%d bytes on the wire", got.WireBytes)
		}
		got.WireBytes = 0
		if i == 0 {
			want = got
			if want.Messages != 80 || want.MessageBytes != 2*(160+8+2*3*8) {
				t.Errorf("%+v", want)
			}
		} else if got != want {
			t.Errorf("tasks %v: %+v, expected %+v", tasks, got, want)
		}
	}
}

// word is a message of a codec of the user's own: a letter and how often it comes.
type word struct {
	letter byte
	n      uint64
}

type wordCodec struct{}

func (wordCodec) Append(dst []byte, ms []word) []byte {
	for _, m := range ms {
		dst = binary.AppendUvarint(append(dst, m.letter), m.n)
	}
	return dst
}

func (wordCodec) Decode(dst []word, src []byte) ([]word, error) {
	for len(src) > 0 {
		n, width := binary.Uvarint(src[1:])
		if width <= 0 {
			return dst, errTest
		}
		dst, src = append(dst, word{src[0], n}), src[1+width:]
	}
	return dst, nil
}

// Messages of a user's own codec travel within a task and between tasks, and
// through a saved inbox; what it cannot decode names the error.
func TestOwnCodec(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		t.Helper()
		must(t, w.run(t, func(ctx context.Context, p *superstep.Port) error {
			cfg := superstep.BoxConfig[word]{Codec: wordCodec{}}
			box := superstep.NewBox(p, cfg)
			want := make([]word, 0, 300*p.N())
			for from := range p.N() {
				for i := range 300 {
					m := word{byte('a' + from), uint64(1) << (i % 64)}
					want = append(want, m)
					if from == p.Index() {
						box.Send(0, m)
						box.Send(1, m)
					}
				}
			}
			if _, err := p.Sync(ctx, superstep.Vote{}); err != nil {
				return err
			}
			if got := slices.Collect(box.Messages()); !slices.Equal(got, want) {
				t.Errorf("peer %d got %d messages, want %d", p.Index(), len(got), len(want))
			}
			saved := saveBox(t, box)
			if err := loadBox(box, saved); err != nil || !slices.Equal(slices.Collect(box.Messages()), want) {
				t.Errorf("peer %d: a saved inbox has %d messages, %v", p.Index(), box.Len(), err)
			}
			saved[len(saved)-1] |= 0x80 // the last number does not end
			if err := loadBox(box, saved); !errors.Is(err, superstep.ErrInbox) || !errors.Is(err, errTest) {
				t.Errorf("peer %d: a damaged inbox: %v", p.Index(), err)
			}
			return nil
		}))
	})
}
