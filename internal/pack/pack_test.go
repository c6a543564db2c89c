package pack_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/allocs"
	"scalar/internal/pack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func decode(tb testing.TB, text string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func marshal(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := pack.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestScan(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("91", n) + "c0" }
	for text, ok := range map[string]bool{
		"":                        false,
		"00":                      true,
		"7f":                      true,
		"e0":                      true,
		"c1":                      false, // never used
		"c0 c0":                   false, // two values
		"a3 616263":               true,
		"a3 6162":                 false,
		"d9 03 616263":            true,
		"da 0003 616263":          true,
		"db 00000003 616263":      true,
		"db ffffffff":             false,
		"c4 01 00":                true,
		"c5 0001 00":              true,
		"c6 00000001 00":          true,
		"c6 ffffffff 00":          false,
		"c7 01 05 00":             true,
		"c7 01 05":                false,
		"c8 0001 05 00":           true,
		"c9 00000001 05 00":       true,
		"c9 ffffffff 05 00":       false,
		"ca 00000000":             true,
		"cb 0000000000000000":     true,
		"cb 00000000000000":       false,
		"cc 00":                   true,
		"cd 0000":                 true,
		"ce 00000000":             true,
		"cf 0000000000000000":     true,
		"d3 00000000":             false,
		"d4 ff 00":                true,
		"d8 ff 00":                false,
		"92 c2 c3":                true,
		"92 c2":                   false,
		"81 a1 61 05":             true,
		"81 a1 61":                false,
		"dc 0002 c0 c0":           true,
		"dd 00000002 c0 c0":       true,
		"dd ffffffff":             false,
		"de 0001 00 00":           true,
		"df 00000001 00 00":       true,
		"df 80000000 00 00":       false,
		nested(pack.MaxDepth):     true,
		nested(pack.MaxDepth + 1): false,
		nested(1 << 20):           false,
	} {
		err := pack.Scan(decode(t, text))
		if (err == nil) != ok || err != nil && !errors.Is(err, pack.ErrMalformed) {
			t.Errorf("Scan(%.40s): %v, want ok=%v", text, err, ok)
		}
	}
}

// TestFrame fixes the bytes of a frame.
func TestFrame(t *testing.T) {
	golden, err := os.ReadFile("testdata/frame.golden")
	if err != nil {
		t.Fatal(err)
	}
	want := decode(t, strings.TrimSpace(string(golden)))
	v := wire.TaskKey{Job: "pi-1", Epoch: 2, Task: 300}
	var b bytes.Buffer
	if err := pack.WriteFrame(&b, v); err != nil || !bytes.Equal(b.Bytes(), want) {
		t.Errorf("frame %x, want %x (%v)", b.Bytes(), want, err)
	}
	b.Write(want)
	r := bytes.NewReader(b.Bytes())
	for range 2 {
		var got wire.TaskKey
		if err := pack.ReadFrame(r, 100, &got); got != v || err != nil {
			t.Errorf("read %+v %v", got, err)
		}
	}
	if err := pack.ReadFrame(r, 100, &v); err != io.EOF { //nolint:errorlint // the contract
		t.Errorf("at the end: %v", err)
	}
	for n := 1; n < len(want); n++ {
		if err := pack.ReadFrame(bytes.NewReader(want[:n]), 100, &v); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	if err := pack.ReadFrame(bytes.NewReader(want), 10, &v); !errors.Is(err, pack.ErrMalformed) {
		t.Errorf("over the limit: %v", err)
	}
	if err := pack.WriteFrame(io.Discard, make([]byte, pack.MaxOrders)); err == nil {
		t.Error("wrote a frame over the limit")
	}
}

// TestEqualValuesEqualBytes: maps of any kind, wherever they are, have one order.
func TestEqualValuesEqualBytes(t *testing.T) {
	type tree struct {
		Name string
		Kids map[string]*tree
		Any  map[int]any
		Z    [2]map[uint8][]map[string]int64
	}
	counters := func() map[string]int64 {
		m := map[string]int64{}
		for name := range strings.FieldsSeq("a b c d e f g h i j k l m n o p q r s t longer-than-31-bytes-so-that-str8-is-used") {
			m[name] = int64(len(m))
		}
		return m
	}
	build := func() any {
		leaf := &tree{Name: "leaf", Any: map[int]any{300: counters(), -1: map[any]any{1: 2, "x": 3, nil: 4}, 5: []any{counters()}}}
		return tree{Kids: map[string]*tree{"b": leaf, "a": leaf, "c": nil}, Z: [2]map[uint8][]map[string]int64{{9: {counters()}, 200: nil}}}
	}
	first := marshal(t, build())
	for range 50 {
		if !bytes.Equal(marshal(t, build()), first) {
			t.Fatal("other bytes")
		}
	}
	if err := pack.Scan(first); err != nil {
		t.Error(err)
	}
	var got struct { // maps without a type decode with string keys only
		Kids map[string]struct{ Name string }
		Z    [2]map[uint8][]map[string]int64
	}
	if err := pack.Unmarshal(first, &got); err != nil || got.Kids["a"].Name != "leaf" || !reflect.DeepEqual(got.Z[0][9][0], counters()) {
		t.Errorf("decoded %+v, %v", got, err)
	}
	if got, want := marshal(t, map[string]int8{"b": 1, "aa": 2, "": 3}), decode(t, "83 a0 03 a2 6161 02 a1 62 01"); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// array is n times an item, encoded.
func array(n int, item string) []byte {
	head := []byte{0xdd, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	return slices.Concat(head, bytes.Repeat([]byte(item), n))
}

// TestAmplification: bytes that stand for much more memory are refused before it
// is taken.
func TestAmplification(t *testing.T) {
	type tasks struct{ Tasks []wire.TaskStatus }
	field := func(name string, b []byte) []byte {
		return append(append([]byte{0x81, 0xa0 + byte(len(name))}, name...), b...)
	}
	const n = 1 << 20
	for what, row := range map[string]struct {
		b []byte
		v any
	}{
		"nil structs":      {field("Tasks", array(n, "\xc0")), new(wire.Report)},
		"empty structs":    {field("Tasks", array(n, "\x80")), new(tasks)},
		"unknown fields":   {field("Tasks", array(n, "\x81\xa0\x00")), new(tasks)},
		"array structs":    {field("Tasks", array(n, "\x91\x00")), new(tasks)},
		"nested":           {field("Tasks", array(4, "\x81\xabCheckpoints"+string(array(n/4, "\xc0")))), new(tasks)},
		"array in struct":  {field("Start", append([]byte{0x9f}, array(n, "\xc0")...)), new(wire.ToTask)},
		"pointers":         {array(n, "\x80"), new([]*wire.TaskOrder)},
		"empty strings":    {array(n, "\xa0"), new([]string)},
		"any":              {array(n, "\xc0"), new(any)},
		"any in a map":     {array(n, "\x81\x00\x00"), new([]map[any]any)},
		"fixed arrays":     {array(n, "\xc0"), new([][100]int64)},
		"repeated field":   {bytes.Join([][]byte{{0xde, 0, 200}, bytes.Repeat(append([]byte("\xa5Start"), "\x80"...), 1), bytes.Repeat(append([]byte("\xa5Tasks"), array(20000, "\xc0")...), 199)}, nil), new(tasks)},
		"ext for map":      {field("Counters", decode(t, "d6 ff 81 a1 78 91")), new(wire.Progress)},
		"ext for struct":   {field("Start", decode(t, "d6 ff 81 a1 78 91")), new(wire.ToTask)},
		"unhashable key":   {decode(t, "81 81 01 02 03"), new(map[any]any)},
		"wrong type":       {decode(t, "81 a4 54 61 73 6b a1 78"), new(wire.TaskKey)},
		"field is a slice": {field("Start", array(n, "\xc0")), new(wire.ToTask)},
	} {
		var err error
		got := allocs.Bytes(func() { err = pack.Unmarshal(row.b, row.v) })
		if !errors.Is(err, pack.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
		if got > 64<<10 {
			t.Errorf("%s: %d bytes allocated for %d", what, got, len(row.b))
		}
	}
}

// TestFrameSizes: frames of all sizes come whole, and end where they should.
func TestFrameSizes(t *testing.T) {
	for _, n := range []int{0, 1, 64<<10 - 6, 64<<10 - 5, 64<<10 - 4, 128 << 10, 1<<20 + 1} {
		want := bytes.Repeat([]byte{byte(n)}, n)
		var b bytes.Buffer
		if err := pack.WriteFrame(&b, want); err != nil {
			t.Fatal(err)
		}
		b.WriteString("next")
		var got []byte
		if err := pack.ReadFrame(&b, pack.MaxOrders, &got); err != nil || !bytes.Equal(got, want) || b.String() != "next" {
			t.Errorf("%d bytes became %d, %d are left: %v", n, len(got), b.Len(), err)
		}
	}
}

// TestFrameMemory: a frame takes about twice what has come of it, whatever its
// length claims.
func TestFrameMemory(t *testing.T) {
	for _, come := range []int{0, 1 << 10, pack.MaxOrders - 1} {
		b := append([]byte{1, 0, 0, 0}, make([]byte, come)...)
		got := uint64(math.MaxUint64)
		for range 3 { // what others allocate meanwhile comes on top: the least is ours
			var v any
			var err error
			got = min(got, allocs.Bytes(func() { err = pack.ReadFrame(bytes.NewReader(b), pack.MaxOrders, &v) }))
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%d bytes of a frame: %v", come, err)
			}
		}
		if limit := uint64(2*come + 128<<10); got > limit {
			t.Errorf("%d bytes of a frame took %d in memory", come, got)
		}
	}
}

// TestBudgetFitsControl: whatever is in a control message, even nothing but zero
// values, a large one is far inside of the budget.
func TestBudgetFitsControl(t *testing.T) {
	for _, v := range []any{
		wire.TaskStatus{},
		wire.TaskOrder{},
		wire.StorageStatus{},
		wire.StorageOrder{},
		wire.Part{},
		wire.CheckpointPart{},
		wire.TaskKey{},
		job.Range{Hi: 1}, // what is zero does not travel, and no range of a task is empty
		job.File{Name: "f", Digest: strings.Repeat("0", 64)},
		job.Failure{Kind: 1},
		job.Info{State: 1},
		job.Node{},
		job.Seconds{},
		wire.TaskStatus{Phase: wire.Done, Counters: map[string]int64{"messages": 1, "a": 2}, Parts: make([]wire.Part, 3), Failure: &job.Failure{Kind: 1}},
		wire.TaskOrder{Start: wire.TaskStart{Args: make([]string, 3), Ranges: make([]job.Range, 9), Hosts: make([]string, 9), Restore: &wire.Checkpoint{}, Credentials: &wire.Credentials{}}, Addrs: make([]string, 9), Files: make([]job.File, 2)},
	} {
		typ := reflect.TypeOf(v)
		n := 1 << 20 / len(marshal(t, v))
		many := reflect.MakeSlice(reflect.SliceOf(typ), n, n)
		for i := range n {
			many.Index(i).Set(reflect.ValueOf(v))
		}
		b := marshal(t, many.Interface())
		back := reflect.New(many.Type())
		if err := pack.Unmarshal(b, back.Interface()); err != nil {
			t.Errorf("%d of %s: %v", n, typ, err)
		}
		if memory := int(typ.Size()) * n; memory > 4*len(b) {
			t.Errorf("%s takes %d times its encoded size", typ, memory/len(b))
		}
	}
}

func TestRoundTrip(t *testing.T) {
	type inner struct{ A, B int }
	type sparse struct {
		inner
		*job.Range
		N    map[string][]float64 `msgpack:"n,omitempty"`
		When time.Time
		Any  any
		Ptr  **int
		Raw  []byte
		Grid [2][3]uint8
		Job  job.State
	}
	x := 7
	p := &x
	want := sparse{
		inner: inner{1, 2}, Range: &job.Range{Lo: 3, Hi: 4}, N: map[string][]float64{"x": {1, 2.5}},
		When: time.Unix(5, 6).UTC(), Any: "text", Ptr: &p, Raw: []byte("raw"), Job: job.Running,
	}
	for _, unmarshal := range []func([]byte, any) error{pack.Unmarshal, pack.UnmarshalData} {
		var got sparse
		if err := unmarshal(marshal(t, want), &got); err != nil {
			t.Fatal(err)
		}
		got.When = got.When.UTC()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	// A program's own data may be as sparse as it likes.
	var rows [][]float64
	if err := pack.UnmarshalData(marshal(t, make([][]float64, 1<<20)), &rows); err != nil || len(rows) != 1<<20 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if err := pack.Unmarshal(marshal(t, x), x); err == nil {
		t.Error("decoded into no pointer")
	}
	if err := pack.Unmarshal(marshal(t, x), nil); err == nil {
		t.Error("decoded into nil")
	}
}

// list nests as deep as it is long.
type list struct{ Next *list }

// TestDepth: what could not be decoded is not encoded, and no extension hides a
// nested value from the scan.
func TestDepth(t *testing.T) {
	var l *list
	for range pack.MaxDepth {
		l = &list{l}
	}
	var back *list
	if err := pack.UnmarshalData(marshal(t, l), &back); err != nil || !reflect.DeepEqual(back, l) {
		t.Errorf("a list of %d: %v", pack.MaxDepth, err)
	}
	if b, err := pack.Marshal(&list{l}); !errors.Is(err, pack.ErrMalformed) {
		t.Errorf("a longer list: %d bytes, %v", len(b), err)
	}

	deep := bytes.Repeat([]byte{0x81, 0xa0}, 8<<20)
	ext := binary.BigEndian.AppendUint32([]byte{0xc9}, uint32(len(deep)+1))
	ext = append(append(append(ext, 5), deep...), 0xc0)
	for _, v := range []any{new(map[string]any), new(list), new([]map[string]any)} {
		b := ext
		if reflect.TypeOf(v).Elem().Kind() == reflect.Slice {
			b = append([]byte{0x91}, ext...)
		}
		if err := pack.UnmarshalData(b, v); !errors.Is(err, pack.ErrMalformed) {
			t.Errorf("%T from an extension: %v", v, err)
		}
	}
}

// Types that hold each other: whether a map is in them does not depend on which
// was looked at first.
type outer struct{ In *between }

type between struct {
	Out []outer
	M   map[string]int64
}

func TestMapsOfRecursiveTypes(t *testing.T) {
	counts := func() map[string]int64 {
		m := map[string]int64{}
		for i := range 20 {
			m[strconv.Itoa(i)] = int64(i)
		}
		return m
	}
	value := func() outer { return outer{&between{M: counts(), Out: []outer{{&between{M: counts()}}}}} }
	first := marshal(t, value())
	for range 50 {
		if !bytes.Equal(marshal(t, value()), first) {
			t.Fatal("equal values have other bytes")
		}
	}
}

// FuzzUnmarshal: no bytes crash the decoder or make it take much more memory
// than their size.
func FuzzUnmarshal(f *testing.F) {
	f.Add(marshal(f, wire.Report{Tasks: []wire.TaskStatus{{Counters: map[string]int64{"m": 1}, Failure: job.Fail(job.FaultLink, "x")}}}))
	f.Add(marshal(f, wire.FromTask{Done: &wire.TaskDone{Parts: []wire.Part{{Peer: 1}}}}))
	f.Add(marshal(f, wire.ToTask{Start: &wire.TaskStart{Args: []string{"a"}, Restore: &wire.Checkpoint{}}}))
	f.Add(marshal(f, map[string]any{"a": []any{1, "b", nil, time.Unix(1, 2)}}))
	f.Add(decode(f, "dd ff ff ff ff"))
	f.Add(decode(f, "81 a8 436f756e74657273 d6 ff 81 a1 78 c6"))
	f.Add(decode(f, "81 81 01 02 03"))
	f.Add(decode(f, "c7 05 05 81 a0 81 a0 c0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []any{new(wire.Report), new(wire.Orders), new(wire.FromTask), new(wire.ToTask), new(any), new(map[any]any), new([]map[string]any)} {
			var err error
			got := allocs.Bytes(func() { err = pack.Unmarshal(b, v) })
			if err != nil && !errors.Is(err, pack.ErrMalformed) {
				t.Errorf("%T: %v", v, err)
			}
			if data := reflect.New(reflect.TypeOf(v).Elem()).Interface(); len(b) < 1<<10 { // it has no limit on memory
				if err := pack.UnmarshalData(b, data); err != nil && !errors.Is(err, pack.ErrMalformed) {
					t.Errorf("%T as data: %v", v, err)
				}
			}
			if limit := 2 * uint64(1<<20+8*len(b)); got > limit { // twice the budget
				t.Errorf("%T: %d bytes allocated for %d", v, got, len(b))
			}
		}
	})
}
